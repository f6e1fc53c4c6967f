"""Nodes that combine the values of a window, channel by channel."""

from dataclasses import dataclass, field, fields, replace

import numpy as np

from codesign.brief import times
from codesign.errors import InputError
from codesign.fixed import Ints, IntType
from codesign.ir.exact import pool
from codesign.ir.geometry import Pair, Shape, Window, pair, printed
from codesign.ir.nodes.base import Reader, Requant, check_image, check_padding, check_pairs, since


@dataclass(frozen=True, eq=False)
class _Pool(Reader):
    size: Pair  # of the window (height, width); one number stands for both
    stride: Pair

    def __post_init__(self) -> None:
        for f in fields(self):
            if f.name in ("size", "stride", "padding"):
                object.__setattr__(self, f.name, pair(getattr(self, f.name)))

    @property
    def window(self) -> Window:
        """The window whose values become one."""
        return Window(self.size, self.stride)

    @property
    def facts(self) -> str:
        return f"{times(self.window.size)} stride {printed(self.stride)}"

    def shape(self, *sources: Shape) -> Shape:
        return self.window.over(sources[0])

    def check(self, *sources: Shape) -> None:
        check_pairs(self, size=1, stride=1)
        source = check_image(self, sources[0])
        if not self.window.fits(source):
            padded = "padded " if any(self.window.padding) else ""
            raise InputError(
                f"layer {self.name}: its {times(self.window.size)} window is larger than its {padded}input, "
                f"{times(self.window.padded(source))}; use a smaller window"
            )


@dataclass(frozen=True, eq=False)
class MaxPool(_Pool):
    """The largest value of each window, channel by channel; the integer type and its range stay the same.

    padding is (height, width); one number stands for both. It is zeros, which must not win: no value is below 0.
    """

    kind = "maxpool"
    plural = "max pooling"

    padding: Pair = field(default=(0, 0), metadata=since(5))

    @property
    def window(self) -> Window:
        return Window(self.size, self.stride, self.padding)

    @property
    def facts(self) -> str:
        return super().facts + (f" padding {printed(self.padding)}" if any(self.padding) else "")

    def check(self, *sources: Shape) -> None:
        check_pairs(self, padding=0)
        super().check(*sources)
        check_padding(self, self.window)

    def check_types(self, *sources: IntType) -> None:
        (source,) = sources
        if any(self.padding) and source.lo < 0:
            raise InputError(
                f"layer {self.name}: pads {self.source} of {source} with zeros, which would be larger than its values "
                "below 0; read a layer whose values start at 0, or pool without padding"
            )

    def value(self, *edges: Ints) -> Ints:
        above, beside = self.padding
        padded = np.pad(edges[0], ((0, 0), (0, 0), (above, above), (beside, beside)))
        return pool(padded, replace(self.window, padding=(0, 0)), np.maximum)


@dataclass(frozen=True, eq=False)
class AvgPool(_Pool):
    """`requantize(sum over each window)`, channel by channel; the multiplier contains the division."""

    kind = "avgpool"
    plural = "average pooling"

    requant: Requant

    def value(self, *edges: Ints) -> Ints:
        return self.requant(pool(edges[0], self.window, np.add))
