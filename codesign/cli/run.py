"""codesign run: a flow file from training to a report."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from codesign.cli.common import Data, Json, Out, Sets, lines, say
from codesign.cli.progress import JsonProgress, Quiet, showing
from codesign.cli.verdict import show_report


def run(
    flow: Annotated[str, typer.Argument(metavar="FLOW", help="Flow file, or a preset such as digits_mlp.")],
    out: Out,
    first: Annotated[str | None, typer.Option("--from", metavar="STAGE", help="Rerun from this stage onwards.")] = None,
    last: Annotated[str | None, typer.Option("--until", metavar="STAGE", help="Stop after this stage.")] = None,
    sets: Sets = None,
    data: Data = None,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
    json: Json = False,
) -> None:
    """Train, compile, simulate and report as a flow file says.

    The stages are train, compile, reference, simulate and report. Stages that are up to date are skipped; run the
    same command again to resume after an interruption.
    """
    from codesign import flow as flows
    from codesign.train.ranks import rank

    described = flows.Flow.load(flow, sets or ())
    with showing(quiet, json_progress) as progress:
        ran = flows.run(described, out, first, last, data, progress)
    if rank() > 0:
        return  # one of torchrun's other processes: the first one reports
    if not (out / flows.SUMMARY).is_file():
        what = f"ran {', '.join(ran)}" if ran else "nothing to run: every stage is up to date"
        say(json, {"stages": ran}, f"{what}; in {out}")
    else:
        show_report(out, json, out / "report.html")
        if not json:
            typer.echo(lines(_next(out)))


def _next(out: Path) -> str:
    """What to try with a finished run: commands to copy."""
    program, x = out / "02_compile" / "program", out / "01_train" / "inputs.npy"
    waves = [program, "--inputs", x, "--images", 1, "--waves", "--out", out / "waves"]
    cells = [program, "--all", "--out", out / "cells.csv"]
    known = [program, "--inputs", x, "--images", 4, "--out", out / "vectors"]
    tries = [
        ("record the chip's signals (gtkwave opens waves/chip.gtkw)", ["simulate", *waves]),
        ("list every cell and its conductance, to program by", ["image", "cells", *cells]),
        ("test a chip with known answers", ["vectors", *known]),
    ]
    told = [f"  {what}:\n    {shlex.join(map(str, ['codesign', *words]))}" for what, words in tries]
    return "\n".join(["next, to try:", *told])
