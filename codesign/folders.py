"""Output folders: only this module opens them, so that no user file is overwritten and nothing stays half-written.

A codesign folder contains `.codesign.json`: its kind and, once complete, the files that codesign wrote. A writer holds
the lock of its folder.
"""

import errno
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from codesign.errors import OutputError, plain
from codesign.files import RECORD, read_bytes

MARKER = ".codesign.json"
LOCK = ".codesign.lock"
SCHEMA = 1
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
_IN_THE_WAY = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG}
_LOCKLESS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}  # file systems without locks: users must keep commands apart
POLL = 0.5  # seconds between attempts to take a lock


@contextmanager
def claimed(path: str | Path, kind: str) -> Iterator[Path]:
    """Create the folder `path` if absent, mark it as codesign's and lock it until the end; its contents stay.

    Raises OutputError when it holds files codesign did not write, belongs to another kind of codesign output, cannot be
    written, or when another command is writing there.
    """
    folder = Path(path)
    with writing(folder):
        _check(folder, kind)
        folder.mkdir(parents=True, exist_ok=True)
    with alone(folder):
        _check(folder, kind)  # again, now that nobody else can write
        try:
            if not (folder / MARKER).exists():
                atomic_write(folder / MARKER, _marker(kind, None))
        except OSError as e:
            raise _unwritable(folder, e) from None
        yield folder


@contextmanager
def alone(folder: str | Path, waits: Callable[[], None] | None = None) -> Iterator[None]:
    """Lock an existing folder. The operating system releases the lock when its holder ends, in whatever way.

    The holder may take the lock again inside. Raises OutputError at once when another command holds it; with `waits`,
    calls `waits` instead and then waits.
    """
    with _locked(Path(folder) / LOCK, Path(folder), waits):
        yield


def atomic_write(path: str | Path, data: bytes | str | Iterator[bytes]) -> None:
    """Write a file atomically: a reader sees the old contents or the new, never a part, even after a kill."""
    pieces = [data.encode()] if isinstance(data, str) else [data] if isinstance(data, bytes) else data
    target = Path(path)
    if not target.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    work = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with work.open("wb") as f:
            f.writelines(pieces)
            f.flush()
            os.fsync(f.fileno())
        work.replace(target)
    finally:
        work.unlink(missing_ok=True)


def deliver(path: Path, data: bytes | str | Iterator[bytes]) -> None:
    """`atomic_write` of a file that a user asked for, in a folder that need not exist yet. Raises OutputError."""
    with writing(path):
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, data)


@contextmanager
def staged(path: str | Path, kind: str) -> Iterator[Path]:
    """A new empty folder to fill; on success it replaces `path`, on failure `path` stays unchanged.

    Raises OutputError when `path` holds anything that an earlier `staged` of this kind did not write.
    """
    with writing(Path(path)):
        target = Path(path).resolve()
    if not target.name:
        raise OutputError(f"{target}: cannot be replaced; choose a folder below it")
    previous = target.with_name(f".{target.name}.previous")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise _unwritable(target, e) from None
    with _locked(target.with_name(f".{target.name}.lock"), target):
        try:
            if previous.is_dir() and not target.exists():
                previous.rename(target)  # an earlier process was killed between the two renames below
            _check(target, kind, complete=True)
            if target.exists() and Path.cwd().is_relative_to(target):
                raise OutputError(
                    f"{target}: is the current folder, which cannot be replaced; choose a folder below it"
                )
            work = _workplace(target)
        except OSError as e:
            raise _unwritable(target, e) from None
        try:
            with writing(target):
                yield work
                (work / MARKER).write_text(_marker(kind, _files(work)), encoding="utf-8")
                _check(target, kind, complete=True)  # others may have put files there meanwhile
                _swap(work, target, previous)
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _locked(file: Path, folder: Path, waits: Callable[[], None] | None = None) -> Iterator[None]:
    path = file.parent.resolve() / file.name  # one lock object per process and file, so that it can be taken again
    lock = FileLock(path, poll_interval=POLL, is_singleton=True, fallback_to_soft=False)
    outermost = not lock.is_locked
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if waits is None:
                raise OutputError(
                    f"{folder}: another command is writing there; wait, or choose another folder"
                ) from None
            waits()
            lock.acquire(timeout=-1)
    except OSError as e:
        if e.errno not in _LOCKLESS:
            raise _unwritable(folder, e) from None
        path.unlink(missing_ok=True)
    try:
        yield
    finally:
        if lock.is_locked:
            if outermost:
                with suppress(OSError):
                    path.unlink()  # while it is held: a waiting process notices, and makes a new one
            lock.release()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turns a full disk, a missing permission or something in the way, met in filling `folder`, into OutputError.

    So it does a name that no folder can have.
    """
    if "\0" in str(folder):
        raise OutputError(f"{plain(str(folder))}: cannot be a name, it holds a zero byte; choose another")
    try:
        yield
    except OSError as e:
        if e.errno is None or e.errno in _UNWRITABLE | _IN_THE_WAY:  # None: numpy, fewer bytes written than asked for
            raise _unwritable(folder, e) from None
        raise


def _swap(work: Path, target: Path, previous: Path) -> None:
    shutil.rmtree(previous, ignore_errors=True)
    if target.exists():
        target.rename(previous)
    try:
        work.rename(target)
    except OSError:
        if previous.exists():
            previous.rename(target)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _workplace(target: Path) -> Path:
    """A new folder beside `target`; removes those that killed processes of this machine left behind."""
    host = socket.gethostname()
    for left in target.parent.glob(f".{target.name}.{host}-*.partial"):
        pid = left.name.removesuffix(".partial").rpartition("-")[2]
        if pid.isdecimal() and (int(pid) == os.getpid() or not alive(int(pid))):
            shutil.rmtree(left, ignore_errors=True)
    work = target.with_name(f".{target.name}.{host}-{os.getpid()}.partial")
    work.mkdir()
    return work


def alive(pid: int) -> bool:
    """Whether there is such a process on this machine."""
    with suppress(PermissionError):  # it exists and belongs to another user
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
    return True


def _check(folder: Path, kind: str, complete: bool = False) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"{folder}: is a file, not a folder; choose another name")
    names = sorted(p.name for p in folder.iterdir() if p.name != LOCK)
    if not names:
        return
    found, written = _read(folder)
    if found is None:
        raise _foreign(folder, names)
    if found != kind:
        raise OutputError(f"{folder}: holds a codesign {found}, not a {kind}; choose another folder or remove it")
    if complete:
        extra = sorted(set(_files(folder)) - written)
        if extra:
            raise _foreign(folder, extra)


def _foreign(folder: Path, names: list[str]) -> OutputError:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return OutputError(
        f"{folder}: holds files codesign did not write ({names[0]}{more}); choose an empty folder or remove them"
    )


def _unwritable(folder: Path, e: OSError) -> OutputError:
    lost = os.path.islink(folder) and not os.path.exists(folder)
    why = "a symbolic link that leads nowhere" if lost else e.strerror or e
    return OutputError(f"{folder}: cannot be written ({why}); make it writable or choose another")


def kind_of(folder: Path) -> str | None:
    """The kind of a codesign folder; None if it is none."""
    return _read(folder)[0]


def _files(folder: Path) -> list[str]:
    """Paths inside `folder` of all its files except marker and lock."""
    return sorted(
        p.relative_to(folder).as_posix()
        for p in folder.rglob("*")
        if (p.is_symlink() or not p.is_dir()) and p not in (folder / MARKER, folder / LOCK)
    )


def _marker(kind: str, files: list[str] | None) -> str:
    content: dict[str, Any] = {"kind": kind, "schema": SCHEMA}
    if files is not None:
        content["files"] = files
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def _read(folder: Path) -> tuple[str | None, set[str]]:
    """(kind, files written) of a codesign folder; kind is None if there is no marker that this version can read."""
    try:
        content = json.loads(read_bytes(folder / MARKER, RECORD))
        if content["schema"] != SCHEMA:
            return None, set()
        return str(content["kind"]), {str(f) for f in content.get("files", [])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, set()
