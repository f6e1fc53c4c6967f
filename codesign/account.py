"""What became of a user's model: the table of a compile, and what quantization and converters cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from codesign.brief import counted, joined, runs
from codesign.errors import plain

LISTED = 60  # characters of a list of units


@dataclass(frozen=True)
class Row:
    """One operation of the user's model."""

    where: str  # the module's path, as `features.0`, or the node's name in forward
    operation: str  # as a user calls it: conv2d, batch_norm, relu6, log_softmax
    verdict: str  # "mapped to", "folded into", "dropped" or "refused"
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
    """The table of a compile, its losses (None where there were no inputs to measure them), and the units removed."""

    rows: tuple[Row, ...] = ()
    quality: Quality | None = None
    removed: tuple[Removed, ...] = ()
    certificate: str = ""  # of a quantized file: how many accumulators were tried against its own arithmetic


def text(account: Account) -> str:
    """The account for people: what became of each operation, then what quantization and converters cost."""
    lines = table_text(account.rows).split("\n") if account.rows else []
    if account.quality is not None:
        lines += ["", *_quality(account.quality)] if lines else _quality(account.quality)
    if account.certificate:
        lines += ["", certified(account)] if lines else [certified(account)]
    if account.removed:
        lines += [""] if lines else []
        lines += (f"removed: {part}" for part in account.removed)
    return "\n".join(map(plain, lines))


def certified(account: Account) -> str:
    """The certificate as a line of its own."""
    return f"requantizers against the file's arithmetic: {account.certificate}"


def _quality(q: Quality) -> Iterator[str]:
    yield f"on {counted(q.images, 'calibration input')}, percent"
    columns = ("float", "network", "chip")
    rows = {
        "agreement with the float model": (None, q.agreement_network, q.agreement_chip),
        "accuracy": (q.accuracy_float, q.accuracy_network, q.accuracy_chip),
    }
    known = {name: row for name, row in rows.items() if any(v is not None for v in row)}
    yield from _table(("", *columns), [(name, *map(_percent, row)) for name, row in known.items()])
    if q.layers:
        yield ""
        found = [(r.name, f"{r.snr_db:.1f}", _share(r.saturated), _share(r.converters)) for r in q.layers]
        yield from _table(("layer", "SNR, dB", "saturated, %", "converters clip, %"), found)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of columns, the first flush left, numbers flush right."""
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    for first, *rest in (head, *rows):
        cells = [first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(rest, widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f}"


def table_text(rows: Sequence[Row], width: int = 120) -> str:
    """The rows as an aligned table of plain text, a line each of at most `width` characters."""
    head = ("where", "operation", "what became of it", "line")
    texts = [head, *((r.where, r.operation, _became(r), r.line) for r in rows)]
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


def _became(row: Row) -> str:
    return f"{row.verdict}{':' if row.verdict == 'dropped' else ''} {row.what}".rstrip(" :")


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
