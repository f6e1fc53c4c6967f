"""Accuracies of the same network in its executions, those of the same images together."""

from collections.abc import Sequence

from codesign.brief import counted
from codesign.ir.labels import accuracy as measured
from codesign.page.axis import around
from codesign.page.blocks import Cell, Column, Section, Text, section, table
from codesign.page.figures import PLAIN, Bar, Bars, Dot
from codesign.page.folder import Run
from codesign.report import Accuracy
from codesign.report.words import sentences

Named = tuple[str, Accuracy]


def accuracy(run: Run) -> Section | None:
    """On all test images, and on those that the Verilog ran."""
    a = run.metrics.accuracy
    every = [("float", a.float), ("quantized", a.quantized), ("integer network", a.network), ("reference", a.reference)]
    whole = [(name, value) for name, value in every if value is not None]
    few, rtl = _few(run), (f"Verilog, {run.metrics.simulator}", a.rtl)
    if a.rtl.images == a.reference.images:
        whole.append(rtl)
        few = []
    else:
        few.append(rtl)
    groups = [(f"All {counted(a.reference.images, 'test image')}", whole)]
    groups += [(f"The first {counted(a.rtl.images, 'image')}, which the Verilog ran", few)] if few else []
    rows: list[tuple[Cell, ...]] = [
        (name, value.percent, round(value.percent * value.images / 100), value.images)
        for _, group in groups
        for name, value in group
    ]
    said = (
        "The integer network computes without converters, the reference with those of the chip.",
        *(f"{line[0].upper()}{line[1:]}." for line in sentences(run.metrics)),
    )
    columns = ("execution", Column("percent right", 2), "right", "images")
    return section(
        "accuracy",
        "Accuracy",
        *(_dots(title, group) for title, group in groups),
        Text(said),
        table("accuracy", "Accuracies", columns, rows, as_listed=True, is_folded=True),
    )


def _few(run: Run) -> list[Named]:
    """On the images that the Verilog ran; what training measured there is not kept."""
    a, n, t = run.metrics.accuracy, run.simulated, run.tested
    found = []
    if run.program is not None and t is not None and n < a.reference.images:
        right = measured(run.program.network.run(t.x[:n]), t.labels[:n])
        found.append(("integer network", Accuracy(percent=right, images=n)))
    return found + ([("reference", a.comparable)] if a.comparable else [])


def _dots(title: str, group: Sequence[Named]) -> Bars:
    axis = around([value.percent for _, value in group], low=0, high=100, share=0.25)
    bars = []
    for name, value in group:
        at, text = axis.at(value.percent), f"{value.percent:.2f} %"
        tip = f"{name}: {text} of {counted(value.images, 'image')}"
        colour = PLAIN if name == "float" else 1 if name.startswith("Verilog") else 0
        bars.append(Bar(name, text, dots=(Dot(at, 50, tip, colour, "s" if name == "float" else "o"),)))
    return Bars(title, tuple(bars), axis.ticks(5), "percent right")
