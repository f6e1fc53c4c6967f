"""Change keys of a chip file's text; its other lines and comments stay."""

import re
from collections.abc import Sequence
from typing import Any

from codesign.settings import toml


def edited(text: str, settings: Sequence[tuple[str, Any]]) -> str:
    """TOML text, one key a line, with each (dotted key, value) in its table; what is missing is added."""
    lines = text.rstrip().split("\n")
    for key, value in settings:
        table, _, name = key.rpartition(".")
        _put(lines, f"[{table}]" if table else None, name, toml({name: value}).strip())
    return "\n".join(lines) + "\n"


def _put(lines: list[str], header: str | None, name: str, entry: str) -> None:
    heads = [k for k, line in enumerate(lines) if line.startswith("[")]
    if header is None:
        begin, end = 0, heads[0] if heads else len(lines)
    else:
        at = next((k for k in heads if lines[k].partition("#")[0].strip() == header), None)
        if at is None:
            lines += ["", header, entry]
            return
        begin, end = at + 1, next((k for k in heads if k > at), len(lines))
    for k in range(begin, end):
        if found := re.match(rf"{re.escape(name)}\s*=[^#]*?(\s*#.*)?$", lines[k]):
            lines[k] = entry + (found[1] or "")
            return
    filled = [k for k in range(begin, end) if lines[k].strip()]
    lines.insert(filled[-1] + 1 if filled else begin, entry)
