"""Nodes that combine the values of a window, channel by channel."""

from dataclasses import dataclass

import numpy as np

from codesign.brief import times
from codesign.errors import InputError
from codesign.fixed import Ints
from codesign.ir.exact import pool
from codesign.ir.geometry import Pair, Shape, Window, pair, printed
from codesign.ir.nodes.base import Reader, Requant, check_image, check_pairs


@dataclass(frozen=True, eq=False)
class _Pool(Reader):
    size: Pair  # of the window (height, width); one number stands for both
    stride: Pair

    def __post_init__(self) -> None:
        for name in ("size", "stride"):
            object.__setattr__(self, name, pair(getattr(self, name)))

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
            raise InputError(
                f"layer {self.name}: its {times(self.window.size)} window is larger than its input, "
                f"{times(source[1:])}; use a smaller window"
            )


@dataclass(frozen=True, eq=False)
class MaxPool(_Pool):
    """The largest value of each window, channel by channel; the integer type and its range stay the same."""

    kind = "maxpool"
    plural = "max pooling"

    def value(self, *edges: Ints) -> Ints:
        return pool(edges[0], self.window, np.maximum)


@dataclass(frozen=True, eq=False)
class AvgPool(_Pool):
    """`requantize(sum over each window)`, channel by channel; the multiplier contains the division."""

    kind = "avgpool"
    plural = "average pooling"

    requant: Requant

    def value(self, *edges: Ints) -> Ints:
        return self.requant(pool(edges[0], self.window, np.add))
