"""codesign image: verify, info, convert and diff; the others are added by `codesign.cli.lists`."""

from pathlib import Path
from typing import Annotated

import typer

from codesign.brief import counted
from codesign.cli.common import RUN, Json, example, say
from codesign.cli.sources import IMAGE_HELP, ChipOption, Source, chip_of, images_of, opened, program_of, same_chip
from codesign.errors import ConfigError, ImageError, InputError, OutputError
from codesign.terminal import fitted, width

PROGRAM = "build/digits/02_compile/program"
VERIFY = example(f"codesign image verify {PROGRAM}", after=RUN)
app = typer.Typer(no_args_is_help=True, help="Inspect, verify, convert and compare programming images.", epilog=VERIFY)


@app.command("verify", epilog=VERIFY)
def image_verify(
    source: Source,
    chip: ChipOption = None,
    base: Annotated[
        Path | None, typer.Option("--from", metavar="OLD", help="The image below a delta image, of any format.")
    ] = None,
    json: Json = False,
) -> None:
    """Verify an image: its checksums, its formats, every table entry. Lists all damage."""
    try:
        path, told = _verified(source, chip, base)
    except ImageError as e:
        if json:
            say(True, {"ok": False, "image": str(source), "damage": str(e).split("\n")}, "")
        raise
    say(json, {"ok": True, "image": str(path)}, f"{path}: OK, {told}")


def _verified(source: Path, named: str | None, base: Path | None) -> tuple[Path, str]:
    """What was verified, and what was found to agree. Raises ImageError with a line for each damage."""
    from codesign import image
    from codesign.chip.description import Chip
    from codesign.program import Program

    home = program_of(source)
    if base is not None and not source.is_file():
        raise ConfigError(f"--from: {source} is no lone file, such as codesign image delta writes; leave it out")
    if home is not None and named is None:
        Program.verify(home)
        return home / "image", "checksums match and all formats agree"
    if not source.is_file():
        folder = images_of(source if home is None else home)
        image.verify(folder, chip_of(source, int(image.read_manifest(folder).chip.id, 16), named))
        return folder, "checksums match and all formats agree"
    target = None if named is None else Chip.load(named)
    found = image.read_words(source, target)
    parsed, lines = image.examine(found.data, None, str(source))
    if parsed is None:
        raise ImageError("\n".join(found.problems + lines))
    try:
        target = target or chip_of(source, parsed.chip_id, None)
    except ConfigError as e:  # the word that names the chip may be damaged, too
        header = [f"{source}: {line}; copy it again" for line in image.single(found.data, parsed, None)]
        raise ImageError("\n".join([*found.problems, *lines, *header, str(e)])) from None
    below = None if base is None else opened(base, target.name if named is None else named).image
    image.verify_file(source, target, below)
    above = "" if below is None else f", above an image of CRC-32 0x{below.crc:08x} (the chip's IMAGE_CRC)"
    return source, f"every checksum and entry is right for chip {target.name}{above}"


@app.command("info", epilog=example(f"codesign image info {PROGRAM} --entries", after=RUN))
def image_info(
    source: Source,
    entries: Annotated[
        bool, typer.Option("--entries", help="Print steps, loads, tiles, walks, constants, offsets.")
    ] = False,
    chip: ChipOption = None,
    json: Json = False,
) -> None:
    """Show which chip and network an image is for, and what it holds."""
    from codesign import image

    home = program_of(source)
    folder = images_of(source if home is None else home)
    record, text = image.record(folder), image.info(folder)
    if entries:
        found = opened(source, chip)
        told = image.entries(found.image, found.chip)
        plain: dict[str, object] = {**image.plain_entries(told)}
        whole, tables = (found.image, found.chip, found.pieces), image.show_entries(told)
        if image.faults(*whole[:2]):
            tables += "\n\nconstants and offsets: not told of an image that codesign image verify refuses"
        else:
            given, trims = image.constants(*whole), image.offsets(*whole)
            tables = "\n".join([tables, *image.show_outputs(given, trims)])
            plain |= {"constants": image.plain_outputs(given), "offsets": image.plain_outputs(trims)}
        shown = ("\n".join(fitted(table.split("\n"), width())) for table in tables.strip("\n").split("\n\n"))
        record, text = record | {"entries": plain}, "\n\n".join([text, *shown])
    say(json, record, text)


CONVERT = example(f"codesign image convert {PROGRAM} --out build/image.ihex", after=RUN)
Format = Annotated[
    str | None,
    typer.Option("--format", metavar="NAME", help="Format: bin, readmemh, ihex or srec; absent: by the file's name."),
]


@app.command("convert", epilog=CONVERT)
def image_convert(
    source: Source,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write: .bin, .hex, .ihex or .srec.")],
    form: Format = None,
    address: Annotated[
        str, typer.Option("--address", metavar="N", help="Address of the first byte in ihex and srec files.")
    ] = "0",
    json: Json = False,
) -> None:
    """Convert an image to another format: raw bytes, $readmemh, Intel HEX or Motorola S-records, without loss."""
    from codesign import image
    from codesign.folders import deliver

    target = image.format_of(out, form)
    try:
        first = int(address, 0)
    except ValueError:
        raise typer.BadParameter(
            f"must be an integer, such as 0x8000, got {address!r}", param_hint="--address"
        ) from None
    if out.exists():
        raise OutputError(f"{out}: already exists; choose another name or remove it")
    home = program_of(source)
    folder = images_of(source if home is None else home)
    path = folder / image.BIN if folder.is_dir() or not folder.exists() else folder
    image.read_image(path, None)  # a damaged image is not passed on
    data = image.read_words(path, None).data
    deliver(out, image.encode(data, target, first))
    found = {"file": str(out), "format": target, "words": len(data) // 4, "address": first}
    say(json, found, f"{out}: {len(data) // 4:,} words as {target}")


DIFF = example(f"codesign image diff {PROGRAM} \\", f"    {PROGRAM}/image/image.hex", after=RUN)


@app.command("diff", epilog=DIFF)
def image_diff(
    first: Annotated[Path, typer.Argument(metavar="FIRST", help=IMAGE_HELP)],
    second: Annotated[Path, typer.Argument(metavar="SECOND", help="Likewise, or a .csv of levels read back.")],
    chip: ChipOption = None,
    json: Json = False,
) -> None:
    """Compare two images for one chip, in any formats: every cell, entry field, constant and offset that differs.

    A .csv lists levels that were read back (array,wordline,bitline,level); only its cells are compared. The exit
    status is 0 when the chip would hold the same after either, and 1 otherwise.
    """
    from codesign import image

    one = opened(first, chip)
    if second.suffix.lower() == ".csv":
        levels = image.read_levels(second, one.chip)
        if not (compared := image.compared(one.image, levels, one.chip)):
            raise InputError(f"{second}: lists no cell that {first} writes; give a line for each that was read back")
        found = list(image.level_changes(one.image, levels, one.chip, one.pieces))
        equal = f"equal in {counted(compared, 'cell')} read back"
        if beside := sum(int((held >= 0).sum()) for held in levels.values()) - compared:
            equal += f"; {counted(beside, 'cell')} that the image does not write not compared"
    else:
        other = opened(second, chip)
        same_chip(one, other)
        equal = "equal"
        found = list(image.changes(one.image, other.image, one.chip, one.pieces or other.pieces))
    count = counted(len(found), "difference")
    say(
        json,
        {"equal": not found, "differences": [c.plain() for c in found]},
        "\n".join([*map(str, found), f"{first} and {second}: {count if found else equal}"]),
    )
    if found:
        raise typer.Exit(1)
