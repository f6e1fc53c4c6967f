"""A look at the bytes of a file before they are parsed: a few small ones could otherwise become many large objects.

Protocol buffers are fields: a key that holds number and kind, then a number, or a length and that many bytes. Only the
fields on the way to the weights are followed.
"""

from typing import Any

from codesign.errors import InputError

STRUCTURE = 1 << 24  # bytes besides weights: far more than any chip's network needs
MOST_FIELDS = 1 << 19  # that are looked at

_TENSOR: dict[int, Any] = dict.fromkeys((4, 5, 7, 9, 10, 11))  # values in floats, integers, or raw
_GRAPH: dict[int, Any] = {1: {5: {5: _TENSOR}}, 5: _TENSOR}  # nodes: attributes: a tensor; initializers
_MODEL: dict[int, Any] = {7: _GRAPH}
_SMALL = 64  # bytes of a message that is not looked into


def check_structure(data: bytes) -> None:
    """Raises InputError when a file holds more than `STRUCTURE` besides weights, ValueError when fields do not end."""
    left = [MOST_FIELDS]
    besides = len(data) - _weights(data, 0, len(data), _MODEL, left)
    if besides > STRUCTURE:
        raise InputError(
            f"holds {besides:,} bytes besides its weights, at most {STRUCTURE:,} are allowed; simplify the model"
        )


def _weights(data: bytes, at: int, end: int, fields: dict[int, Any], left: list[int]) -> int:
    """Bytes of weights in a message data[at:end]; left counts down the fields that may still be looked at."""
    found = 0
    while at < end:
        left[0] -= 1
        if left[0] < 0:
            raise InputError(f"has more than {MOST_FIELDS:,} fields; simplify the model")
        key, at = _number(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            _, at = _number(data, at)
            continue
        size, at = _number(data, at) if kind == 2 else ({1: 8, 5: 4}.get(kind, -1), at)
        if size < 0 or at + size > end:
            raise ValueError("a field does not end")
        if number in fields and kind == 2:
            below = fields[number]
            if below is None:
                found += size
            elif size > _SMALL:
                found += _weights(data, at, at + size, below, left)
        at += size
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and where it ends."""
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("a number does not end")
