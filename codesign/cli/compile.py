"""codesign compile: a network file to a program folder."""

from pathlib import Path
from typing import Annotated

import typer

from codesign.cli.common import ChipName, Json, Out, read_array, say


def compile_(
    network: Annotated[
        Path,
        typer.Argument(metavar="NETWORK", help="Network file (.safetensors) exported by training, or ONNX (.onnx)."),
    ],
    chip: ChipName,
    out: Out,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Typical inputs (.npy) that set converter ranges; a float ONNX file is quantized with them.",
        ),
    ] = None,
    effort: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            help="Weights of a float ONNX file: normal rounds each, high chooses them together, in seconds.",
        ),
    ] = "normal",
    objective: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="Layers share as few arrays as possible (arrays), or only where the chip has too few (cycles).",
        ),
    ] = "cycles",
    until: Annotated[
        str | None,
        typer.Option(metavar="LAYER", help="End with the raw accumulators of this layer, in the same cells."),
    ] = None,
    json: Json = False,
) -> None:
    """Compile an integer network or an ONNX file, quantized (QONNX) or float, to a chip's programming image."""
    from codesign import ir
    from codesign.account import certified
    from codesign.chip.description import Chip
    from codesign.compiler import compile
    from codesign.report import number

    target, samples = Chip.load(chip), None if calibration is None else read_array(calibration)
    source = network if network.suffix.lower() == ".onnx" else ir.load(network)
    name = source.stem if isinstance(source, Path) else source.name
    program = compile(source, samples, target, name, effort=effort, objective=objective)
    left_out: tuple[str, ...] = ()
    if until is not None:
        program, left_out = program.until(until)
    program.save(out)
    c = program.cycles
    found = {
        "arrays": {
            "used": program.arrays_used,
            "lower_bound": program.arrays_lower_bound,
            "budget": target.arrays.count,
        },
        "cycles": {"bound": c.bound, "latency": c.latency, "interval": c.interval},
    }
    if until is not None:
        found["until"] = {"layer": until, "left_out": list(left_out)}
    proof = program.account and program.account.certificate
    if proof:
        found["certificate"] = proof
    say(
        json,
        found,
        f"{program.network.name} on {target.name}: {program.arrays_used} of {target.arrays.count} arrays "
        f"(at least {program.arrays_lower_bound}), {c.latency} cycles per image, one every {number(c.interval)}; "
        f"in {out}"
        + (f"\nends with the raw accumulators of layer {until}" if until is not None else "")
        + (f"; {' and '.join(left_out)}, computed together with it, is left out" if left_out else "")
        + (f"\n{certified(program.account)}" if program.account and proof else ""),
    )
