"""A run for people: a table, what was compared, and the first thing that is wrong."""

import io

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from codesign.report.metrics import Accuracy, Metrics


def render(m: Metrics) -> RenderableType:
    """The report of a run. Print it with soft_wrap=True, so that a command in it can be copied."""
    heading = Text.assemble((m.name, "bold"), " on chip ", (m.chip, "bold"), f" ({m.chip_id}), seed {m.seed}\n")
    return Group(heading, _accuracy(m), "", _costs(m), "", *_verdict(m))


def text(m: Metrics, width: int = 100) -> str:
    """The same without colour."""
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, force_terminal=False).print(render(m), soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _grid() -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("", min_width=18)
    return table


def _accuracy(m: Metrics) -> Table:
    table = _grid()
    table.columns[0].header = "accuracy"
    table.add_column("percent", justify="right")
    table.add_column("images", justify="right")
    a = m.accuracy
    rows: tuple[tuple[str, Accuracy | None], ...] = (
        ("float", a.float),
        ("quantized", a.quantized),
        ("integer reference", a.reference),
    )
    for label, value in rows:
        if value is not None:
            table.add_row(label, f"{value.percent:.2f}", f"{value.images:,}")
    # Percentages of other images cannot be compared with those above.
    right = f"{a.rtl.percent:.2f}" if a.rtl.images == a.reference.images else "differs" if m.mismatches else "agrees"
    table.add_row(f"Verilog, {m.simulator}", right, f"{a.rtl.images:,}")
    return table


def _costs(m: Metrics) -> Table:
    c, table = m.cycles, _grid()
    table.columns[0].header = "cost"
    for column in ("bound", "predicted", "simulated"):
        table.add_column(column, justify="right")
    table.add_column("", style="dim")
    table.add_row(f"arrays of {m.arrays.budget:,}", f"{m.arrays.lower_bound:,}", f"{m.arrays.used:,}")
    table.add_row(
        "latency, cycles", f"{c.bound:,}", f"{c.predicted:,}", f"{c.simulated:,}", "last input to last output"
    )
    between = "" if c.interval_simulated is None else f"{c.interval_simulated:,}"
    table.add_row("interval, cycles", f"{c.bound:,}", f"{c.interval:,}", between, "between images of a stream")
    return table


def _verdict(m: Metrics) -> list[Text]:
    images = m.accuracy.rtl.images
    count = f"{images:,} image{'s' if images != 1 else ''}"
    speed = f"{count} compared, {m.images_per_second:,.1f} a second"
    lines = []
    if m.is_right:
        lines.append(Text(f"Verilog and reference agree in every word and cycle ({speed})", style="green"))
    if m.mismatches:
        lines.append(Text(f"WRONG: {m.mismatches:,} words differ ({speed}); the first:", style="bold red"))
        lines.append(Text(m.first_mismatch or ""))
    if m.cycles.wrong_images:
        late = f"WRONG: {m.cycles.wrong_images:,} images came in another cycle than predicted ({speed})"
        lines.append(Text(late, style="bold red"))
    if m.inputs is not None and m.inputs.wasted:
        i = m.inputs
        need = i.bits - i.wasted
        lines.append(
            Text(
                f"warning: values {i.low}..{i.high} of the data need {need} bit{'s' * (need > 1)}, "
                f"inputs have {i.bits}; set train.input_bits = {need} to spend fewer cycles",
                style="yellow",
            )
        )
    times = ", ".join(f"{k} {v:.1f}" for k, v in m.time_s.items())
    return [*lines, Text(f"seconds: {times}", style="dim")]
