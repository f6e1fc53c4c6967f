"""What became of a user's model: the table of a compile, and what quantization and converters cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from codesign.errors import plain

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
class Account:
    """The table of a compile, and its losses; None where nothing was quantized."""

    rows: tuple[Row, ...] = ()
    quality: Quality | None = None


def table_text(rows: Sequence[Row], width: int = 120) -> str:
    """The rows as an aligned table of plain text, a line each of at most `width` characters."""
    head = ("where", "operation", "what became of it", "line")
    texts = [head, *((r.where, r.operation, f"{r.verdict} {r.what}".strip(), r.line) for r in rows)]
    cells = [[plain(text) for text in line] for line in texts]
    lengths = [max(len(line[k]) for line in cells) for k in (0, 1, 3)]
    first, second, last = (min(n, most) for n, most in zip(lengths, (32, 24, 24), strict=True))
    room = width - first - second - last - 6
    widths = (first, second, min(room, max(len(line[2]) for line in cells)), last)
    lines = []
    for line in cells:
        parts = (_shortened(text, n).ljust(n) for text, n in zip(line, widths, strict=True))
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
