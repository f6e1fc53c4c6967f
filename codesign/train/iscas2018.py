"""The method of the 2018 paper this project grew from: shadow weights in memory, nearest levels in the cells.

Adam's step goes into the shadow, which is clipped to the grid's range; its nearest levels are deployed, and
gradients are taken at the deployed net. With `reject`, cells go back to the former levels when the loss on the
same batch rises, while the shadow (and Adam) keep the update. Only cells go back: biases and activation steps
are digital and have no shadow.
"""

import torch
from torch import Tensor
from torch.nn import functional

from codesign.train.models import QuantNet

PATIENCE = 16  # refusals in a row before a proposal is taken anyway; a net whose every proposal is worse would freeze


class Deployment:
    """Moves shadow weights into cells after every optimiser step. Counts refusals anew in every epoch."""

    def __init__(self, model: QuantNet, reject: bool) -> None:
        self.model, self.reject, self.refused = model, reject, 0

    @torch.no_grad()
    def step(self, x: Tensor, y: Tensor, loss: float) -> bool:
        """Clip the shadow, deploy its nearest levels; False when they were taken back. `loss` is before the step."""
        layers = self.model.chain
        former = [layer.held for layer in layers]
        for layer in layers:
            layer.weight.clamp_(-layer.scale * layer.grid.top, layer.scale * layer.grid.top)
            layer.held = layer.proposal().float()
        if not self.reject or self.refused >= PATIENCE or functional.cross_entropy(self.model(x), y).item() <= loss:
            self.refused = 0
            return True
        for layer, held in zip(layers, former, strict=True):
            layer.held = held
        self.refused += 1
        return False
