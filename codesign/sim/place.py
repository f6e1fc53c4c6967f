"""Where a simulation's files lie: the user's folder, or a temporary one that is removed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codesign.errors import OutputError, ToolError
from codesign.folders import alone, writing
from codesign.temporary import log_of, temporary, tidy_logs

LOGS = 5  # of broken simulations in temporary folders that are kept, the newest
_TMPDIR = "temporary files go where TMPDIR points"


@contextmanager
def place(folder: str | Path | None) -> Iterator[tuple[Path, Path]]:
    """The job's folder and its log. A temporary one (None) is removed at the end, whether the job succeeds or fails.

    The log of a failed simulation stays beside it, as long as it is one of the newest. Raises OutputError when there
    is no space, or when another simulation is writing there.
    """
    if folder is not None:
        work = Path(folder)
        with writing(work):
            work.mkdir(parents=True, exist_ok=True)
        with alone(work):
            yield work, work / "simulation.log"
        return
    keep = entered = False
    try:
        with temporary() as work:
            entered, log = True, log_of(work)
            tidy_logs(work, LOGS - 1)
            try:
                yield work, log
            except ToolError:
                keep = log.exists()
                raise
            finally:
                if not keep:
                    log.unlink(missing_ok=True)
    except OutputError as e:
        raise OutputError(f"{e}; {_TMPDIR}") from None
    except OSError as e:
        if entered:
            raise
        raise OutputError(
            f"simulate: cannot make a temporary folder ({e.strerror}); free disk space or set TMPDIR to another folder"
        ) from None
