"""codesign characterize: images that show what the cells of a chip hold."""

from pathlib import Path
from typing import Annotated

import typer

from codesign.brief import counted
from codesign.cli.common import Json, Out, say


def characterize(
    chip: Annotated[str, typer.Argument(metavar="CHIP", help="Chip file, or a preset such as reference-128.")],
    out: Out,
    cells: Annotated[
        Path | None,
        typer.Option(
            "--cells", metavar="PROGRAM", help="Program the cells as this program does; absent: a checkerboard."
        ),
    ] = None,
    fraction: Annotated[
        int | None,
        typer.Option("--fraction", metavar="F", help="Measure 2^-F conductance codes; absent: what fits any pair."),
    ] = None,
    json: Json = False,
) -> None:
    """Write images that drive single wordlines, ramps, patterns into each array.

    The codes of all columns stream out. `codesign die recover` makes a die of
    them.
    """
    from codesign.chip.description import Chip
    from codesign.program import Program
    from codesign.vectors import characterize as made

    target = Chip.load(chip)
    like = None if cells is None else Program.load(cells).mapping
    arrays = made.write(target, out, like, fraction)
    vectors = len(made.stimuli(target.arrays.rows))
    record = {
        "characterization": str(out),
        "chip": {"name": target.name, "id": f"0x{target.id:08x}"},
        "arrays": arrays,
        "vectors": vectors,
        "words": vectors * target.columns * len(arrays),
        "fraction": made.finest(target) if fraction is None else fraction,
    }
    images, words = counted(len(arrays), "image"), counted(vectors * target.columns, "word")
    say(json, record, f"{out}: {images} of {target.name}; each takes {counted(vectors, 'vector')} and sends {words}")
