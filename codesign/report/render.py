"""The report of a run: tables, what was compared, and the first error."""

import io

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from codesign.brief import counted, runs
from codesign.errors import plain
from codesign.report.fitting import Fitting
from codesign.report.metrics import Accuracy, Data, Inputs, Metrics
from codesign.report.numbers import number
from codesign.report.words import sentences


def render(m: Metrics) -> RenderableType:
    """The report of a run. Print it with soft_wrap=True, so that a command in it can be copied."""
    heading = Text.assemble((plain(m.name), "bold"), " on chip ", (plain(m.chip), "bold"))
    on = f", on the measured die {plain(m.die)}" if m.die else ""
    heading.append(f" ({plain(m.chip_id)}), seed {m.seed}{on}\n")
    if m.data is not None:
        heading.append(f"{_data(m.data, m.inputs)}\n")
    said = [Text(line) for line in sentences(m)]
    tables = Fitting(_accuracy(m)), Fitting(_costs(m))
    return Group(heading, tables[0], "", *said, *([""] if said else []), tables[1], "", *_layers(m), *_verdict(m))


def text(m: Metrics, width: int = 100) -> str:
    """The same without colour."""
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, force_terminal=False).print(render(m), soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _data(d: Data, i: Inputs | None) -> str:
    """The data set, and the range that its inputs span."""
    text = (
        f"data {plain(d.name)}: {d.train:,} to train, {d.test:,} to test, {d.features:,} features, {d.classes} classes"
    )
    if i is None:
        return text
    kind = f"{'signed ' * i.signed}{i.bits}-bit"
    span = f"{i.low:.6g}..{i.high:.6g}"
    return f"{text}; {kind} inputs span {span if d.scale == 'set' else f'each feature, {span} in all'}"


def _grid() -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("", min_width=18, no_wrap=True, overflow="ignore")
    return table


def _accuracy(m: Metrics) -> Table:
    table = _grid()
    table.columns[0].header = "accuracy"
    table.add_column("percent", justify="right")
    table.add_column("images", justify="right")
    table.add_column("", style="dim")
    a, same = m.accuracy, m.accuracy.comparable
    rows: list[tuple[str, Accuracy | None, str]] = [
        ("float", a.float, ""),
        ("quantized", a.quantized, ""),
        ("integer network", a.network, "without converters"),
        ("integer reference", a.reference, "" if a.network is None else "with the chip's converters"),
    ]
    note = ""
    if same is not None and same is not a.reference:
        note = "simulated images only"
        rows.append(("integer reference", same, note))
    if same is not None:  # else nothing shown here ran the same images
        rows.append((f"Verilog, {plain(m.simulator)}", a.rtl, note))
    for label, value, which in rows:
        if value is not None:
            table.add_row(Text(label), f"{value.percent:.2f}", f"{value.images:,}", which)
    return table


def _costs(m: Metrics) -> Table:
    c, table = m.cycles, _grid()
    table.columns[0].header = "cost"
    for column in ("bound", "predicted", "simulated"):
        table.add_column(column, justify="right")
    table.add_column("", style="dim")
    a, note = m.arrays, ""
    if a.least is not None:
        note = "the fewest possible" if a.used == a.least else f"{a.least:,} at least, however packed"
    table.add_row(f"arrays of {a.budget:,}", f"{a.lower_bound:,}", f"{a.used:,}", "", note)
    table.add_row(
        "latency, cycles", f"{c.bound:,}", f"{c.predicted:,}", f"{c.simulated:,}", "last input to last output"
    )
    between = "" if c.interval_simulated is None else number(c.interval_simulated)
    table.add_row("interval, cycles", f"{c.bound:,}", number(c.interval), between, "initiation interval of a stream")
    return table


def _layers(m: Metrics) -> list[RenderableType]:
    """What each layer takes of the chip. Columns are signed."""
    if not m.layers:
        return []
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("layer", min_width=12, no_wrap=True, overflow="ignore")
    for column in ("matrix", "slices", "arrays", "columns", "left", "cycles"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("", style="dim", no_wrap=True)
    for u in m.layers:
        sizes = (f"{u.inputs} x {u.outputs}", f"{u.slices}", runs(u.arrays), f"{u.columns:,}", f"{u.left:,}")
        more = f"{u.further} more fit" if u.further else ""
        table.add_row(Text(plain(u.layer)), *sizes, f"{u.cycles:,}", more)
    return [Fitting(table), *([Text(m.slicing)] if m.slicing else []), "", *_timeline(m)]


def _timeline(m: Metrics) -> list[RenderableType]:
    """Where the cycles of an image go, if layers pass over pictures."""
    if all(n.places == 1 for n in m.layer_cycles):
        return []
    table = _grid()
    table.columns[0].header = "cycles of an image"
    for column in ("places", "load", "convert", "wait", "drain", "takes"):
        table.add_column(column, justify="right", no_wrap=True)
    for n in m.layer_cycles:
        table.add_row(
            Text(plain(n.layer)), *(f"{v:,}" for v in (n.places, n.load, n.convert, n.wait, n.drain, n.takes))
        )
    total = sum(n.takes for n in m.layer_cycles)
    table.add_row(Text("with the input"), "", "", "", "", "", f"{total:,}")
    return [Fitting(table), ""]


def _verdict(m: Metrics) -> list[Text]:
    what = f"{counted(m.accuracy.rtl.images, 'image')} compared"
    if m.words_compared is not None and m.cycles_compared is not None:
        what += f" in {counted(m.words_compared, 'word')} and {counted(m.cycles_compared, 'cycle')}"
    speed = f"{what}, {m.images_per_second:,.1f} a second"
    lines = [Text(m.speed.told)] if m.speed else []
    if m.is_right:
        lines.append(Text(f"Verilog and reference agree in every word and cycle ({speed})", style="green"))
    if m.mismatches:
        lines.append(
            Text(f"WRONG: {counted(m.mismatches, 'word', 'differs', 'differ')} ({speed}); the first:", style="bold red")
        )
        lines.append(Text(plain(m.first_mismatch or "")))
    if m.cycles.timing_errors:
        late = (
            f"WRONG: {counted(m.cycles.timing_errors, 'image')} finished in a different cycle than predicted ({speed})"
        )
        lines.append(Text(late, style="bold red"))
    if m.inputs is not None and m.inputs.wasted:
        i = m.inputs
        need = i.bits - i.wasted
        lines.append(
            Text(
                f"warning: values {i.low}..{i.high} of the data need {need} bit{'s' * (need > 1)}, "
                f"inputs have {i.bits}; set quantize.input_bits = {need} to spend fewer cycles",
                style="yellow",
            )
        )
    if m.simulator_version:
        lines.append(Text(f"simulator: {plain(m.simulator_version)}", style="dim"))
    times = ", ".join(f"{plain(k)} {v:.1f}" for k, v in m.time_s.items())
    return [*lines, Text(f"seconds: {times}", style="dim")]
