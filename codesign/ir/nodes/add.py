"""The node that adds two edges: a residual sum."""

from dataclasses import dataclass

from codesign.brief import times
from codesign.errors import InputError
from codesign.fixed import Ints, requantize_sum
from codesign.ir.geometry import Shape
from codesign.ir.nodes.base import Reader, Requant, per_channel


@dataclass(frozen=True, eq=False)
class Add(Reader):
    """Residual sum of two edges of one shape: `requantize_sum(source, mult, other, other_mult, ...)` per channel."""

    kind = "add"
    plural = "residual sums"

    other: str
    other_mult: Ints  # (channels,) signed 16 bit
    requant: Requant

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source, self.other)

    @property
    def multipliers(self) -> dict[str, Ints]:
        return {"other_mult": self.other_mult}

    def shape(self, *sources: Shape) -> Shape:
        return sources[0]

    def check(self, *sources: Shape) -> None:
        source, other = sources
        if other != source:
            raise InputError(
                f"layer {self.name}: adds {self.source} of {times(source)} and {self.other} of {times(other)}; "
                "both must have the same shape"
            )

    def value(self, *edges: Ints) -> Ints:
        x, y = edges
        q = self.requant
        mult, other, bias = (per_channel(v, x) for v in (q.mult, self.other_mult, q.bias))
        return requantize_sum(x, mult, y, other, bias, q.shift, q.out)
