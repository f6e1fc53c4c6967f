"""codesign chip: new, check and emit."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codesign.cli.common import Json, Out, example, say, tell
from codesign.errors import ConfigError, OutputError, warn
from codesign.terminal import fitted, width

if TYPE_CHECKING:
    from codesign.chip.levels import Level

MOST = 16  # levels shown
DEFAULT = "reference-128"  # what a new chip is like
Target = Annotated[str, typer.Argument(metavar="CHIP", help="Chip file, or a preset such as reference-128.")]
EMIT = example("codesign chip emit reference-128 --out build/rtl")
app = typer.Typer(no_args_is_help=True, help="Describe chips and generate their Verilog.", epilog=EMIT)


@app.command("new", epilog=example("codesign chip new mychip.toml --like tiny --set arrays.count=12"))
def chip_new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write, NAME.toml.")],
    like: Annotated[
        str | None, typer.Option(metavar="PRESET", help="Preset to copy; if absent, reference-128.")
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as arrays.count=64; repeat for more."),
    ] = None,
    json: Json = False,
) -> None:
    """Write a chip file to edit: a copy of a preset, with some keys changed.

    On a terminal, and without options, asks for the preset and for what a designer decides first.
    """
    from codesign import resources
    from codesign.chip.description import Chip
    from codesign.chip.edit import edited
    from codesign.cli import questions
    from codesign.folders import atomic_write
    from codesign.settings import changes

    presets = resources.presets("chips")
    asks = like is None and not sets and not json and questions.are_possible()
    like = like or DEFAULT
    if like not in presets:
        raise ConfigError(f"--like {questions.no_preset(like, presets)}")
    if file.exists():
        raise OutputError(f"{file}: already exists; choose another name or remove it")
    if file.suffix != ".toml":
        raise ConfigError(f"chip file {file}: must be named NAME.toml, such as {file.stem or 'mychip'}.toml")
    if not file.parent.is_dir():
        raise OutputError(f"{file}: cannot be written, {file.parent} is no folder; make it first, or choose another")
    if asks:
        Chip.parse(edited(presets[like].read_text(encoding="utf-8"), [("name", file.stem)]), str(file))  # its name
        like, sets = questions.ask(file.stem, presets, like)
        words = ["codesign", "chip", "new", str(file), "--like", like, *(w for s in sets for w in ("--set", s))]
        tell(f"\nthe same without questions: {shlex.join(words)}")
    wanted = [("name", file.stem), *changes(sets or ())]
    text = presets[like].read_text(encoding="utf-8")
    if sets:  # the comment at its top describes the preset
        text = re.sub(r"\A(#.*\n)+", f"# As {like}, but {', '.join(sets)}.\n", text)
    text = edited(text, wanted)
    Chip.parse(text, str(file))
    try:
        atomic_write(file, text)
    except OSError as e:
        raise OutputError(f"{file}: cannot be written ({e.strerror}); choose another place") from None
    say(json, {"file": str(file)}, f"wrote {file}; edit it, then run: codesign chip check {file}")


@app.command("check", epilog=example("codesign chip check reference-128"))
def chip_check(chip: Target, json: Json = False) -> None:
    """Validate a chip file; show its derived sizes and the rounding error of each level's code."""
    from dataclasses import asdict

    from codesign.chip.description import Chip
    from codesign.chip.levels import advice, levels

    c = Chip.load(chip)
    derived = {
        "id": f"0x{c.id:08x}",
        "signed_columns": c.columns,
        "column_groups": c.groups,
        "accumulator_bits": c.acc_bits,
    }
    derived |= {"codes": list(c.device.codes), "weights": list(c.device.weights)}
    derived |= {"levels": [asdict(at) for at in levels(c.device)]}
    lines = [
        f"{c.name} (0x{c.id:08x}) is a valid chip",
        f"  {c.arrays.count} arrays of {c.arrays.rows} wordlines x {c.columns} signed columns",
        f"  {c.device.levels} levels a cell; error of each code in % of full scale:",
        *_table(levels(c.device), width()),
        f"  {c.adc.lanes} converters of {c.adc.bits} bits an array, {c.groups} column groups",
        f"  activations up to {c.activation.bits} bits, {c.acc_bits}-bit accumulators",
    ]
    say(json, {"chip": c.model_dump(mode="json"), "derived": derived}, "\n".join(lines))
    if told := advice(c.device):
        warn(f"{chip}: {told}")


def _table(found: "Sequence[Level]", columns: int | None) -> list[str]:
    """Lines that show levels, on a terminal of so many columns; of many, those with the largest errors."""
    shown, note = found, []
    if len(found) > MOST:
        shown = sorted(sorted(found, key=lambda at: -abs(at.error))[:MOST], key=lambda at: at.level)
        note = [f"    the {MOST} levels with the largest errors; --json lists all"]
    head = f"    {'level':>5} {'nominal':>12} {'code':>6} {'represented':>12} {'error':>8}"
    rows = [
        f"    {at.level:>5} {at.nominal:>12.4g} {at.code:>6} {at.represented:>12.4g} {round(at.error, 2) + 0.0:>8.2f}"
        for at in shown
    ]
    return [*fitted([head, *rows], columns, indent="    "), *note]


@app.command("emit", epilog=EMIT)
def chip_emit(
    chip: Target,
    out: Out,
    json: Json = False,
) -> None:
    """Write a chip's Verilog, file lists and firmware header."""
    from codesign import rtl
    from codesign.chip.description import Chip
    from codesign.folders import staged

    files = rtl.emit(Chip.load(chip))
    with staged(out, "rtl") as work:
        for name, text in files.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text(text, encoding="utf-8")
    say(json, {"files": sorted(files)}, f"wrote {len(files)} files in {out}")
