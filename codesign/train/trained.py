"""What training reports and returns: `Epoch` after every epoch, `Trained` at the end."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import nn

from codesign.brief import Brief
from codesign.ir import Network
from codesign.train.export import export
from codesign.train.nets.quantized import QuantNet


@dataclass(frozen=True)
class Epoch(Brief):
    """Loss and accuracy of one epoch, measured on its training batches while the weights change."""

    phase: str  # "baseline" or "quantized"
    epoch: int  # from 1
    epochs: int
    loss: float
    accuracy: float  # percent
    rejected: int = 0  # iscas2018: updates of the cells that were undone


Progress = Callable[[Epoch], None]


@dataclass(frozen=True, eq=False)
class Trained(Brief):
    """Networks and accuracies after the last epoch, never the best one. Accuracies are in percent of `images` tests."""

    model: QuantNet
    baseline: nn.Module | None  # the same network at full precision
    accuracy_quantized: float  # by the integer contract, converters included where the recipe trains them
    accuracy_baseline: float | None
    images: int
    history: tuple[Epoch, ...]

    @cached_property
    def network(self) -> Network:
        """The integers of `model`, for `codesign.compile`. Raises InputError when some of its weights are real."""
        return export(self.model, "network")

    def _brief(self) -> str:
        full = "" if self.accuracy_baseline is None else f", {self.accuracy_baseline:.2f} % in full precision"
        epochs = max((e.epoch for e in self.history), default=0)
        return f"{self.accuracy_quantized:.2f} % of {self.images} test images{full}; {epochs} epochs"


def accuracy(outputs: NDArray[np.generic], labels: NDArray[np.int64]) -> float:
    """Percent of rows whose largest output is the label."""
    return 100.0 * float((outputs.argmax(axis=1) == labels).mean())
