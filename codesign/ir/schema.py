"""The JSON description inside a network file, read strictly: the file may come from anywhere."""

from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from codesign.ir.geometry import Pair
from codesign.ir.nodes import KINDS, Linear, Node, Requant
from codesign.ir.nodes.base import Units
from codesign.ir.sizes import MAX_VALUES
from codesign.ir.table import ARRAYS, TRIM, later, types

MAX_LAYERS = 4096

Name = Annotated[str, Field(min_length=1, max_length=256)]
Size = Annotated[int, Field(ge=0, le=MAX_VALUES)]
Type = tuple[int, bool]  # bits, signed
Ranged = tuple[int, bool, int, int]  # and lo, hi
Trim = tuple[int, int] | None  # gain, shift
Numbers = Annotated[list[Size], Field(min_length=1, max_length=MAX_VALUES)] | None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Layer(_Strict):
    """A node without its tensors; every kind adds its fields."""

    kind: str
    name: Name
    source: Name


class Header(BaseModel):
    """The version, the one field that is read first."""

    schema_name: Literal[
        "codesign-network/1", "codesign-network/2", "codesign-network/3", "codesign-network/4", "codesign-network/5"
    ] = Field(alias="schema")


class Description(_Strict):
    """The fields that every version has; each version defines the form of types and layers."""

    name: str
    features: int = Field(ge=1, le=MAX_VALUES)
    input: Any
    step: float = Field(gt=0)
    schema_name: str = Field(alias="schema")
    layers: list[Any]


class _Image(Description):
    shape: tuple[Size, Size, Size] | None = None


Reals = Annotated[list[float], Field(max_length=MAX_VALUES)]


class _Real(_Image):
    scales: Reals = []
    offset: Reals = []
    output_step: float = Field(1.0, gt=0)


def _layer(kind: type[Node], number: int) -> type[Layer]:
    """The description of a kind of node in version `number`; see `table`."""
    out, sides = (Ranged if number >= 3 else Type), (tuple[Size, Size] if number >= 4 else Size)
    forms: dict[Any, Any] = {int: Size, str: Name, Pair: sides, TRIM: Trim, Units: Numbers}
    described: dict[str, Any] = {"kind": (Literal[kind.kind], ...)}
    for field, form in types(kind).items():
        first, default = later(kind).get(field, (1, ...))
        if form is Requant:
            described |= {"shift": (int, ...), "out": (out, ...)}
        elif form not in ARRAYS and first <= number:
            described[field] = (forms[form], default)
    return create_model(kind.__name__, __base__=Layer, **described)


def _version(number: int, base: type[Description]) -> type[Description]:
    name: Any = Literal[f"codesign-network/{number}"]
    kinds: list[Any] = [_layer(kind, number) for kind in KINDS.values()]
    layer: Any = Annotated[reduce(or_, kinds), Field(discriminator="kind")] if number > 1 else _layer(Linear, 1)
    layers = (list[layer], Field(max_length=MAX_LAYERS))
    out = Ranged if number >= 3 else Type
    described: dict[str, Any] = {"schema_name": (name, Field(alias="schema")), "input": (out, ...), "layers": layers}
    return create_model(f"Version{number}", __base__=base, **described)


VERSIONS: dict[str, type[Description]] = {
    "codesign-network/1": _version(1, Description),  # linear layers only
    "codesign-network/2": _version(2, _Image),  # every kind, trims, and the form of an input image
    "codesign-network/3": _version(3, _Image),  # the range of every integer type, too
    # What integers are worth, windows that differ along height and width, and the user's numbers of units.
    "codesign-network/4": _version(4, _Real),
    "codesign-network/5": _version(5, _Real),  # slices of weights, cuts of rows, and padding of max pooling
}
