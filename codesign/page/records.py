"""JSON records of studies and searches, read for a page."""

import json
from pathlib import Path
from typing import Any

from codesign.errors import InputError
from codesign.files import RECORD, read_bytes


def records(folder: Path, *schemas: str) -> list[dict[str, Any]]:
    """The records of these schemas in a folder, by file name.

    Raises InputError when there is none, or one is damaged.
    """
    return [record for _, record in files(folder, *schemas)]


def files(folder: Path, *schemas: str) -> list[tuple[Path, dict[str, Any]]]:
    """The same with their files."""
    found = [(path, r) for path in sorted(folder.glob("*.json")) if (r := _read(path)).get("schema") in schemas]
    if not found:
        raise InputError(f"{folder}: holds no results yet; run its command to the end")
    return found


def _read(path: Path) -> dict[str, Any]:
    if path.name.startswith("."):
        return {}
    try:
        content = json.loads(read_bytes(path, RECORD))
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror}); run its command again") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path}: is damaged; run its command again to rewrite it") from None
    return content if isinstance(content, dict) else {}


def shown(value: Any) -> str:
    """A value of a key as text: 300-100 for layers."""
    if isinstance(value, dict):
        return " ".join(f"{k}={v}" for k, v in value.items())
    return ("-".join(map(str, value)) or "none") if isinstance(value, list) else str(value)


def label(candidate: dict[str, Any]) -> str:
    """A candidate for people: hidden 128-64, downsample 2."""
    return ", ".join(f"{key.rpartition('.')[2]} {shown(value)}" for key, value in candidate.items())
