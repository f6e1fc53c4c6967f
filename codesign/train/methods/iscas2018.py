"""The method of the 2018 paper this project grew from: shadow weights in memory, nearest levels in the cells.

Adam's step goes into the shadow, which is clipped to the grid's range; its nearest levels are deployed, and
gradients are taken at the deployed net. With `reject`, cells go back to the former levels when the loss on the
same batch rises, while the shadow (and Adam) keep the update. Only cells go back: digital biases and activation
steps have no shadow.
"""

from collections.abc import Callable

import torch

from codesign.train.nets.quantized import QuantNet


class Deployment:
    """Moves shadow weights into cells after every optimiser step. Counts refusals anew in every epoch."""

    def __init__(self, model: QuantNet, reject: bool, patience: int) -> None:
        self.model, self.reject, self.patience, self.refused = model, reject, patience, 0

    @torch.no_grad()
    def step(self, loss: float, again: Callable[[], float]) -> bool:
        """Clip the shadow, deploy its nearest levels; False when they were taken back.

        `loss` is before the step, `again()` evaluates the same batch. After `patience` refusals in a row (0: never)
        a proposal is taken anyway; a net whose every proposal is worse would freeze.
        """
        layers = [layer for layer in self.model.chain if layer.reach is not None]
        former = [layer.held for layer in layers]
        for layer in layers:
            assert layer.reach is not None
            layer.weight.clamp_(-layer.reach.abs(), layer.reach.abs())
            layer.held = layer.proposal().float()
        patient = not self.patience or self.refused < self.patience
        if not self.reject or not patient or again() <= loss:
            self.refused = 0
            return True
        for layer, held in zip(layers, former, strict=True):
            layer.held = held
        self.refused += 1
        return False
