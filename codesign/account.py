"""What became of a user's model: the table of a compile, and what quantization and converters cost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VERDICTS = ("mapped to", "folded into", "dropped", "refused")


@dataclass(frozen=True)
class Row:
    """One operation of the user's model."""

    where: str  # the module's path, as `features.0`, or the node's name in forward
    operation: str  # as a user calls it: conv2d, batch_norm, relu6, log_softmax
    verdict: str  # one of VERDICTS
    what: str  # to which layer; or because of what, and, when refused, what to do
    line: str = ""  # FILE:LINE of the user's source, where it is known


@dataclass(frozen=True)
class LayerQuality:
    """One layer of the integer network on the calibration inputs, compared with the real-valued model."""

    name: str
    snr_db: float  # power of the real outputs over the power of the error, decibels; inf if there is no error
    saturated: float  # share of the real model's values, 0..1, that lie beyond the ends of the integer range
    converters: float | None = None  # share of conversions, 0..1, that a converter clipped; None if not measured


@dataclass(frozen=True)
class Quality:
    """What quantization and converters cost, on the calibration inputs.

    Agreement is the share of inputs, in percent, with the same largest output as the real-valued model. Accuracies are
    percent, None without labels. The chip is the reference with converters; None if no chip was placed. A model that
    came in integers is its own measure: it agrees with itself, and only the chip's figures tell something.
    """

    images: int
    agreement_network: float
    agreement_chip: float | None = None
    accuracy_float: float | None = None
    accuracy_network: float | None = None
    accuracy_chip: float | None = None
    layers: tuple[LayerQuality, ...] = ()


@dataclass(frozen=True)
class Account:
    """The table of a compile, and its losses; None where there were no inputs to measure them."""

    rows: tuple[Row, ...] = ()
    quality: Quality | None = None


@dataclass(frozen=True, eq=False)
class Judge:
    """Calibration inputs and what the model makes of them, to tell how far something else agrees with it."""

    x: NDArray[np.int64]  # (images, features), the network's integers
    best: NDArray[np.int64]  # (images,) the model's largest output of each
    labels: NDArray[np.int64] | None = None  # (images,)

    def agreement(self, outputs: NDArray[np.generic]) -> float:
        """Percent of the inputs whose largest output is the model's; outputs are (images, outputs)."""
        return _percent(outputs.argmax(axis=1) == self.best)

    def accuracy(self, outputs: NDArray[np.generic]) -> float | None:
        """Percent of the inputs whose largest output is their label; None without labels."""
        return None if self.labels is None else _percent(outputs.argmax(axis=1) == self.labels)

    @property
    def own_accuracy(self) -> float | None:
        """Accuracy of the model itself."""
        return None if self.labels is None else _percent(self.best == self.labels)


def _percent(right: NDArray[np.bool_]) -> float:
    return 100.0 * int(right.sum()) / len(right)
