"""codesign vectors: the known answers of a program, to test a chip with."""

from pathlib import Path
from typing import Annotated

import typer

from codesign.cli.common import Json, Out, read_rows, say


def vectors(
    program: Annotated[Path, typer.Argument(metavar="PROGRAM", help="Folder written by codesign compile.")],
    out: Out,
    images: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Images: the first N of --inputs, or N made up (without it, 4)."),
    ] = None,
    inputs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Inputs (.npy or .csv), one row per image: integers, unless --real."),
    ] = None,
    real: Annotated[
        bool, typer.Option("--real", help="Inputs are real numbers in the units of the network's data; quantize them.")
    ] = False,
    each_layer: Annotated[
        bool, typer.Option("--each-layer", help="Add an image and a transcript until each layer, and find_layer.py.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a known-answer test: inputs, words, activations, cycles; C, benches.

    The folder holds them as CSV, for $readmemh and in C, with a bus transcript
    that a SystemVerilog player, a C program and a cocotb bench play.
    """
    if real and inputs is None:
        raise typer.BadParameter("needs --inputs, the real numbers", param_hint="--real")
    from codesign import vectors as known
    from codesign.brief import counted
    from codesign.ir.real import to_integers
    from codesign.program import Program

    loaded = Program.load(program)
    x = known.sample_inputs(loaded.network, images or 4) if inputs is None else read_rows(inputs)[:images]
    x = to_integers(loaded.network, x, str(inputs)) if real else x
    known.write(loaded, out, x, each_layer)
    found = {"images": len(x), "words": len(x) * loaded.network.outputs, "vectors": str(out)}
    count = counted(len(x) * loaded.network.outputs, "word")
    say(json, found, f"{out}: {counted(len(x), 'image')} with {count}; `make -C {out}/tb` tries them in simulation")
