"""A cache of compiled simulators. An entry's digest tells whether it is complete; entries are replaced atomically.

An entry has a folder, whose name tells what it was made of; while it is made, the folder is locked.
"""

import hashlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from codesign.errors import OutputError, ToolError
from codesign.files import read_bytes
from codesign.folders import alive, alone
from codesign.temporary import temporary

SEAL = b"# sha256 "  # begins the last line of an entry, a comment to the simulator
LARGEST = 1 << 32  # bytes
SIMULATORS = "icarus|verilator"


@dataclass(frozen=True)
class Contents:
    """What a cache holds, or what was removed from it. busy: entries that are just being made."""

    entries: int
    size: int  # bytes
    busy: int = 0


def cache_folder() -> Path:
    """Where compiled simulators are kept: $CODESIGN_CACHE, else the user's cache folder."""
    base = os.environ.get("CODESIGN_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "codesign"


def entry_of(simulator: str, top: str, content: object) -> Path:
    """The folder of a simulator of `top`, made of `content`, of which the repr tells everything."""
    digest = hashlib.sha256(repr(content).encode()).hexdigest()
    return cache_folder() / f"{simulator}-{top}-{digest[:16]}"


def compiled(entry: Path, top: str, make: Callable[[Path], bytes], executable: bool = False) -> Path:
    """The entry, which `make` compiles in a temporary folder unless it is there and whole; one process at a time.

    Raises what `make` raises, and ToolError when there is no room for it or its result.
    """
    if is_whole(entry):
        return entry
    folder = entry.parent
    try:
        _make_folder(folder)
        with alone(folder, lambda: None):
            if not is_whole(entry):  # nobody has made it meanwhile
                store(entry, _made(top, make), executable)
    except OSError as e:
        raise ToolError(
            f"{folder.parent}: cannot store compiled simulators ({e.strerror or e}); make it writable or set "
            "CODESIGN_CACHE to another folder"
        ) from None
    except OutputError as e:  # no lock
        raise ToolError(f"{e}; compiled simulators are kept where CODESIGN_CACHE points") from None
    finally:
        _leave(folder)
    return entry


def _made(top: str, make: Callable[[Path], bytes]) -> bytes:
    try:
        with temporary() as work:
            return make(work)
    except OSError as e:
        raise ToolError(
            f"simulator of {top}: cannot be compiled ({e.strerror or e}); free disk space or set TMPDIR elsewhere"
        ) from None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:  # a file
        folder.unlink()
        folder.mkdir()


def _leave(folder: Path) -> None:
    """Remove an entry's folder, and then the cache's, if nothing is in it."""
    with suppress(OSError):
        folder.rmdir()
        folder.parent.rmdir()


def contents() -> Contents:
    """The entries of the cache."""
    found = [files for folder in _folders() if (files := _files(folder))]
    return Contents(len(found), sum(_size(f) for files in found for f in files))


def clear() -> Contents:
    """Remove all entries that are not just being made, and the logs beside them, and nothing else."""
    entries = size = busy = 0
    for folder in _folders():
        try:
            with alone(folder):
                files = _files(folder)
                for file in files:
                    size += _size(file)
                    file.unlink(missing_ok=True)
                entries += bool(files)
        except OutputError:
            busy += 1
        _leave(folder)
    for log in cache_folder().glob("*.log"):
        if re.fullmatch(rf"({SIMULATORS})-\w+", log.stem):
            log.unlink(missing_ok=True)
    with suppress(OSError):
        cache_folder().rmdir()
    return Contents(entries, size, busy)


def _folders() -> list[Path]:
    ours = re.compile(rf"({SIMULATORS})-\w+-[0-9a-f]{{16}}")
    found = sorted(cache_folder().glob("*")) if cache_folder().is_dir() else []
    return [f for f in found if ours.fullmatch(f.name) and f.is_dir() and not f.is_symlink()]


def _files(folder: Path) -> list[Path]:
    """Simulators of an entry, and those that killed processes did not finish."""
    ours = [f for f in folder.glob("*") if f.name in ("sim", "sim.vvp") or f.name.endswith(".partial")]
    return [f for f in ours if f.is_symlink() or not f.is_dir()]


def _size(file: Path) -> int:
    with suppress(OSError):
        return file.lstat().st_size
    return 0


def is_whole(entry: Path) -> bool:
    """Whether the entry is as it was stored."""
    return stored(entry) is not None


def stored(entry: Path) -> bytes | None:
    """The content of an entry; None unless it is as it was stored."""
    try:
        content, seal, digest = read_bytes(entry, LARGEST).rpartition(SEAL)
    except OSError:
        return None
    return content if seal and digest == _digest(content) else None


def store(entry: Path, content: bytes, executable: bool = False) -> None:
    """Put an entry in place of whatever is there: others see the old or the new. Raises OSError.

    An executable stays one: what follows its last section does not matter to the system.
    """
    _make_folder(entry.parent)
    ours = f".{socket.gethostname()}-"
    for left in entry.parent.parent.glob(f"*/{ours}*-*.partial"):  # of killed processes of this machine
        pid = left.name.removeprefix(ours).partition("-")[0]
        if pid.isdecimal() and not alive(int(pid)):
            left.unlink(missing_ok=True)
    handle, work = tempfile.mkstemp(prefix=f"{ours}{os.getpid()}-", suffix=".partial", dir=entry.parent)
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(content + SEAL + _digest(content))
            f.flush()
            os.fsync(f.fileno())
            if executable:
                os.fchmod(f.fileno(), 0o700)
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        Path(work).replace(entry)
    finally:
        Path(work).unlink(missing_ok=True)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode() + b"\n"
