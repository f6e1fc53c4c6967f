"""A cache of compiled simulators. An entry's digest tells whether it is complete; entries are replaced atomically."""

import hashlib
import os
import shutil
import socket
import tempfile
from pathlib import Path

from codesign.files import read_bytes
from codesign.folders import alive

SEAL = b"# sha256 "  # begins the last line of an entry, a comment to the simulator
LARGEST = 1 << 32  # bytes


def cache_folder() -> Path:
    """Where compiled simulators are kept: $CODESIGN_CACHE, else the user's cache folder."""
    base = os.environ.get("CODESIGN_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "codesign"


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
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:  # a file
        entry.parent.unlink()
        entry.parent.mkdir()
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
