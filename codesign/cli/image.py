"""codesign image: verify and info."""

from pathlib import Path
from typing import Annotated

import typer

from codesign.cli.common import Json, say
from codesign.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Look at a programming image.")

ImageFolder = Annotated[Path, typer.Argument(help="Folder that compile wrote, or its image folder.")]


@app.command("verify")
def image_verify(
    folder: ImageFolder,
    chip: Annotated[str | None, typer.Option(help="Chip of an image without its program folder.")] = None,
    json: Json = False,
) -> None:
    """Check every checksum, and every format against the others."""
    from codesign import image
    from codesign.hardware import Chip
    from codesign.program import Program

    if (folder / "program.json").is_file():
        folder = folder / "image"
    home = folder.resolve().parent
    if chip is not None:
        image.verify(folder, Chip.load(chip))
    elif folder.resolve().name == "image" and (home / "program.json").is_file():
        Program.load(home)
    else:
        raise ConfigError(f"{folder}: holds no program.json; name the image's chip with --chip")
    say(json, {"ok": True, "image": str(folder)}, f"{folder}: is whole, and all formats say the same")


@app.command("info")
def image_info(folder: ImageFolder, json: Json = False) -> None:
    """Say what an image is for and what it holds."""
    from codesign import image
    from codesign.image.files import read_manifest

    home = folder / "image" if (folder / "program.json").is_file() else folder
    say(json, read_manifest(home).model_dump(mode="json", by_alias=True), image.info(home).rstrip())
