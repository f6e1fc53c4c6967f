"""How keys and values of a study are written, and where they lie on an axis."""

from collections.abc import Iterable


def short(keys: Iterable[str]) -> dict[str, str]:
    """The name of each dotted key in columns and labels: its last part where that is unique."""
    listed = list(keys)
    last = [key.rpartition(".")[2] for key in listed]
    return {key: end if last.count(end) == 1 else key for key, end in zip(listed, last, strict=True)}


def shown(value: object) -> str:
    """A value as text: 16 for [16], 300-100 for [300, 100]."""
    return "-".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def number(value: object) -> float | None:
    """A value as a number on an axis, [16] as 16; None if it is not a number."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
