"""codesign simulate: a program's Verilog on inputs."""

from pathlib import Path
from typing import Annotated

import typer

from codesign.cli.common import Json, read_rows
from codesign.cli.progress import JsonProgress, Quiet, at_a_rate, showing
from codesign.cli.verdict import judge
from codesign.errors import InputError


def simulate(
    program: Annotated[Path, typer.Argument(metavar="PROGRAM", help="Folder written by codesign compile.")],
    inputs: Annotated[
        Path, typer.Option(metavar="FILE", help="Inputs (.npy or .csv), one row per image: integers, unless --real.")
    ],
    real: Annotated[
        bool, typer.Option("--real", help="Inputs are real numbers in the units of the network's data; quantize them.")
    ] = False,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Labels (.npy or .csv), one per image: say the accuracy, too."),
    ] = None,
    images: Annotated[int | None, typer.Option(metavar="N", min=1, help="Simulate only the first N images.")] = None,
    image: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Simulate only image N, counted from 0.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep outputs, log and waveforms in this folder.")
    ] = None,
    waves: Annotated[bool, typer.Option("--waves", help="Record waveforms (FST) in --out.")] = False,
    simulator: Annotated[
        str, typer.Option(metavar="NAME", help="Simulator: icarus, or verilator, faster once it has compiled the chip.")
    ] = "icarus",
    load: Annotated[
        str, typer.Option(metavar="HOW", help="Program the chip by bus, as firmware does, or by backdoor, faster.")
    ] = "bus",
    jobs: Annotated[
        int, typer.Option(metavar="N", min=1, help="Share the images among N simulator processes; resumes in --out.")
    ] = 1,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Share them on a Dask cluster, tcp://host:8786.")
    ] = None,
    die: Annotated[
        Path | None,
        typer.Option("--die", metavar="FILE", help="What the cells hold: a die, or a .csv or .npz map."),
    ] = None,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
    json: Json = False,
) -> None:
    """Simulate the chip's Verilog and compare every word and cycle with the reference."""
    if waves and out is None:
        raise typer.BadParameter("needs --out, the folder to keep them in", param_hint="--waves")
    import io
    from contextlib import nullcontext
    from dataclasses import replace

    import numpy as np

    from codesign import sim
    from codesign.folders import atomic_write, claimed, writing
    from codesign.ir.labels import accuracy, check_labels
    from codesign.ir.real import to_integers
    from codesign.mapping import Die
    from codesign.program import Program
    from codesign.report import Speed
    from codesign.sim.job import OUTPUTS
    from codesign.workers import Workers

    loaded, x = Program.load(program), read_rows(inputs)
    held = None if die is None else Die.load(die, loaded.chip)
    y = None
    if labels is not None:
        y = check_labels(read_rows(labels), len(x), loaded.network.outputs, str(labels))
    if image is not None and image >= len(x):
        raise InputError(f"--image {image}: {inputs} has {len(x)} images, counted from 0; choose a smaller one")
    chosen = slice(images) if image is None else slice(image, image + 1)
    x = to_integers(loaded.network, x[chosen], str(inputs)) if real else x[chosen]
    with (
        nullcontext() if out is None else claimed(out, "simulation") as folder,
        showing(quiet, json_progress) as progress,
    ):
        result = sim.simulate(
            loaded,
            x,
            simulator=simulator,
            folder=folder,
            waves=waves,
            load=load,
            die=held,
            progress=at_a_rate(progress, "simulate"),
            jobs=Workers(jobs, scheduler),
        )
        if folder is not None:
            with writing(folder):
                whole = io.BytesIO()
                np.save(whole, result.outputs, allow_pickle=False)
                atomic_write(folder / OUTPUTS, whole.getvalue())
    if image is None:
        on = f" --die {die}" if die else ""
        result = result.reproduced_by(f"codesign simulate {program} --inputs {inputs}{' --real' * real}{on}")
    else:
        result = replace(result, mismatches=tuple(replace(m, image=image) for m in result.mismatches))
    scores = None if y is None else [accuracy(z, y[chosen]) for z in (result.outputs, loaded.run(x, held))]
    clock, cycles = loaded.chip.clock_mhz, loaded.cycles
    judge(result, json, scores, None if clock is None else Speed.of(clock, cycles.latency, cycles.interval))
