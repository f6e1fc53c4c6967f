"""What the argument IMAGE of a command is: a program, its image folder, or a lone file; and for which chip."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from codesign.errors import ConfigError, ImageError

if TYPE_CHECKING:
    from codesign.chip.description import Chip
    from codesign.image import Image
    from codesign.image.manifest import PieceRef

IMAGE_HELP = "Folder written by codesign compile, its image folder, or a lone file (.bin, .hex, .ihex, .srec)."
Source = Annotated[Path, typer.Argument(metavar="IMAGE", help=IMAGE_HELP)]
ChipOption = Annotated[
    str | None,
    typer.Option("--chip", metavar="CHIP", help="Chip of an image without its program, unless it is a preset."),
]


class Opened(NamedTuple):
    """An image, whole and for a known chip."""

    path: Path  # the file that was read
    image: "Image"
    chip: "Chip"
    pieces: "tuple[PieceRef, ...]"  # what its arrays hold, where a manifest tells it


def program_of(source: Path) -> Path | None:
    """The program folder that `source` is, or whose `image` folder it is by name; links are not followed."""
    named = Path(os.path.abspath(source))  # not resolve(): a link lies in the folder that is named, wherever it leads
    for home in (source, *([named.parent] if named.name == "image" else [])):
        if os.path.lexists(home / "program.json"):  # the reader tells what else it may be
            return home
    return None


def images_of(source: Path) -> Path:
    """The image itself: `source`, or the `image` folder in it."""
    inside = source / "image"
    return inside if not os.path.lexists(source / "manifest.json") and os.path.isdir(inside) else source


def chip_of(source: Path, chip_id: int, named: str | None) -> "Chip":
    """The chip of an image: the named one, its program's, or the preset with its id. Raises ConfigError."""
    from codesign.chip.description import Chip, presets
    from codesign.program import Program

    if named is not None:
        return Chip.load(named)
    home = program_of(source)
    if home is not None:
        return Program.load(home).chip
    found = next((c for c in map(Chip.load, presets()) if c.id == chip_id), None)
    if found is None:
        raise ConfigError(
            f"{source}: is for the chip with id 0x{chip_id:08x}, which is none of the presets "
            f"{', '.join(presets())}; name it with --chip"
        )
    return found


def opened(source: Path, named: str | None) -> Opened:
    """The image that a source holds. Raises ImageError when it is damaged, ConfigError when its chip is not known."""
    from codesign import image

    home = program_of(source)
    folder = images_of(source if home is None else home)
    is_folder = folder.is_dir() or not folder.exists()
    path = folder / image.BIN if is_folder else folder
    chip = chip_of(source, image.read_image(path, None).chip_id, named)
    pieces = image.read_manifest(folder).pieces if is_folder else ()
    return Opened(path, image.read_image(path, chip), chip, pieces)


def same_chip(one: Opened, other: Opened) -> None:
    """Raises ImageError unless two images are for one chip."""
    if one.chip.id != other.chip.id:
        raise ImageError(
            f"{other.path}: is for the chip with id 0x{other.chip.id:08x}, {one.path} for 0x{one.chip.id:08x}; "
            "give two images for one chip"
        )
