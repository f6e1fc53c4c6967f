"""The shape rule: what a window makes of an image. Training's architectures and the network's nodes both follow it."""

from dataclasses import dataclass

Shape = tuple[int, ...]  # of one image: (features,) or (channels, height, width)
Pair = tuple[int, int]  # along the height, along the width


@dataclass(frozen=True)
class Window:
    """A window that slides over an image: every product of a convolution, every result of a pool reads through one.

    size is (height, width). The window moves `stride` pixels at a time, and `padding` pixels of 0 surround the image on
    all four sides; windows that would reach beyond them are left out.
    """

    size: Pair
    stride: int = 1
    padding: int = 0

    @classmethod
    def square(cls, side: int, stride: int = 1, padding: int = 0) -> "Window":
        """A window as high as it is wide."""
        return cls((side, side), stride, padding)

    @property
    def area(self) -> int:
        """Pixels it covers."""
        return self.size[0] * self.size[1]

    def padded(self, image: Shape) -> Pair:
        """(height, width) of an image (..., height, width) and of what surrounds it."""
        height, width = image[-2:]
        return height + 2 * self.padding, width + 2 * self.padding

    def fits(self, image: Shape) -> bool:
        """Whether the window lies inside the padded image (..., height, width) at least once."""
        return all(size <= n for size, n in zip(self.size, self.padded(image), strict=True))

    def positions(self, image: Shape) -> Pair:
        """How often it fits into an image (..., height, width), along the height and along the width."""
        height, width = ((n - k) // self.stride + 1 for n, k in zip(self.padded(image), self.size, strict=True))
        return height, width

    def over(self, image: Shape, channels: int | None = None) -> Shape:
        """Shape of what it makes of an image (channels, height, width); `channels` if that changes."""
        return (image[0] if channels is None else channels, *self.positions(image))
