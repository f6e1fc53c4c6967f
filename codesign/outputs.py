"""Output folders: opened in one place, so that nobody's files are overwritten and nothing stays half-written.

A folder of ours carries `.codesign.json`: what kind it is and, once complete, which files we wrote.
"""

import errno
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from codesign.errors import OutputError

MARKER = ".codesign.json"
SCHEMA = 1
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


def claim(path: str | Path, kind: str) -> Path:
    """The folder `path`, made if absent and marked as ours; what it holds already stays.

    Raises OutputError when it holds files codesign did not write, is another kind's, or cannot be written.
    """
    folder = Path(path)
    _check(folder, kind)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / MARKER).exists():
            atomic_write(folder / MARKER, _marker(kind, None))
    except OSError as e:
        raise _unwritable(folder, e) from None
    return folder


def kind_of(path: str | Path) -> str | None:
    """What kind of folder of ours `path` is; None when it is not ours."""
    return _read(Path(path))[0]


def atomic_write(path: str | Path, data: bytes | str) -> None:
    """Write a file at once: a reader, or a kill, meets the old contents or the new, never a part."""
    target = Path(path)
    work = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with work.open("wb") as f:
            f.write(data.encode() if isinstance(data, str) else data)
            f.flush()
            os.fsync(f.fileno())
        work.replace(target)
    finally:
        work.unlink(missing_ok=True)


@contextmanager
def staged(path: str | Path, kind: str) -> Iterator[Path]:
    """A new empty folder to fill; on success it takes the place of `path`, on failure `path` is as before.

    Raises OutputError when `path` holds anything that an earlier `staged` of this kind did not write.
    """
    target = Path(path).resolve()
    if not target.name:
        raise OutputError(f"{target}: cannot be replaced; choose a folder below it")
    previous = target.with_name(f".{target.name}.previous")
    try:
        if previous.is_dir() and not target.exists():
            previous.rename(target)  # an earlier process was killed between the two renames below
        _check(target, kind, complete=True)
        if target.exists() and Path.cwd().is_relative_to(target):
            raise OutputError(f"{target}: is the current folder, which cannot be replaced; choose a folder below it")
        target.parent.mkdir(parents=True, exist_ok=True)
        work = _workplace(target)
    except OSError as e:
        raise _unwritable(target, e) from None
    try:
        with writing(target):
            yield work
            (work / MARKER).write_text(_marker(kind, _files(work)))
            _swap(work, target, previous)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turns a full disk or a missing permission, met while filling `folder`, into OutputError."""
    try:
        yield
    except OSError as e:
        if e.errno is None or e.errno in _UNWRITABLE:  # None: numpy, fewer bytes written than asked for
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
    """A folder beside `target`; those that killed processes of this machine left are removed."""
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
    with suppress(PermissionError):  # exists, someone else's
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
    if not any(folder.iterdir()):
        return
    found, written = _read(folder)
    if found is None:
        raise _foreign(folder, sorted(p.name for p in folder.iterdir()))
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
    return OutputError(f"{folder}: cannot be written ({e.strerror or e}); choose another folder or free it")


def _files(folder: Path) -> list[str]:
    """Every file below `folder` but the marker, by its path inside."""
    return sorted(
        p.relative_to(folder).as_posix()
        for p in folder.rglob("*")
        if (p.is_symlink() or not p.is_dir()) and p != folder / MARKER
    )


def _marker(kind: str, files: list[str] | None) -> str:
    content: dict[str, Any] = {"kind": kind, "schema": SCHEMA}
    if files is not None:
        content["files"] = files
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def _read(folder: Path) -> tuple[str | None, set[str]]:
    """(kind, files written) of a folder of ours; kind None if there is no marker, or not one we understand."""
    try:
        content = json.loads((folder / MARKER).read_text())
        if content["schema"] != SCHEMA:
            return None, set()
        return str(content["kind"]), {str(f) for f in content.get("files", [])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, set()
