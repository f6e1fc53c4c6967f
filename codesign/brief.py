"""How objects are shown: a repr of one line, and a small table where a notebook asks for HTML."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from codesign.errors import plain

WIDTH = 120  # characters of a repr
VALUE = 40  # of one value in it


class Brief:
    """A base of dataclasses and pydantic models whose repr is one line of at most `WIDTH` characters.

    A class may say in `_brief` what distinguishes its objects. By default, the fields that differ from their defaults
    are listed: arrays by type and shape, other records by name, long values by their length.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__repr__ = Brief.__repr__  # type: ignore[method-assign]  # in the class itself, where @dataclass keeps it

    def _brief(self) -> str:
        return joined(settings(self), WIDTH - len(type(self).__name__) - 2)

    def __repr__(self) -> str:
        name, text = type(self).__name__, plain(self._brief())
        room = WIDTH - len(name) - 2
        return f"{name}({text if len(text) <= room else f'{text[: room - 3]}...'})"

    def __str__(self) -> str:
        return repr(self)


def settings(record: object, prefix: str = "") -> Iterator[str]:
    """KEY=VALUE of every field that is not at its default, tables within tables by dotted keys."""
    for name, value, default in _fields(record):
        if type(value) is type(default) and not hasattr(value, "dtype") and value == default:
            continue
        if hasattr(type(value), "model_fields"):
            yield from settings(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}={_shown(value)}"


def joined(parts: Iterable[str], room: int) -> str:
    """As many whole parts as there is room for, separated by commas; dots stand for the rest."""
    text, found = "", list(parts)
    for k, part in enumerate(found):
        longer = f"{text}, {part}" if text else part
        if len(longer) + (5 if k + 1 < len(found) else 0) > room:
            return f"{text}, ..." if text else "..."
        text = longer
    return text


def counted(number: int, noun: str, one: str = "", many: str = "") -> str:
    """A number and its noun, 1 word or 2 words; with a verb in both forms, 1 word differs or 2 words differ."""
    ending = "" if number == 1 else "es" if noun.endswith(("ch", "s", "x")) else "s"
    return f"{number:,} {noun}{ending} {one if number == 1 else many}".rstrip()


def times(sizes: Sequence[int]) -> str:
    """(3, 32, 32) as 3x32x32."""
    return "x".join(map(str, sizes))


def runs(numbers: Iterable[int]) -> str:
    """Rising numbers, neighbours together: 0-3,7; - for none."""
    found = [[n for _, n in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    return ",".join(f"{r[0]}-{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in found) or "-"


def html_table(caption: str, rows: Iterable[Sequence[object]], head: Sequence[str] = ()) -> str:
    """Rows of text as an HTML table, everything escaped. The first cell of a row names it."""

    def line(kind: str, cells: Sequence[object]) -> str:
        first, *rest = (escape(str(c)) for c in cells)
        return f"<tr><th>{first}</th>{''.join(f'<{kind}>{c}</{kind}>' for c in rest)}</tr>"

    lines = [f"<caption>{escape(caption)}</caption>", *([line("th", head)] if head else [])]
    return "\n".join(["<table>", *lines, *(line("td", row) for row in rows), "</table>"])


def _fields(record: Any) -> Iterator[tuple[str, object, object]]:
    """Name, value and default of every field."""
    if dataclasses.is_dataclass(record):
        for f in dataclasses.fields(record):
            yield f.name, getattr(record, f.name), f.default
        return
    values = dict(record)
    for name, info in type(record).model_fields.items():
        yield name, values[name], info.get_default(call_default_factory=True, validated_data=values)


def _shown(value: object) -> str:
    """A value, abbreviated."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{str(value.dtype).rpartition('.')[2]} {tuple(value.shape)}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str):
        return repr(value if len(value) <= VALUE else f"{value[: VALUE - 3]}...")
    if isinstance(value, Sequence | Mapping | Set):
        simple = not isinstance(value, Mapping) and all(isinstance(v, int | float | str) for v in value)
        text = repr(value) if simple and len(value) <= VALUE else ""
        return text if text and len(text) <= VALUE else counted(len(value), "item")
    text = str(value)
    return text if len(text) <= VALUE and "\n" not in text else f"{type(value).__name__}(...)"
