"""The method that the 2018 paper argues against: real weights, pulled to the grid by a growing penalty.

The penalty is the squared distance to the nearest level. Its weight grows linearly from 0: early training is free,
late training is almost on the grid, and rounding at the end does the rest. Before every epoch, the grid's clip is
fitted to the weights by least squares.
"""

import torch
from torch import Tensor

from codesign.train.layers.fit import best_clip
from codesign.train.nets.quantized import QuantNet


class Pull:
    """The penalty of a network whose layers are `soft` until `finish`."""

    def __init__(self, model: QuantNet, strength: float) -> None:
        self.layers = [layer for layer in model.chain if layer.grid is not None and layer.clip is not None]
        self.strength = strength
        for layer in self.layers:
            layer.soft = True
            layer.clip.requires_grad_(False)  # type: ignore[union-attr]

    @torch.no_grad()
    def refit(self) -> None:
        """Fit the grids to the present weights."""
        for layer in self.layers:
            assert layer.grid is not None and layer.clip is not None
            layer.clip.fill_(best_clip(layer.weight, layer.grid, candidates=40))

    def penalty(self, progress: float) -> Tensor:
        """Mean squared distance to the grid in pitches, weighted by strength times `progress` (0..1)."""
        total = torch.zeros(())
        for layer in self.layers:
            assert layer.grid is not None
            pitch = 2 * layer.grid.top / (len(layer.grid.values) - 1)
            v = layer.weight / layer.scale.to(layer.weight.dtype)
            total = total + ((v - layer.grid.nearest(v.detach())) / pitch).square().mean()
        return total * (self.strength * progress)

    def finish(self) -> None:
        """Round the weights: from now on the network holds levels."""
        self.refit()
        for layer in self.layers:
            layer.soft = False
