"""codesign optimize: which network for this chip, which chip for this network."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from codesign.cli.common import Data, Jobs, Json, Scheduler, Sets, lines, say, show_table
from codesign.cli.progress import JsonProgress, Quiet, showing
from codesign.cli.verdict import refuse
from codesign.errors import ConfigError, InputError


def optimize(
    question: Annotated[
        str | None, typer.Argument(metavar="QUESTION", help="Question file, or a preset such as mnist.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder for the results: new, empty, or from an earlier run."),
    ] = None,
    new: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a question file to edit, and do nothing else.")
    ] = None,
    budgets: Annotated[
        str | None, typer.Option(metavar="N,N,..", help="Search once for each number of arrays: 4,8,16,32,64.")
    ] = None,
    reach: Annotated[
        float | None,
        typer.Option(metavar="PERCENT", help="Find the smallest chip that reaches this held-out accuracy."),
    ] = None,
    minimize: Annotated[
        str | None, typer.Option(metavar="QUANTITY", help="Let --reach minimize this quantity instead of arrays.")
    ] = None,
    front: Annotated[
        str | None, typer.Option(metavar="QUANTITY", help="Trade accuracy against this quantity: a Pareto front.")
    ] = None,
    screen: Annotated[bool, typer.Option("--screen", help="Price every candidate, train none.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Run a short version on embedded data, seconds.")] = False,
    jobs: Jobs = 1,
    scheduler: Scheduler = None,
    sets: Sets = None,
    data: Data = None,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
    json: Json = False,
) -> None:
    """Search the best network for a chip and prove it in Verilog.

    --reach, --front and --screen ask something else of the same question file; --new writes one. Finished trainings
    are kept; run the same command again to resume after an interruption.
    """
    from codesign import search
    from codesign.workers import Workers

    if new is not None:
        others: dict[str, object] = {
            "QUESTION": question,
            "--out": out,
            "--budgets": budgets,
            "--reach": reach,
            "--front": front,
        }
        others |= {"--screen": screen or None, "--quick": quick or None, "--set": sets}
        if given := [name for name, value in others.items() if value]:
            raise ConfigError(f"--new: writes a question file and does nothing else; leave out {', '.join(given)}")
        search.new(new)
        how = f"edit it, then run: codesign optimize {shlex.quote(str(new))} --out DIR --screen"
        say(json, {"file": str(new)}, f"wrote {new}; {how}")
        return
    if question is None:
        raise typer.BadParameter("give a question, or --new FILE to write one", param_hint="QUESTION")
    if out is None:
        raise typer.BadParameter("give a folder for the results", param_hint="--out")
    if sum(o is not None for o in (budgets, reach, front, screen or None)) > 1 and not (screen and budgets):
        raise ConfigError("--budgets, --reach, --front and --screen are different questions; give one of them")
    if reach is not None and not 0 < reach <= 100:
        raise ConfigError(f"--reach: must be above 0 and at most 100 percent, got {reach:g}")
    if minimize is not None and reach is None:
        raise ConfigError("--minimize: names what --reach minimizes; give --reach too, or leave it out")
    described = search.load(question, sets or (), quick)
    if screen:
        arrays = _numbers(budgets)
        if len(arrays) > 1:
            raise ConfigError(f"--screen: prices one budget at a time, got {budgets}; give one number of arrays")
        screened = search.screen(described, out, arrays[0] if arrays else None, data)
        if json:
            say(json, search.screen_record(screened), "")
        else:
            show_table(described.question, *search.screen_table(screened))
        return
    workers = Workers(jobs, scheduler)
    with showing(quiet, json_progress) as progress:
        if reach is not None:
            reached = search.reach(described, out, reach, minimize or "arrays", data, workers, progress)
        elif front is not None:
            points = search.front(described, out, front, data, workers, progress)
        else:
            curve = search.optimize(described, out, data, workers, _numbers(budgets), progress)
    if reach is not None and reached.answer is None:
        if json:
            say(json, search.reached_record(reached), "")
        else:
            show_table(described.question, *search.missed_table(reached))
        raise InputError(search.missed_text(reached))
    if reach is not None:
        say(json, search.reached_record(reached), search.reached_text(reached))
    elif json:
        say(json, search.front_record(points) if front is not None else search.record(described, curve), "")
    elif front is not None:
        show_table(described.question, *search.front_table(points))
    else:
        for point in curve:
            if point.answer is not None:
                typer.echo(lines(search.text(point.answer.certificate)) + "\n")
        show_table(described.question, *search.text_table(curve))
        typer.echo(lines(f"certificates, flows and programs in {out}/winners"))
    if front is None:
        answers = [reached.answer] if reach is not None else [p.answer for p in curve]
        shown = [a.certificate.rtl for a in answers if a is not None]
        first = next((m.first_mismatch for m in shown if m.mismatches), None)
        refuse(sum(m.mismatches for m in shown), first, sum(m.cycles.timing_errors for m in shown))


def _numbers(budgets: str | None) -> list[int]:
    try:
        found = [] if budgets is None else [int(b) for b in budgets.split(",")]
    except ValueError:
        found = [0]
    if any(not 1 <= b <= 1024 for b in found):
        raise ConfigError(f"--budgets {budgets}: must be numbers of arrays, 1..1024, separated by commas: 4,8,16")
    return found
