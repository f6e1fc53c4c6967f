"""JSON records of studies and searches, read for a page."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codesign.errors import InputError
from codesign.files import RECORD, read_bytes

FEW = 3  # seeds below which an interval says nothing


def records(folder: Path, *schemas: str) -> list[dict[str, Any]]:
    """The records of these schemas in a folder, by file name.

    Raises InputError when there is none, or one is damaged.
    """
    found = [r for path in sorted(folder.glob("*.json")) if (r := _read(path)).get("schema") in schemas]
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


def caveats(seeds: int, is_quick: bool) -> Iterator[str]:
    """Why figures mean little."""
    if is_quick:
        yield "A quick run: it shows how the tool works; its figures mean nothing."
    if seeds < FEW:
        count = "one seed" if seeds == 1 else f"{seeds} seeds"
        yield f"With {count} no interval can be told; differences of this size may be chance."
