"""codesign chip: new, check and emit."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codesign.cli.common import Json, Out, example, say
from codesign.errors import ConfigError, OutputError, warn

if TYPE_CHECKING:
    from codesign.chip.levels import Level

MOST = 16  # levels shown
Target = Annotated[str, typer.Argument(metavar="CHIP", help="Chip file, or a preset such as reference-128.")]
EMIT = example("codesign chip emit reference-128 --out build/rtl")
app = typer.Typer(no_args_is_help=True, help="Describe chips and generate their Verilog.", epilog=EMIT)


@app.command("new", epilog=example("codesign chip new mychip.toml --like tiny --set arrays.count=12"))
def chip_new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write, NAME.toml.")],
    like: Annotated[str, typer.Option(metavar="PRESET", help="Preset to copy.")] = "reference-128",
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as arrays.count=64; repeat for more."),
    ] = None,
    json: Json = False,
) -> None:
    """Write a chip file to edit: a copy of a preset, with some keys changed."""
    from codesign import resources
    from codesign.chip.description import Chip
    from codesign.chip.edit import edited
    from codesign.folders import atomic_write
    from codesign.settings import changes

    presets = resources.presets("chips")
    if like not in presets:
        raise ConfigError(f"--like {like}: no such preset; use one of {', '.join(presets)}")
    if file.exists():
        raise OutputError(f"{file}: already exists; choose another name or remove it")
    if file.suffix != ".toml":
        raise ConfigError(f"chip file {file}: must be named NAME.toml")
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
        *_table(levels(c.device)),
        f"  {c.adc.lanes} converters of {c.adc.bits} bits an array, {c.groups} column groups",
        f"  activations up to {c.activation.bits} bits, {c.acc_bits}-bit accumulators",
    ]
    say(json, {"chip": c.model_dump(mode="json"), "derived": derived}, "\n".join(lines))
    if told := advice(c.device):
        warn(f"{chip}: {told}")


def _table(found: "Sequence[Level]") -> list[str]:
    """Lines that show levels; of many, those with the largest errors."""
    shown, note = found, []
    if len(found) > MOST:
        shown = sorted(sorted(found, key=lambda at: -abs(at.error))[:MOST], key=lambda at: at.level)
        note = [f"    the {MOST} levels with the largest errors; --json lists all"]
    head = f"    {'level':>5} {'nominal':>12} {'code':>6} {'represented':>12} {'error':>8}"
    rows = [
        f"    {at.level:>5} {at.nominal:>12.4g} {at.code:>6} {at.represented:>12.4g} {round(at.error, 2) + 0.0:>8.2f}"
        for at in shown
    ]
    return [head, *rows, *note]


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
