"""Why figures mean little: too few seeds, or a quick run."""

from collections.abc import Iterator, Sequence

from codesign.report.stats import half_width

FEW = 3  # seeds below which an interval says nothing


def caveats(seeds: int, is_quick: bool) -> Iterator[str]:
    """Why figures mean little."""
    if is_quick:
        yield "A quick run: it shows how the tool works; its figures mean nothing."
    if seeds < FEW:
        count = "one seed" if seeds == 1 else f"{seeds} seeds"
        yield f"With {count} no interval can be told; differences of this size may be chance."


def interval(values: Sequence[float]) -> float | None:
    """Half of the 95 % confidence interval of a mean over seeds; None where they are too few to tell one."""
    return half_width(values) if len(values) >= FEW else None
