"""codesign study: many trainings, tabulated."""

from pathlib import Path
from typing import Annotated

import typer

from codesign.cli.common import Data, Jobs, Json, Out, Scheduler, Sets, say, show_table
from codesign.cli.progress import JsonProgress, Quiet, showing
from codesign.errors import InputError


def study(
    source: Annotated[
        Path, typer.Argument(metavar="STUDY", help="Study file, or a folder of them such as flows/iscas2018.")
    ],
    out: Out,
    quick: Annotated[
        bool, typer.Option("--quick", help="Run a short version on embedded data, minutes at most.")
    ] = False,
    jobs: Jobs = 1,
    scheduler: Scheduler = None,
    sets: Sets = None,
    data: Data = None,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
    json: Json = False,
) -> None:
    """Train many variants and tabulate the results.

    Finished trainings are kept; run the same command again to resume after an interruption.
    """
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
                with showing(quiet, json_progress) as progress:
                    table = studies.run(described, out, data, Workers(jobs, scheduler), sets or (), progress)
            except InputError as e:  # of this study; the others may well run
                problems.append(str(e))
                continue
            records.append(record(described, table, sets or ()))
            if not json:
                show_table(described.question, *text_table(described, table))
    if records or json:
        say(json, records, f"tables and plots in {out}")
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
