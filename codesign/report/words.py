"""What a report says in sentences: what quantization and converters cost, what clips, what passes removed."""

from collections.abc import Iterator

from codesign.brief import counted
from codesign.errors import plain
from codesign.report.metrics import Metrics


def sentences(m: Metrics) -> list[str]:
    """A line each; none where the record does not know."""
    return [plain(line) for line in (*_losses(m), *_clipped(m), *_removed(m))]


def _losses(m: Metrics) -> Iterator[str]:
    found = m.losses
    if found is None:
        return
    whole = [
        _cost(name, ending, points)
        for name, ending, points in (("quantization", "s", found.quantization), ("converters", "", found.converters))
        if points is not None
    ]
    parts = [f"{', '.join(whole)} ({counted(m.accuracy.reference.images, 'image')})"] if whole else []
    if found.rtl is not None:
        parts.append(f"{_cost('Verilog', 's', found.rtl)} ({counted(m.accuracy.rtl.images, 'image')})")
    if parts:
        yield "; ".join(parts)


def _cost(name: str, ending: str, points: float) -> str:
    return f"{name} {'gain' if points < 0 else 'cost'}{ending} {abs(points):.2f} points"


def _clipped(m: Metrics) -> Iterator[str]:
    if m.clipped is None:
        return
    images = counted(m.accuracy.rtl.images, "simulated image")
    if any(m.clipped.values()):
        shares = ", ".join(f"{layer} {_percent(share)}" for layer, share in m.clipped.items())
        yield f"conversions that clip: {shares} ({images})"
    else:
        yield f"no converter clips ({images})"


def _percent(share: float) -> str:
    percent = 100 * share
    return "none" if not share else "below 0.01 %" if percent < 0.01 else f"{percent:.2f} %"


def _removed(m: Metrics) -> Iterator[str]:
    return (f"removed: {part}" for part in m.removed or ())
