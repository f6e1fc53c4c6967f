"""What every node has, and the parts of a node's rules that several kinds share.

A kind of node is one frozen dataclass. Its fields are all that a file keeps of it: `schema` and `store` go by their
types. Its methods are all that the network asks of it.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from codesign.brief import Brief
from codesign.errors import InputError
from codesign.fixed import INT32, Ints, IntType
from codesign.fixed import requantize as requantize_exact
from codesign.ir.geometry import Shape


@dataclass(frozen=True, eq=False)
class Requant(Brief):
    """Scaling of an accumulator: `clamp((acc * mult + bias + 2^(shift-1)) >> shift)` to lo..hi of `out`.

    mult and bias are per channel: a column of a linear layer, a channel of an image. lo..hi is any range inside the
    type: 0 below is a ReLU, -1..1 a narrow signed 2-bit activation. The last node of a network has mult 1, shift 0
    and out int32: raw accumulators plus bias.
    """

    mult: Ints  # (channels,) signed 16 bit
    bias: Ints  # (channels,) signed 32 bit
    shift: int  # 0..31
    out: IntType

    @property
    def is_raw(self) -> bool:
        """Whether accumulators leave the network here."""
        return self.out == INT32

    def __call__(self, acc: Ints) -> Ints:
        """Accumulators (images, channels, ...) as integers of `out`."""
        mult, bias = per_channel(self.mult, acc), per_channel(self.bias, acc)
        return requantize_exact(acc, mult, bias, self.shift, self.out)


@dataclass(frozen=True, eq=False)
class Reader(Brief):
    """A node: its name, and the edge it reads."""

    kind: ClassVar[str]  # in printed networks, files and messages
    plural: ClassVar[str]  # what chips do not take, in messages

    name: str
    source: str  # the node it reads; "input" is the network's input

    @property
    def sources(self) -> tuple[str, ...]:
        """Every edge that the node reads."""
        return (self.source,)

    @property
    def scaling(self) -> Requant | None:
        """Its requantizer; None where the integers of the edge it reads pass with their type and range."""
        found: Requant | None = getattr(self, "requant", None)
        return found

    @property
    def multipliers(self) -> dict[str, Ints]:
        """Multipliers beside the requantizer's, by field: (channels,) signed 16 bit, of the same shift."""
        return {}

    @property
    def facts(self) -> str:
        """Its sizes, as a printed network tells them."""
        return ""

    def shape(self, *sources: Shape) -> Shape:
        """Shape of the edge that leaves, from those of the edges it reads."""
        raise NotImplementedError

    def check(self, *sources: Shape) -> None:
        """Raises InputError on the first size, weight or trim that breaks a rule or does not suit what it reads."""
        raise NotImplementedError

    def value(self, *edges: Ints) -> Ints:
        """What it makes of the edges it reads, (images, ...) each: the untiled reference."""
        raise NotImplementedError


def per_channel(constants: Ints, values: Ints) -> Ints:
    """Constants of channels (or features), shaped to meet `values` (images, channels, ...)."""
    return constants.reshape(-1, *(1,) * (values.ndim - 2))


def check_least(node: Reader, **least: int) -> None:
    """Fields that are integers of at least so much."""
    for field, smallest in least.items():
        value: Any = getattr(node, field)
        if type(value) is not int or value < smallest:
            raise InputError(f"layer {node.name}: {field} must be an integer of at least {smallest}, got {value!r}")


def check_image(node: Reader, source: Shape) -> Shape:
    """`source`, the edge that an image layer reads, if it is (channels, height, width)."""
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
