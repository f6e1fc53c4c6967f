"""What became of a user's model: the table of a compile, and what quantization and converters cost."""

from dataclasses import dataclass
from typing import Literal

from codesign.brief import counted, joined, runs

VERDICTS = ("mapped to", "folded into", "dropped", "refused")
LISTED = 60  # characters of a list of units


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
    saturated: float  # share of values at an end of the integer range that the real model does not clip
    converters: float | None = None  # share of conversions that a converter clipped; None if it was not measured


@dataclass(frozen=True)
class Quality:
    """What quantization and converters cost, on the calibration inputs.

    Agreement is the share of inputs, in percent, with the same largest output as the real-valued model. Accuracies are
    percent, None without labels. The chip is the reference with converters; None if no chip was placed.
    """

    images: int
    agreement_network: float
    agreement_chip: float | None = None
    accuracy_float: float | None = None
    accuracy_network: float | None = None
    accuracy_chip: float | None = None
    layers: tuple[LayerQuality, ...] = ()


@dataclass(frozen=True)
class Removed:
    """Hidden units of a layer that passes removed, or a whole layer; every output is the same without them."""

    layer: str
    units: tuple[int, ...]  # their numbers in the user's model, rising; () for the whole layer
    of: int  # units that the layer had
    why: Literal["constant", "unread"]  # they never change; no output depends on them

    def __str__(self) -> str:
        if not self.units:
            return f"{self.layer}: no output depends on this layer"
        one, many = ("never changes", "never change") if self.why == "constant" else ("is not read", "are not read")
        which = joined(runs(self.units).split(","), LISTED)
        verb = one if len(self.units) == 1 else many
        return f"{self.layer}: {len(self.units):,} of {counted(self.of, 'unit')} {verb} ({which})"


@dataclass(frozen=True)
class Account:
    """The table of a compile, its losses (None where nothing was quantized), and the units that passes removed."""

    rows: tuple[Row, ...] = ()
    quality: Quality | None = None
    removed: tuple[Removed, ...] = ()
