"""The shape rule of windows over images, shared by the architectures of training and the nodes of the network."""

from dataclasses import dataclass

Shape = tuple[int, ...]  # of one image: (features,) or (channels, height, width)
Pair = tuple[int, int]  # along the height, along the width


@dataclass(frozen=True)
class Window:
    """A window that slides over an image: the kernel of a convolution, or the window of a pooling layer.

    size is (height, width). The window moves `stride` pixels at a time, and `padding` pixels of 0 surround the image on
    all four sides; positions beyond them are left out.
    """

    size: Pair
    stride: int = 1
    padding: int = 0

    @classmethod
    def square(cls, side: int, stride: int = 1, padding: int = 0) -> "Window":
        """A square window."""
        return cls((side, side), stride, padding)

    @property
    def area(self) -> int:
        """Pixels that it covers."""
        return self.size[0] * self.size[1]

    def padded(self, image: Shape) -> Pair:
        """(height, width) of an image (..., height, width) with its padding."""
        height, width = image[-2:]
        return height + 2 * self.padding, width + 2 * self.padding

    def fits(self, image: Shape) -> bool:
        """Whether the window lies inside the padded image (..., height, width) at least once."""
        return all(size <= n for size, n in zip(self.size, self.padded(image), strict=True))

    def positions(self, image: Shape) -> Pair:
        """Number of positions in an image (..., height, width), along the height and along the width."""
        height, width = ((n - k) // self.stride + 1 for n, k in zip(self.padded(image), self.size, strict=True))
        return height, width

    def over(self, image: Shape, channels: int | None = None) -> Shape:
        """Shape of the output for an image (channels, height, width); `channels` replaces the number of channels."""
        return (image[0] if channels is None else channels, *self.positions(image))
