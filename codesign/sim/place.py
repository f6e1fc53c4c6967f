"""Where a simulation's files lie: the user's folder, or a temporary one that is removed."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codesign.errors import OutputError, ToolError
from codesign.folders import alive, alone, writing

_TMPDIR = "temporary files go where TMPDIR points"


@contextmanager
def place(folder: str | Path | None) -> Iterator[tuple[Path, Path]]:
    """The job's folder and its log. A temporary one (None) is removed at the end, whether the job succeeds or fails.

    The log of a failed simulation stays beside it. What killed processes of this machine left behind is removed
    first. Raises OutputError when there is no space, or when another simulation is writing there.
    """
    if folder is not None:
        work = Path(folder)
        with writing(work):
            work.mkdir(parents=True, exist_ok=True)
        with alone(work):
            yield work, work / "simulation.log"
        return
    ours = f"codesign-{socket.gethostname()}-"
    try:
        work = Path(tempfile.mkdtemp(prefix=f"{ours}{os.getpid()}-"))
    except OSError as e:
        raise OutputError(
            f"simulate: cannot make a temporary folder ({e.strerror}); free disk space or set TMPDIR to another folder"
        ) from None
    log = _log(work)
    keep = False
    try:
        _tidy(work.parent, ours)
        yield work, log
    except OutputError as e:
        raise OutputError(f"{e}; {_TMPDIR}") from None
    except ToolError:
        keep = log.exists()
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if not keep:
            log.unlink(missing_ok=True)


def _log(work: Path) -> Path:
    return work.with_name(f"{work.name}.log")


def _tidy(parent: Path, ours: str) -> None:
    """Remove the folders of dead processes, with their logs, which no message names."""
    for left in parent.glob(f"{ours}*-*/"):
        pid = left.name.removeprefix(ours).partition("-")[0]
        if pid.isdecimal() and not alive(int(pid)) and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
            if not left.exists():  # it was ours
                _log(left).unlink(missing_ok=True)
