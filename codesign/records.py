"""Small JSON records that later commands rely on: each carries a digest of itself."""

import hashlib
import json
from pathlib import Path
from typing import Any

from codesign.files import read_bytes

DIGEST = "sha256"
LIMIT = 1 << 24  # bytes; the largest lists the accuracies of 10,000 dies


def sealed(content: dict[str, Any]) -> str:
    """The record as text, with its digest as one more key. Equal content, equal text."""
    return _text(content | {DIGEST: digest(content)})


def unsealed(path: str | Path) -> dict[str, Any]:
    """The content of a sealed record's file.

    Raises OSError when it cannot be read, ValueError when it was changed, or has no digest.
    """
    try:
        content = json.loads(read_bytes(path, LIMIT))
        told = content.pop(DIGEST, None)
    except (RecursionError, TypeError, AttributeError):  # nested too deep, or no table
        raise ValueError("not a record") from None
    if told is None:
        raise ValueError(f"has no {DIGEST} of itself")
    if told != digest(content):
        raise ValueError(f"its {DIGEST} does not match its content")
    return dict(content)


def digest(content: dict[str, Any]) -> str:
    """SHA-256 of a record without its digest."""
    return hashlib.sha256(_text(content).encode()).hexdigest()


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, sort_keys=True) + "\n"
