"""codesign where: from a weight to its cells, and back."""

from pathlib import Path
from typing import Annotated

import typer

from codesign.cli.common import Json, say


def where(
    program: Annotated[Path, typer.Argument(metavar="PROGRAM", help="Folder written by codesign compile.")],
    name: Annotated[
        str | None,
        typer.Argument(metavar="WEIGHT", help="A weight, as LAYER[OUTPUT,INPUT], or a unit, as LAYER[OUTPUT]."),
    ] = None,
    array: Annotated[int | None, typer.Option("--array", metavar="N", help="Array of a cell.")] = None,
    wordline: Annotated[int | None, typer.Option("--wordline", metavar="N", help="Wordline of the cell.")] = None,
    bitline: Annotated[int | None, typer.Option("--bitline", metavar="N", help="Bitline of the cell.")] = None,
    json: Json = False,
) -> None:
    """Find the cells of a weight, or the weight of a cell.

    Numbers are those of your model's layers, outputs first: fc1[3,17], or conv1[3,0,1,2] (channel, row and column of
    the kernel). With --array, --wordline and --bitline: what that cell is part of.
    """
    from dataclasses import asdict

    from codesign import image
    from codesign.program import Program

    place = (array, wordline, bitline)
    if (name is None) == all(n is None for n in place) or (name is None and None in place):
        raise typer.BadParameter("give a weight, or all of --array, --wordline and --bitline", param_hint="WEIGHT")
    mapping = Program.load(program).mapping
    if name is not None:
        pairs = image.find(mapping, name)
        text = "\n".join([image.title(mapping, pairs), *(f"  {pair}" for pair in pairs)])
        say(json, {"cells": [asdict(pair) for pair in pairs]}, text)
        return
    cell = image.cell_at(mapping, array or 0, wordline or 0, bitline or 0)
    say(json, asdict(cell), str(cell))
