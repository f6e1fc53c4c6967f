"""The method of the 2018 paper that this project grew from: shadow weights in memory, nearest levels in the cells.

Adam updates the shadow weights, which are clipped to the grid's range. The cells get the nearest levels, and
gradients are taken at this deployed net. With `reject`, the cells return to their former levels when the loss on the
same batch rises, while the shadow weights (and Adam) keep the update. Digital biases and activation scales have no
shadow and keep it, too.
"""

from collections.abc import Callable

import torch

from codesign.train.nets.quantized import QuantNet


class Deployment:
    """Moves shadow weights into cells after every optimiser step. A new one counts refusals from 0."""

    def __init__(self, model: QuantNet, reject: bool, patience: int) -> None:
        self.model, self.reject, self.patience, self.refused = model, reject, patience, 0

    @torch.no_grad()
    def step(self, loss: float, again: Callable[[], float]) -> bool:
        """Clip the shadow weights and deploy their nearest levels; False when that was undone.

        `loss` is that before the update; `again()` evaluates the same batch. After `patience` refusals in a row
        (0: never) the next proposal is accepted anyway: a net whose every proposal is worse would freeze.
        """
        layers = [layer for layer in self.model.chain if layer.clip is not None]
        former = [layer.held for layer in layers]
        for layer in layers:
            assert layer.clip is not None
            layer.weight.clamp_(-layer.clip.abs(), layer.clip.abs())
            layer.held = layer.proposal().float()
        patient = not self.patience or self.refused < self.patience
        if not self.reject or not patient or again() <= loss:
            self.refused = 0
            return True
        for layer, held in zip(layers, former, strict=True):
            layer.held = held
        self.refused += 1
        return False
