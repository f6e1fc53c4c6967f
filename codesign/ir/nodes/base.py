"""The base of all nodes, and rules that several kinds of nodes share.

A kind of node is one frozen dataclass. A file stores its fields: `schema` and `store` follow their types. The network
calls its methods and nothing else.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from codesign.brief import Brief, times
from codesign.errors import InputError
from codesign.fixed import INT32, Ints, IntType
from codesign.fixed import requantize as requantize_exact
from codesign.ir.geometry import Shape, Window, printed

Units = tuple[int, ...] | None  # numbers in the user's model, rising; None: 0, 1, 2 and so on


def since(version: int) -> dict[str, int]:
    """Marks a field that files have from this version on, where it differs from its default."""
    return {"since": version}


@dataclass(frozen=True, eq=False)
class Requant(Brief):
    """Scaling of an accumulator: `clamp((acc * mult + bias + 2^(shift-1)) >> shift)` to lo..hi of `out`.

    mult and bias hold one value per channel: per column of a linear layer, per channel of an image. lo..hi is any
    range inside the type: with lo = 0 it is a ReLU, -1..1 is a narrow signed 2-bit activation. The last node of a
    network has mult 1, shift 0 and out int32: raw accumulators plus bias.
    """

    mult: Ints  # (channels,) signed 16 bit
    bias: Ints  # (channels,) signed 32 bit
    shift: int  # 0..31
    out: IntType

    @property
    def is_raw(self) -> bool:
        """Whether the output is raw accumulators."""
        return self.out == INT32

    def __call__(self, acc: Ints) -> Ints:
        """Accumulators (images, channels, ...) as integers of `out`."""
        mult, bias = per_channel(self.mult, acc), per_channel(self.bias, acc)
        return requantize_exact(acc, mult, bias, self.shift, self.out)


@dataclass(frozen=True, eq=False)
class Reader(Brief):
    """A node: its name, and the edge it reads."""

    kind: ClassVar[str]  # in printed networks, files and messages
    plural: ClassVar[str]  # in the message of a chip that cannot map it

    name: str
    source: str  # the node it reads; "input" is the network's input

    @property
    def sources(self) -> tuple[str, ...]:
        """Every edge that the node reads."""
        return (self.source,)

    @property
    def scaling(self) -> Requant | None:
        """Its requantizer; None if the output keeps the type and range of the input."""
        found: Requant | None = getattr(self, "requant", None)
        return found

    @property
    def multipliers(self) -> dict[str, Ints]:
        """Further multipliers, by field: (channels,) signed 16 bit, with the requantizer's shift."""
        return {}

    @property
    def facts(self) -> str:
        """Its sizes, as printed."""
        return ""

    def shape(self, *sources: Shape) -> Shape:
        """Shape of its output, from the shapes of the edges that it reads."""
        raise NotImplementedError

    def numbering(self, *sources: Units) -> Units:
        """The user's numbers of the channels (or features) of its output, from those of the edges that it reads."""
        return sources[0]

    def check(self, *sources: Shape) -> None:
        """Raises InputError on the first size, weight or trim that breaks a rule or does not suit its input."""
        raise NotImplementedError

    def check_types(self, *sources: IntType) -> None:
        """Raises InputError when values of the edges that it reads do not suit it."""

    def value(self, *edges: Ints) -> Ints:
        """Its output for the edges that it reads, (images, ...) each: the untiled reference."""
        raise NotImplementedError


def per_channel(constants: Ints, values: Ints) -> Ints:
    """Constants of channels (or features), shaped to broadcast over `values` (images, channels, ...)."""
    return constants.reshape(-1, *(1,) * (values.ndim - 2))


def check_least(node: Reader, **least: int) -> None:
    """Raises InputError unless the named fields are integers of at least the given value."""
    for field, smallest in least.items():
        value: Any = getattr(node, field)
        if type(value) is not int or value < smallest:
            raise InputError(f"layer {node.name}: {field} must be an integer of at least {smallest}, got {value!r}")


def check_pairs(node: Reader, **least: int) -> None:
    """Raises InputError unless the named fields are pairs (height, width) of integers of at least the given value."""
    for field, smallest in least.items():
        value: Any = getattr(node, field)
        two = isinstance(value, tuple) and len(value) == 2
        if not two or any(type(v) is not int or v < smallest for v in value):
            came = value[0] if two and value[0] == value[1] else value
            raise InputError(
                f"layer {node.name}: {field} must be an integer of at least {smallest}, or a pair of them, got {came!r}"
            )


def check_padding(node: Reader, window: Window) -> None:
    """Raises InputError unless every position of the window covers a part of the image."""
    if any(p >= k for p, k in zip(window.padding, window.size, strict=True)):
        what = "kernel" if node.kind == "conv" else "window"
        raise InputError(
            f"layer {node.name}: padding must be smaller than the {times(window.size)} {what}, got "
            f"{printed(window.padding)}; pad less"
        )


def check_image(node: Reader, source: Shape) -> Shape:
    """`source`, the shape that an image layer reads. Raises InputError unless it is (channels, height, width)."""
    if len(source) == 3:
        return source
    advice = (
        "give the network a shape (channels, height, width)"
        if node.source == "input"
        else "read a layer that gives images"
    )
    raise InputError(
        f"layer {node.name}: {node.kind} reads images, but {node.source} gives {source[0]} values without "
        f"height and width; {advice}"
    )
