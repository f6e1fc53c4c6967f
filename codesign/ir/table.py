"""The table of nodes: how a file stores each field, by the type of the field. Used by schema, store and show.

| type of a field         | in the description              | as a tensor, NAME. and |
|-------------------------|---------------------------------|------------------------|
| `int`                   | a whole number                  |                        |
| `Pair`                  | [height, width] (before version 4: one number) | |
| `str`                   | the name of a node              |                        |
| `Trim` or None          | [gain, shift]                   |                        |
| `Units`                 | a list of numbers               |                        |
| `Requant`               | shift, out                      | mult, bias             |
| `Weights`, `Ints`       |                                 | the field's name       |

A field that came in a later version (`nodes.base.since`) is left out where it has its default.
"""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, NamedTuple, get_type_hints

import numpy as np
from numpy.typing import NDArray

from codesign.fixed import Ints, IntType, Trim
from codesign.ir.geometry import Pair
from codesign.ir.nodes import KINDS, Node, Requant
from codesign.ir.nodes.base import Units
from codesign.ir.nodes.matrix import Weights

TYPES = {name: {f.name: get_type_hints(kind)[f.name] for f in fields(kind)} for name, kind in KINDS.items()}
TRIM = Trim | None
ARRAYS: dict[Any, Any] = {Weights: np.int32, Ints: np.int64}  # type of a field: dtype in a file


def types(kind: type[Node]) -> dict[str, Any]:
    """Type of every field of a kind of node, in their order."""
    return TYPES[kind.kind]


class Later(NamedTuple):
    """A field that not all versions of the file have."""

    version: int  # the first that has it
    default: Any


LATER = {
    name: {f.name: Later(f.metadata["since"], f.default) for f in fields(kind) if "since" in f.metadata}
    for name, kind in KINDS.items()
}


def later(kind: type[Node]) -> dict[str, Later]:
    """The fields of a kind of node that came after it."""
    return LATER[kind.kind]


def version(node: Node) -> int:
    """The first version of the file that has all fields of a node which have no default value."""
    found = [first for field, (first, default) in later(type(node)).items() if getattr(node, field) != default]
    return max(found, default=1)


def tensors(node: Node) -> dict[str, NDArray[Any]]:
    """The tensors that a file stores for a node, by their names without the node's."""
    found: dict[str, NDArray[Any]] = {}
    for field, kind in types(type(node)).items():
        value = getattr(node, field)
        if kind is Requant:
            found |= {"mult": _stored(value.mult, np.int64), "bias": _stored(value.bias, np.int64)}
        elif kind in ARRAYS:
            found[field] = _stored(value, ARRAYS[kind])
    return found


def square(node: Node) -> bool:
    """Whether one number describes every window of a node."""
    pairs = (getattr(node, f) for f, kind in types(type(node)).items() if kind == Pair)
    return all(height == width for height, width in pairs)


def record(node: Node, type_of: Callable[[IntType], Any], pairs: bool) -> dict[str, Any]:
    """A node without its tensors, in JSON values; `type_of` encodes integer types. pairs: windows have two sides."""
    found: dict[str, Any] = {"kind": node.kind}
    absent = {field for field, (_, default) in later(type(node)).items() if getattr(node, field) == default}
    for field, kind in types(type(node)).items():
        value = getattr(node, field)
        if kind is Requant:
            found |= {"shift": value.shift, "out": type_of(value.out)}
        elif field in absent:
            continue
        elif kind == TRIM:
            found[field] = [value.gain, value.shift]
        elif kind == Units:
            found[field] = list(value)
        elif kind == Pair:
            found[field] = list(value) if pairs else value[0]
        elif kind not in ARRAYS:
            found[field] = value
    return found


def node(kind: type[Node], described: dict[str, Any], out: IntType | None, tensor: Callable[[str], Any]) -> Node:
    """Inverse of `record` and `tensors`. `described` holds the JSON fields, `out` the type of the requantizer."""
    values: dict[str, Any] = {}
    for field, form in types(kind).items():
        if form is Requant:
            assert out is not None
            values[field] = Requant(tensor("mult"), tensor("bias"), described["shift"], out)
        elif form == TRIM:
            pair = described.get(field)
            values[field] = None if pair is None else Trim(*pair)
        elif form == Units:
            numbers = described.get(field)
            values[field] = None if numbers is None else tuple(numbers)
        elif form in ARRAYS:
            values[field] = tensor(field)
        elif field in described or field not in later(kind):
            values[field] = described[field]
    return kind(**values)


def _stored(values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    return np.ascontiguousarray(values, dtype=dtype)
