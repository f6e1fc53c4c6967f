"""codesign image: verify, info and cells."""

import os
from pathlib import Path
from typing import Annotated

import typer

from codesign.cli.common import RUN, Json, example, say
from codesign.errors import ConfigError, ImageError, OutputError

PROGRAM = "build/digits/02_compile/program"
VERIFY = example(f"codesign image verify {PROGRAM}", after=RUN)
app = typer.Typer(no_args_is_help=True, help="Inspect and verify programming images.", epilog=VERIFY)

Source = Annotated[
    Path,
    typer.Argument(metavar="IMAGE", help="Folder written by codesign compile, its image folder, or an image.bin."),
]


@app.command("verify", epilog=VERIFY)
def image_verify(
    source: Source,
    chip: Annotated[str | None, typer.Option(metavar="CHIP", help="Chip of an image without its program.")] = None,
    json: Json = False,
) -> None:
    """Verify an image: its checksums, its formats, every table entry."""
    from codesign import image
    from codesign.chip.description import Chip
    from codesign.program import Program

    home = _program(source)
    if home is not None and chip is None:
        Program.load(home)
        source = home / "image"
    elif chip is None:
        raise ConfigError(f"{source}: holds no program.json; name the image's chip with --chip")
    elif source.is_file():
        target = Chip.load(chip)
        found = image.faults(image.read_image(source, target), target)
        if found:
            raise ImageError("\n".join(f"{source}: {line}; compile again" for line in found))
    else:
        source = _images(source if home is None else home)
        image.verify(source, Chip.load(chip))
    say(json, {"ok": True, "image": str(source)}, f"{source}: OK, checksums match and all formats agree")


@app.command("info", epilog=example(f"codesign image info {PROGRAM} --entries", after=RUN))
def image_info(
    source: Source,
    entries: Annotated[bool, typer.Option("--entries", help="Print every step, load, tile and walk.")] = False,
    chip: Annotated[
        str | None, typer.Option("--chip", metavar="CHIP", help="Chip of an image without a program folder.")
    ] = None,
    json: Json = False,
) -> None:
    """Show which chip and network an image is for, and what it holds."""
    from codesign import image
    from codesign.chip.description import Chip
    from codesign.program import Program

    home = _program(source)
    named, source = source, _images(source if home is None else home)
    record, text = image.record(source), image.info(source)
    if entries:
        if chip is not None:
            target = Chip.load(chip)
        elif home is not None:
            target = Program.load(home).chip
        else:
            raise ConfigError(f"{named}: holds no program.json; name the image's chip with --chip")
        path = source / image.BIN if source.is_dir() else source
        found = image.entries(image.read_image(path, target), target)
        record, text = record | {"entries": image.plain_entries(found)}, f"{text}\n{image.show_entries(found)}"
    say(json, record, text)


CELLS = example(f"codesign image cells {PROGRAM} --out build/cells.csv", after=RUN)


@app.command("cells", epilog=CELLS)
def image_cells(
    program: Annotated[Path, typer.Argument(metavar="PROGRAM", help="Folder written by codesign compile.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write, such as cells.csv.")],
    json: Json = False,
) -> None:
    """List every programmed cell as CSV.

    A line holds address, level, conductance code and weight of a cell that is not at level 0. `codesign compile`
    writes this list into the image folder itself unless the program is large.
    """
    from codesign.folders import atomic_write, writing
    from codesign.program import Program

    if out.exists():
        raise OutputError(f"{out}: already exists; choose another name or remove it")
    loaded = Program.load(program)
    with writing(out):
        atomic_write(out, loaded.cells_csv())
    say(json, {"cells": str(out)}, f"{out}: lists the cells of {program}")


def _program(source: Path) -> Path | None:
    """The program folder that `source` is, or whose `image` folder it is by name; links are not followed."""
    named = Path(os.path.abspath(source))  # not resolve(): a link lies in the folder that is named, wherever it leads
    for home in (source, *([named.parent] if named.name == "image" else [])):
        if os.path.lexists(home / "program.json"):  # the reader tells what else it may be
            return home
    return None


def _images(source: Path) -> Path:
    """The image itself: `source`, or the `image` folder in it."""
    inside = source / "image"
    return inside if not os.path.lexists(source / "manifest.json") and os.path.isdir(inside) else source
