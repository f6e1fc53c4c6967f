"""Read untrusted files: regular ones only, no larger than expected, and UTF-8 where they are text.

Problems are raised as OSError with a readable `strerror`, so that callers report them in the same line as a missing
file or a missing permission.
"""

import codecs
import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_OTHERS = (  # the longer mark first: UTF-32's begins with UTF-16's
    ((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), "UTF-32"),
    ((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE), "UTF-16"),
)
RECORD = 1 << 26  # bytes of a JSON file of ours


def pathless(path: Path) -> str:
    """A path for records that are the same on every machine: as it is, or the name of an absolute one."""
    return path.name if path.is_absolute() else path.as_posix()


def open_regular(path: str | Path, limit: int) -> BufferedReader:
    """Open a file of at most `limit` bytes for reading.

    Raises OSError when it cannot be opened, is a folder, pipe or device, or is larger; a pipe without a writer does
    not block.
    """
    try:
        f = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb")
    except ValueError as e:  # the name holds a null byte
        raise OSError(errno.EINVAL, f"not a file name, {e}", str(path)) from None
    try:
        found = os.fstat(f.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if found.st_size > limit:
            raise OSError(errno.EFBIG, f"{found.st_size:,} bytes, at most {limit:,} are expected", str(path))
    except OSError:
        f.close()
        raise
    return f


def read_bytes(path: str | Path, limit: int) -> bytes:
    """Contents of a regular file of at most `limit` bytes. Raises OSError, also when it grows while it is read."""
    with open_regular(path, limit) as f:
        data = f.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"more than {limit:,} bytes", str(path))
    return data


def read_text(path: str | Path, limit: int) -> str:
    """Text of a regular file of at most `limit` bytes: UTF-8, with or without a byte order mark, whatever the locale.

    Raises OSError, also for text in another encoding.
    """
    data = read_bytes(path, limit)
    for marks, name in _OTHERS:
        if data.startswith(marks):
            raise OSError(errno.EILSEQ, f"{name} text; save it as UTF-8", str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise OSError(errno.EILSEQ, f"byte {e.start} is not UTF-8; save it as UTF-8", str(path)) from None
