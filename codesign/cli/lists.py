"""codesign image cells and delta: lists to program and verify cells by, and images that change only some."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codesign.brief import counted
from codesign.cli.common import RUN, Json, example, say
from codesign.cli.image import PROGRAM, Format
from codesign.cli.sources import ChipOption, Source, opened, same_chip
from codesign.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codesign.program import Program

CELLS = example(
    f"codesign image cells {PROGRAM} --all --g-on 40 \\",
    "    --out build/program.csv",
    after=RUN,
)
DELTA = example(
    f"codesign image delta {PROGRAM} \\",
    f"    --from {PROGRAM}/image --out build/delta.bin",
    after=RUN,
)
Old = Annotated[
    Path | None,
    typer.Option("--from", metavar="OLD", help="List only cells that differ from this image, which the chip holds."),
]


def add_to(app: typer.Typer) -> None:
    """Adds the commands to `codesign image`."""
    app.command("cells", epilog=CELLS)(image_cells)
    app.command("delta", epilog=DELTA)(image_delta)


def image_cells(
    program: Annotated[Path, typer.Argument(metavar="PROGRAM", help="Folder written by codesign compile.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write, such as cells.csv.")],
    every: Annotated[
        bool, typer.Option("--all", help="List every cell of the chip, to program and verify by.")
    ] = False,
    old: Old = None,
    g_on: Annotated[
        float | None, typer.Option("--g-on", metavar="US", help="Conductance of the highest level, in uS.")
    ] = None,
    window: Annotated[
        float | None,
        typer.Option(
            "--window", metavar="W", help="How far a cell may be from its target, as a share of the highest level's."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """List cells as CSV: those that are not at level 0, or all that are to be programmed.

    By itself: address, level, conductance code and weight of every cell that is not at level 0, as `codesign compile`
    writes it into the image folder unless the program is large. With --all or --from: a list to program and verify
    by, in the order in which to write the cells, with target conductance, window and weight of each.
    """
    from codesign.folders import deliver
    from codesign.program import Program

    if out.exists():
        raise OutputError(f"{out}: already exists; choose another name or remove it")
    if not (every or old) and (g_on is not None or window is not None):
        raise typer.BadParameter("needs --all or --from", param_hint="--window" if g_on is None else "--g-on")
    if every and old:
        raise typer.BadParameter("lists some cells, --all lists all; give one of them", param_hint="--from")
    loaded = Program.load(program)
    lines = _targets(loaded, program, old, g_on, window) if every or old else loaded.cells_csv()
    deliver(out, lines)
    say(json, {"cells": str(out)}, f"{out}: lists the cells of {program}")


def _targets(
    program: "Program", source: Path, old: Path | None, g_on: float | None, window: float | None
) -> "Iterator[bytes]":
    from codesign import image

    told, held = image.targets(program.chip.device, g_on, window), image.held_by(program.mapping)
    if old is None:
        return image.target_list(image.whole_chip(held, program.chip), program.chip, told)
    new, before = opened(source, None), opened(old, None)
    same_chip(new, before)
    only = image.changed_cells(before.image, new.image, program.chip)
    return image.target_list(held, program.chip, told, only)


def image_delta(
    source: Source,
    old: Annotated[Path, typer.Option("--from", metavar="OLD", help="The image that the chip holds, in any format.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write: .bin, .hex, .ihex or .srec.")],
    form: Format = None,
    chip: ChipOption = None,
    json: Json = False,
) -> None:
    """Write an image that touches only the cells that differ from those of another image.

    Loaded after OLD, it makes the chip hold IMAGE. Tables and offsets are written whole, cells only where a word of
    them differs.
    """
    from codesign import image
    from codesign.folders import deliver

    target = image.format_of(out, form)
    if out.exists():
        raise OutputError(f"{out}: already exists; choose another name or remove it")
    new, before = opened(source, chip), opened(old, chip)
    same_chip(new, before)
    words = image.stream(new.chip, image.delta(before.image, new.image, new.chip))
    touched = sum(int(mask.sum()) for mask in image.changed_cells(before.image, new.image, new.chip).values())
    deliver(out, image.encode(words.tobytes(), target))
    found = {
        "file": str(out),
        "format": target,
        "words": len(words),
        "cells": touched,
        "from_crc32": f"0x{before.image.crc:08x}",
        "crc32": f"0x{int(words[-1]):08x}",
    }
    say(
        json,
        found,
        f"{out}: {counted(touched, 'cell')} {'differs' if touched == 1 else 'differ'}, {len(words):,} words; "
        f"load it on a chip whose IMAGE_CRC is {found['from_crc32']}",
    )
