"""The journal in which all workers of a search record what they did: one entry per line, each with a checksum.

A line is CRC JSON, where CRC is the CRC-32 in hex of this entry and all before it, so that a line which was changed,
lost, doubled or moved is noticed. Only the end of the file may be missing: that is what a kill leaves.
"""

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend, JournalFileSymlinkLock

from codesign.errors import InputError
from codesign.files import open_regular

LIMIT = 1 << 30  # bytes; a trial takes about a thousand
START = zlib.crc32(b"codesign-journal/1")


class Journal(BaseJournalBackend):
    """Optuna's journal of JSON lines, with checksums. Any number of processes may read and append."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, JournalFileSymlinkLock(str(path))
        self._ends = [(0, START)]  # after each number of lines: position in the file, checksum so far
        if not path.exists():
            path.touch()

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Entries from that number on. Raises InputError on the first line that is not as it was written."""
        at, crc = self._ends[log_number_from]
        for number, line in enumerate(self._lines(at), log_number_from + 1):
            told, _, entry = line[:-1].partition(b" ")
            at, crc = at + len(line), zlib.crc32(entry, crc)
            if told != b"%08x" % crc:
                old = number == 1 and line.startswith(b"{")
                what = (
                    "is from an older codesign, without checksums"
                    if old
                    else "is damaged, or a line before it is missing"
                )
                raise self._damaged(f"line {number} {what}")
            if number == len(self._ends):
                self._ends.append((at, crc))
            yield json.loads(entry)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add entries, all or none. Raises OSError, and InputError as reading does."""
        self._lock.acquire()
        try:
            for _ in self.read_logs(len(self._ends) - 1):
                pass  # what others added meanwhile
            at, crc = self._ends[-1]
            lines, ends = [], []
            for log in logs:
                entry = json.dumps(log, separators=(",", ":")).encode()
                crc = zlib.crc32(entry, crc)
                lines.append(b"%08x %b\n" % (crc, entry))
                ends.append((at + sum(map(len, lines)), crc))
            _replace_end(self._path, at, b"".join(lines))
            self._ends += ends
        finally:
            self._lock.release()

    def _lines(self, at: int) -> list[bytes]:
        """Whole lines from a position on; what follows is still being written, or its writer was killed."""
        try:
            with open_regular(self._path, LIMIT) as f:
                size = os.fstat(f.fileno()).st_size
                if size < at:
                    raise self._damaged("became shorter while it was in use")
                f.seek(at)
                data = f.read(size - at)
        except OSError as e:
            raise self._damaged(f"cannot be read ({e.strerror})") from None
        return data[: data.rfind(b"\n") + 1].splitlines(keepends=True)

    def _damaged(self, how: str) -> InputError:
        return InputError(f"{self._path}: {how}; remove it; the trainings in {self._path.parent / 'jobs'} are kept")


def _replace_end(path: Path, at: int, data: bytes) -> None:
    """Write `data` where the whole lines of a file end; if that fails, write nothing."""
    with path.open("r+b", buffering=0) as f:
        f.truncate(at)  # a killed writer's half line
        f.seek(at)
        left = memoryview(data)
        try:
            while left:
                left = left[f.write(left) :]
            os.fsync(f.fileno())
        except OSError:
            with suppress(OSError):
                f.truncate(at)
            raise
