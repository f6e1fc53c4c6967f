"""codesign die: import, recover, info and check."""

from pathlib import Path
from typing import Annotated, Any

import typer

from codesign.brief import counted
from codesign.cli.common import RUN, ChipName, Json, example, read_rows, say, tell
from codesign.errors import ConfigError, OutputError

RAN = "build/digits"
IMPORT = example("codesign die import flows/my_die.csv --chip reference-128 --out build/my.die")
CHECK = example(
    f"codesign die check flows/my_die.csv {RAN}/02_compile/program \\",
    f"    --inputs {RAN}/01_train/inputs.npy --worst 3 \\",
    f"    --labels {RAN}/01_train/labels.npy",
    after=RUN,
)
MEASURES = "codesign characterize reference-128 --out build/cells"
RECOVER = example(
    "codesign die recover build/cells build/cells/expected.csv \\",
    "    --out build/cells.die",
    after=MEASURES,
)
app = typer.Typer(no_args_is_help=True, help="Dies as test floors measure them.", epilog=IMPORT)

GOn = Annotated[
    float | None,
    typer.Option("--g-on", metavar="US", help="Conductance of the highest level, in uS, for a file in uS."),
]
Fraction = Annotated[
    int | None,
    typer.Option("--fraction", metavar="F", help="Count 2^-F conductance codes, 0 to 8; absent: fine enough."),
]
Map = Annotated[Path, typer.Argument(metavar="DIE", help="Die that codesign die import wrote, or a .csv or .npz.")]


@app.command("import", epilog=IMPORT)
def die_import(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Map of cells: .csv (state or conductance_uS), or .npz in uS.")
    ],
    chip: ChipName,
    out: Annotated[Path, typer.Option("--out", metavar="DIE", help="File to write.")],
    g_on: GOn = None,
    fraction: Fraction = None,
    json: Json = False,
) -> None:
    """Make a die of a test floor's map: stuck cells by state, measured cells by conductance."""
    from codesign.chip.description import Chip
    from codesign.mapping import Die

    if out.exists():
        raise OutputError(f"{out}: already exists; choose another name or remove it")
    target = Chip.load(chip)
    die = Die.load(file, target, g_on, fraction)
    die.save(out, target, g_on)
    record = {"file": str(out), **_facts(die, target, g_on)}
    say(json, record, f"{out}: {_told(record)}")


@app.command("recover", epilog=RECOVER)
def die_recover(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder written by codesign characterize.")],
    words: Annotated[Path, typer.Argument(metavar="WORDS", help="Words of the chip (.csv), as DIR/expected.csv.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIE", help="File to write.")],
    offsets: Annotated[
        Path | None, typer.Option("--offsets", metavar="FILE", help="Write the offset of each column (.csv).")
    ] = None,
    json: Json = False,
) -> None:
    """Make a die of the words that a characterized chip gave."""
    from codesign.folders import deliver
    from codesign.vectors import recover

    for path in (out, offsets):
        if path is not None and path.exists():
            raise OutputError(f"{path}: already exists; choose another name or remove it")
    made = recover.load(folder)
    found = recover.recover(made, recover.read_words(words, made))
    target = next(iter(made.values())).chip
    if offsets is not None:
        deliver(offsets, "".join(recover.offsets_csv(found.offsets)))
    found.die.save(out, target)
    shifts = [int(o) for held in found.offsets.values() for o in held]
    record = {"file": str(out), **_facts(found.die, target, None)}
    lines = [f"{out}: {_told(record)}", f"  column offsets {min(shifts)} to {max(shifts)}"]
    if found.at_end:
        lines.append(f"  {counted(found.at_end, 'pair')} at an end of the converters' range, may differ by more")
    wrong = len(found.unexplained)
    lines.append(
        f"  {found.checked - wrong:,} of {counted(found.checked, 'word')} of several wordlines are sums of these pairs"
    )
    if wrong:
        lines[-1] += "; the first other one: array {}, pattern {}, column {}".format(*found.unexplained[0])
    record |= {
        "offsets": {"lowest": min(shifts), "highest": max(shifts)},
        "at_end": found.at_end,
        "checked": found.checked,
        "unexplained": [{"array": a, "pattern": p, "column": c} for a, p, c in found.unexplained],
    }
    say(json, record, "\n".join(lines))


@app.command("info", epilog=example("codesign die info flows/my_die.csv --chip reference-128"))
def die_info(
    file: Map,
    chip: Annotated[
        str | None, typer.Option("--chip", metavar="CHIP", help="Chip file or preset, unless the file names it.")
    ] = None,
    g_on: GOn = None,
    json: Json = False,
) -> None:
    """Show what a die's cells hold: how many are known, and between which conductances."""
    from codesign.chip.description import Chip, presets
    from codesign.devices.map_file import facts
    from codesign.mapping import Die

    if chip is None:
        told = facts(file)
        target = next((c for c in map(Chip.load, presets()) if c.id == told.chip_id), None)
        if target is None:
            raise ConfigError(f"{file}: is a die of chip {told.chip}, which is no preset; name its file with --chip")
        g_on = told.g_on
    else:
        target = Chip.load(chip)
    record = _facts(Die.load(file, target, g_on), target, g_on)
    lines = [f"{file}: {_told(record)}"]
    for row in record["arrays"]:
        lines.append(
            f"  array {row['array']}: {counted(row['known'], 'cell')} known, {row['low']:.4g} to {row['high']:.4g} "
            f"{record['unit']}; {row['on']} at the highest level, {row['off']} at the lowest"
        )
    say(json, record, "\n".join(lines))


def _facts(die: Any, chip: Any, g_on: float | None) -> dict[str, Any]:
    """What a die holds, array by array; conductances in uS where g_on is known, otherwise as shares of it."""
    one, low = chip.device.codes[-1] << die.fraction, chip.device.codes[0] << die.fraction
    unit = (g_on or 1.0) / one
    arrays = []
    for array, codes in sorted(die.codes.items()):
        known = codes[codes >= 0]
        if known.size:
            ends = float(known.min() * unit), float(known.max() * unit)
            on, off = int((known == one).sum()), int((known == low).sum())
            arrays.append(
                {"array": array, "known": int(known.size), "low": ends[0], "high": ends[1], "on": on, "off": off}
            )
    size = chip.arrays.rows * chip.arrays.columns
    return {
        "chip": {"name": chip.name, "id": f"0x{chip.id:08x}"},
        "fraction": die.fraction,
        "unit": "g_on" if g_on is None else "uS",
        "step": unit,
        "known": sum(row["known"] for row in arrays),
        "cells": size * chip.arrays.count,
        "arrays": arrays,
    }


def _told(record: dict[str, Any]) -> str:
    return (
        f"a die of {record['chip']['name']}, {record['known']:,} of {record['cells']:,} cells known, the others "
        f"healthy; one step is {record['step']:.4g} {record['unit']} (2^-{record['fraction']} conductance codes)"
    )


@app.command("check", epilog=CHECK)
def die_check(
    file: Map,
    program: Annotated[Path, typer.Argument(metavar="PROGRAM", help="Folder written by codesign compile.")],
    inputs: Annotated[
        Path, typer.Option(metavar="FILE", help="Inputs (.npy or .csv), one row per image: integers, unless --real.")
    ],
    labels: Annotated[Path, typer.Option(metavar="FILE", help="Labels (.npy or .csv), one per image.")],
    floor: Annotated[
        float | None, typer.Option("--floor", metavar="P", help="Exit with status 1 below this accuracy, in percent.")
    ] = None,
    worst: Annotated[int, typer.Option("--worst", metavar="N", min=0, help="Find the N cells that hurt most.")] = 10,
    real: Annotated[bool, typer.Option("--real", help="Inputs are real numbers; quantize them.")] = False,
    g_on: GOn = None,
    json: Json = False,
) -> None:
    """Judge whether a die is good enough for a program: accuracy on it, and the cells that hurt most."""
    from dataclasses import asdict

    from codesign import image
    from codesign.ir.labels import accuracy, check_labels
    from codesign.ir.real import to_integers
    from codesign.mapping import Die, deviating, harm
    from codesign.program import Program

    if floor and not 1 < floor <= 100:  # a share, most likely
        raise ConfigError(f"--floor: must be 0, or above 1 and at most 100 percent, got {floor:g}")
    loaded, x = Program.load(program), read_rows(inputs)
    die = Die.load(file, loaded.chip, g_on)
    x = to_integers(loaded.network, x, str(inputs)) if real else x[:]
    y = check_labels(read_rows(labels), len(x), loaded.network.outputs, str(labels))
    ideal, held = (accuracy(loaded.run(x, d), y) for d in (None, die))
    cells = deviating(loaded.mapping, die)
    found = harm(loaded.mapping, die, x, y, worst) if worst and cells else []
    rows, lines = [], []
    for h in found:
        pair = image.cell_at(loaded.mapping, h.array, h.wordline, h.bitline).pair
        weight = pair.weight if pair else ""
        rows.append(asdict(h) | {"weight": weight})
        lines.append(
            f"  array {h.array}, wordline {h.wordline}, bitline {h.bitline}, weight {weight}: holds {h.held:g}, should "
            f"{h.wanted:g}; alone at its level: {h.correct:+d} correct, {counted(h.outputs, 'image')} changed"
        )
    good = floor is None or held >= floor
    verdict = "" if floor is None else f", {'at least' if good else 'BELOW'} the floor of {floor:g} %"
    head = (
        f"{file}: {held:.2f} % of {counted(len(x), 'image')} on this die, {ideal:.2f} % on an ideal one{verdict}; "
        f"{counted(cells, 'cell')} of {loaded.network.name} off their level"
    )
    record = {"accuracy": held, "ideal": ideal, "floor": floor, "good": good, "deviating": cells, "worst": rows}
    say(json, record, "\n".join([head, *lines]))
    if not good:
        tell(f"error: {held:.2f} % is below the floor of {floor:g} %")
        raise typer.Exit(1)
