"""Augmentation of whole batches. It draws from the training generator, so a resumed training sees the same images."""

import torch
from torch import Tensor

from codesign.ir.geometry import Shape


def shifted(x: Tensor, shape: Shape, most: int, fill: int, rng: torch.Generator) -> Tensor:
    """Every image of `x` (images, features) shifted by -most..most pixels each way; `fill` enters at the edges."""
    channels, height, width = shape
    images = x.view(-1, channels, height, width)
    padded = torch.nn.functional.pad(images, (most,) * 4, value=fill)
    moves = torch.randint(0, 2 * most + 1, (len(x), 2), generator=rng).to(x.device)

    def upto(count: int) -> Tensor:
        return torch.arange(count, device=x.device)

    rows = (moves[:, :1] + upto(height)).view(-1, 1, height, 1)
    columns = (moves[:, 1:] + upto(width)).view(-1, 1, 1, width)
    image, channel = upto(len(x)).view(-1, 1, 1, 1), upto(channels).view(1, -1, 1, 1)
    return padded[image, channel, rows, columns].reshape(len(x), -1)


def mirrored(x: Tensor, shape: Shape, rng: torch.Generator) -> Tensor:
    """`x` (images, features) with a random half of its images mirrored left to right."""
    images = x.view(-1, *shape)
    which = torch.rand(len(x), generator=rng) < 0.5
    return torch.where(which.to(x.device).view(-1, 1, 1, 1), images.flip(-1), images).reshape(len(x), -1)
