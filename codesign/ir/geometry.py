"""The shape rule of windows over images, shared by the architectures of training and the nodes of the network."""

from dataclasses import dataclass
from typing import Any

Shape = tuple[int, ...]  # of one image: (features,) or (channels, height, width)
Pair = tuple[int, int]  # along the height, along the width


def pair(value: Any) -> Any:
    """One number for both axes as a pair; anything else as it is."""
    return (value, value) if type(value) is int else tuple(value) if isinstance(value, list) else value


def printed(value: Pair) -> str:
    """A pair as printed: one number if both axes agree."""
    return str(value[0]) if value[0] == value[1] else f"{value[0]}x{value[1]}"


@dataclass(frozen=True)
class Window:
    """A window that slides over an image: the kernel of a convolution, or the window of a pooling layer.

    All three are (height, width); one number stands for both. The window moves `stride` pixels at a time, and `padding`
    pixels of 0 lie above and below the image, and left and right of it; positions beyond them are left out.
    """

    size: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)

    def __post_init__(self) -> None:
        for name in ("size", "stride", "padding"):
            object.__setattr__(self, name, pair(getattr(self, name)))

    @classmethod
    def square(cls, side: int, stride: int = 1, padding: int = 0) -> "Window":
        """A square window."""
        return cls((side, side), (stride, stride), (padding, padding))

    @property
    def area(self) -> int:
        """Pixels that it covers."""
        return self.size[0] * self.size[1]

    def padded(self, image: Shape) -> Pair:
        """(height, width) of an image (..., height, width) with its padding."""
        height, width = image[-2:]
        return height + 2 * self.padding[0], width + 2 * self.padding[1]

    def fits(self, image: Shape) -> bool:
        """Whether the window lies inside the padded image (..., height, width) at least once."""
        return all(size <= n for size, n in zip(self.size, self.padded(image), strict=True))

    def positions(self, image: Shape) -> Pair:
        """Number of positions in an image (..., height, width), along the height and along the width."""
        axes = zip(self.padded(image), self.size, self.stride, strict=True)
        height, width = ((n - k) // step + 1 for n, k, step in axes)
        return height, width

    def over(self, image: Shape, channels: int | None = None) -> Shape:
        """Shape of the output for an image (channels, height, width); `channels` replaces the number of channels."""
        return (image[0] if channels is None else channels, *self.positions(image))
