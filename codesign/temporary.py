"""Temporary folders: removed at the end, however that comes; what killed processes left, the next one removes."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from codesign.errors import OutputError
from codesign.folders import alive, alone


@contextmanager
def temporary() -> Iterator[Path]:
    """A new empty folder where TMPDIR says, locked, and removed at the end. Raises OSError when there is no room."""
    ours = f"codesign-{socket.gethostname()}-"
    work = Path(tempfile.mkdtemp(prefix=f"{ours}{os.getpid()}-"))
    try:
        with ExitStack() as stack:
            with suppress(OutputError):  # where there is no room for a lock, there is none for the work, which says so
                stack.enter_context(alone(work))
            _tidy(work.parent, ours)
            yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def log_of(work: Path) -> Path:
    """The log beside a temporary folder, which may outlive it."""
    return work.with_name(f"{work.name}.log")


def tidy_logs(beside: Path, keep: int) -> None:
    """Remove all but the newest logs whose folders are gone."""
    ours = f"codesign-{socket.gethostname()}-"
    found = []
    for log in beside.parent.glob(f"{ours}*-*.log"):
        with suppress(OSError):  # another process tidies, too
            if not log.with_suffix("").exists():
                found.append((log.lstat().st_mtime_ns, log))
    for _, log in sorted(found)[: max(0, len(found) - keep)]:
        with suppress(OSError):  # someone else's
            log.unlink()


def _tidy(parent: Path, ours: str) -> None:
    """Remove the folders of dead processes, with their logs, which no message names."""
    for left in parent.glob(f"{ours}*-*/"):
        pid = left.name.removeprefix(ours).partition("-")[0]
        if not pid.isdecimal() or alive(int(pid)) or left.is_symlink():
            continue
        with suppress(OutputError), alone(left):  # held: by a process that has this number elsewhere, in a container
            shutil.rmtree(left, ignore_errors=True)
        if not left.exists():  # it was ours
            log_of(left).unlink(missing_ok=True)
