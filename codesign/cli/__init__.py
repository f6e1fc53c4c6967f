"""The command line: parse, call, print. Heavy parts are imported by the command that needs them.

Exit status: 0 done, 1 an error told on stderr (or a chip that computes something else), 2 wrong usage,
128 + n ended by signal n (130 interrupted, 143 by SIGTERM, 129 by SIGHUP).
"""

import io
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from codesign import __version__
from codesign.cli import chip, image
from codesign.cli.common import (
    ChipName,
    Data,
    Jobs,
    Json,
    Out,
    Scheduler,
    Sets,
    progress_bars,
    read_array,
    say,
    show_table,
)
from codesign.cli.optimize import optimize
from codesign.cli.output import guarded_output, show_error
from codesign.cli.signals import Ended, ending
from codesign.cli.verdict import judge, show_report
from codesign.errors import CodesignError, CodesignWarning, InputError, OutputError, plain


class _Main(TyperGroup):
    """Turns a user's mistake into lines on stderr, and an interruption into one."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _show(warnings.showwarning)
                return super().invoke(ctx)
        except CodesignError as e:
            if ctx.params.get("debug"):
                raise
            show_error(e)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            typer.echo("interrupted; the same command goes on where it stopped", err=True)
            raise typer.Exit(130) from None


def _show(others: Callable[..., None]) -> Callable[..., None]:
    """Shows our own warnings as lines on stderr."""

    def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
        if issubclass(category, CodesignWarning):
            typer.echo(f"warning: {message}", err=True)
        else:
            others(message, category, *where)

    return show


HELP = "Neural networks from quantized training to ReRAM crossbar chips."
app = typer.Typer(cls=_Main, no_args_is_help=True, pretty_exceptions_enable=False, help=HELP)
app.add_typer(image.app, name="image")
app.add_typer(chip.app, name="chip")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. `--debug` may stand anywhere."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what the terminal's locale cannot show
    args = list(sys.argv[1:] if argv is None else argv)
    for arg in args:
        text = "".join(c for c in arg if not "\udc80" <= c <= "\udcff")  # of a path that is not UTF-8, which may be
        if plain(text) != text:
            typer.echo(f"error: argument {plain(arg)}: holds control characters; choose another name", err=True)
            return 2
    if "--debug" in args:
        args = ["--debug", *(a for a in args if a != "--debug")]
    try:
        with ending(), guarded_output():
            app(args, prog_name="codesign")
    except Ended as e:
        with suppress(OSError):  # the terminal may be gone
            typer.echo(str(e), err=True)
        return e.status
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else int(e.code is not None)
    except OutputError as e:  # standard output failed outside any command, as in --help
        show_error(e)
        return 1
    return 0


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"codesign {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_version)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    pass


@app.command()
def run(
    flow: Annotated[str, typer.Argument(help="A flow file, or a preset such as digits_mlp.")],
    out: Out,
    first: Annotated[str | None, typer.Option("--from", metavar="STAGE", help="Do this stage again, and on.")] = None,
    last: Annotated[str | None, typer.Option("--until", metavar="STAGE", help="Stop after this stage.")] = None,
    sets: Sets = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Train, compile, run the reference, simulate the chip, report. Goes on where it stopped."""
    from codesign import flow as flows
    from codesign.train.ranks import rank

    described = flows.Flow.load(flow, sets or ())
    with progress_bars() as progress:
        ran = flows.run(described, out, first, last, data, progress)
    if rank() > 0:
        return  # one of torchrun's further processes: the first one tells
    if not (out / flows.SUMMARY).is_file():
        say(json, {"stages": ran}, f"did {', '.join(ran) or 'nothing, all was up to date'}; in {out}")
    else:
        show_report(out, json)


@app.command()
def study(
    source: Annotated[Path, typer.Argument(help="A study file, or a folder of them such as flows/iscas2018.")],
    out: Out,
    quick: Annotated[bool, typer.Option("--quick", help="The quick form: minutes at most, embedded data.")] = False,
    jobs: Jobs = 1,
    scheduler: Scheduler = None,
    sets: Sets = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Put one question to many trainings: tables and plots. Goes on where it stopped."""
    from codesign import study as studies
    from codesign.folders import claimed
    from codesign.study.table import record
    from codesign.study.write import text_table
    from codesign.workers import Workers

    found = [s.quickly() if quick else s for s in studies.load(source)]
    studies.check(found, sets or ())
    records, problems = [], []
    with claimed(out, "study"):  # until the last one ends
        for described in found:
            try:
                with progress_bars() as progress:
                    table = studies.run(described, out, data, Workers(jobs, scheduler), sets or (), progress)
            except InputError as e:  # of this study; the others may well run
                problems.append(str(e))
                continue
            records.append(record(described, table))
            if not json:
                show_table(described.question, *text_table(described, table))
    if records or json:
        say(json, records, f"tables and plots in {out}")
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))


app.command("optimize")(optimize)


@app.command("compile")
def compile_(
    network: Annotated[Path, typer.Argument(help="A network file (.safetensors) that training exported.")],
    chip: ChipName,
    out: Out,
    calibration: Annotated[Path | None, typer.Option(help="Typical inputs (.npy) to range the converters.")] = None,
    json: Json = False,
) -> None:
    """Compile an integer network to a chip's programming image."""
    from codesign import ir
    from codesign.chip.description import Chip
    from codesign.compiler import compile
    from codesign.report import number

    target, samples = Chip.load(chip), None if calibration is None else read_array(calibration)
    source = ir.load(network)
    program = compile(source, samples, target, source.name)
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
    say(
        json,
        found,
        f"{source.name} on {target.name}: {program.arrays_used} of {target.arrays.count} arrays "
        f"(at least {program.arrays_lower_bound}), {c.latency} cycles an image, one every {number(c.interval)}; "
        f"in {out}",
    )


@app.command()
def simulate(
    program: Annotated[Path, typer.Argument(help="Folder that compile wrote.")],
    inputs: Annotated[Path, typer.Option(help="Integer inputs (.npy), a row an image.")],
    images: Annotated[int | None, typer.Option(min=1, help="Only the first N images.")] = None,
    image: Annotated[int | None, typer.Option(min=0, help="Only this image, counted from 0.")] = None,
    out: Annotated[Path | None, typer.Option(help="Keep outputs, log and waves here.")] = None,
    waves: Annotated[bool, typer.Option("--waves", help="Record waves (FST) in --out.")] = False,
    simulator: Annotated[str, typer.Option(help="icarus")] = "icarus",
    load: Annotated[str, typer.Option(help="bus: as firmware would; backdoor: fast.")] = "bus",
    json: Json = False,
) -> None:
    """Run the chip's Verilog on inputs and compare every word and cycle with the reference."""
    if waves and out is None:
        raise typer.BadParameter("needs --out, a folder that keeps them", param_hint="--waves")
    import io
    from contextlib import nullcontext
    from dataclasses import replace

    import numpy as np

    from codesign import sim
    from codesign.folders import atomic_write, claimed, writing
    from codesign.program import Program
    from codesign.sim.job import OUTPUTS

    loaded, x = Program.load(program), read_array(inputs)
    if image is not None and image >= len(x):
        raise InputError(f"--image {image}: {inputs} has {len(x)} images, counted from 0; choose a smaller one")
    x = x[image : image + 1] if image is not None else x[:images]
    with nullcontext() if out is None else claimed(out, "simulation") as folder, progress_bars() as progress:
        result = sim.simulate(
            loaded,
            x,
            simulator=simulator,
            folder=folder,
            waves=waves,
            load=load,
            progress=progress and (lambda done, of: progress("simulate", done, of, "")),
            reproduce=f"codesign simulate {program} --inputs {inputs}" if image is None else "",
        )
        if folder is not None:
            with writing(folder):
                whole = io.BytesIO()
                np.save(whole, result.outputs, allow_pickle=False)
                atomic_write(folder / OUTPUTS, whole.getvalue())
    if image is not None:
        result = replace(result, mismatches=tuple(replace(m, image=image) for m in result.mismatches))
    judge(result, json)


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="Folder of a finished run.")], json: Json = False) -> None:
    """Show what a run found."""
    show_report(folder, json)


@app.command()
def doctor(json: Json = False) -> None:
    """Show the tools found, their versions, and how to get what is missing."""
    from dataclasses import asdict

    from codesign.doctor import examine

    found = examine()
    lines = []
    for f in found:
        what = {"ok": f.version, "missing": "missing", "old": f"{f.version}, too old"}[f.state]
        lines.append(f"{f.tool:<10} {what}" + ("" if f.state == "ok" else f"  ({f.needed_for})"))
        if f.remedy:
            lines.append(f"{'':<10} {'' if f.required else 'optional: '}{f.remedy}")
    say(json, [asdict(f) for f in found], "\n".join(lines))
    if any(f.required and f.state != "ok" for f in found):
        raise typer.Exit(1)
