"""codesign image: verify, info and cells."""

import os
from pathlib import Path
from typing import Annotated

import typer

from codesign.cli.common import Json, say
from codesign.errors import ConfigError, ImageError, OutputError

app = typer.Typer(no_args_is_help=True, help="Look at a programming image.")

Source = Annotated[Path, typer.Argument(help="Folder that compile wrote, its image folder, or an image.bin.")]


@app.command("verify")
def image_verify(
    source: Source,
    chip: Annotated[str | None, typer.Option(help="Chip of an image without its program folder.")] = None,
    json: Json = False,
) -> None:
    """Check every checksum, every format against the others, and every entry against its table."""
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
        source = source if home is None else home / "image"
        image.verify(source, Chip.load(chip))
    say(json, {"ok": True, "image": str(source)}, f"{source}: is whole, and all formats say the same")


@app.command("info")
def image_info(
    source: Source,
    entries: Annotated[bool, typer.Option("--entries", help="Print every step, load and tile.")] = False,
    chip: Annotated[str | None, typer.Option(help="Chip of an image without its program folder.")] = None,
    json: Json = False,
) -> None:
    """Say what an image is for and what it holds."""
    from codesign import image
    from codesign.chip.description import Chip
    from codesign.program import Program

    home = _program(source)
    named, source = source, source if home is None else home / "image"
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


@app.command("cells")
def image_cells(
    program: Annotated[Path, typer.Argument(help="Folder that compile wrote.")],
    out: Annotated[Path, typer.Option("--out", help="File to write, such as cells.csv.")],
    json: Json = False,
) -> None:
    """List every cell that is not at level 0: address, level, conductance code, weight. Large programs leave it out."""
    from codesign.folders import atomic_write, writing
    from codesign.program import Program

    if out.exists():
        raise OutputError(f"{out}: exists already; choose another name or remove it")
    loaded = Program.load(program)
    with writing(out):
        atomic_write(out, loaded.cells_csv())
    say(json, {"cells": str(out)}, f"{out}: lists the cells of {program}")


def _program(source: Path) -> Path | None:
    """The program folder that `source` is, or whose `image` folder it is by name; links are not followed."""
    named = Path(os.path.abspath(source))  # not resolve(): a link lies in the folder that is named, wherever it leads
    for home in (source, *([named.parent] if named.name == "image" else [])):
        if (home / "program.json").is_file():
            return home
    return None
