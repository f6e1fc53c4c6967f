"""codesign report: what finished runs, studies and searches found, as a page; several side by side."""

from pathlib import Path
from typing import Annotated

import typer

from codesign.cli.common import Json, say
from codesign.cli.verdict import show_report
from codesign.errors import ConfigError


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...", help="Folder of a finished run, study, search or program; of several, a comparison."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the page here instead of DIR/report.html.")
    ] = None,
    json: Json = False,
) -> None:
    """Write report.html of a finished run, study or search, and show the results of a run.

    Several folders, or chips, are shown side by side in one page, which --out names.
    """
    from codesign import page
    from codesign.folders import kind_of
    from codesign.report import load

    if len(folders) > 1:
        if out is None:
            raise ConfigError("report: several folders make one page; name it with --out FILE, such as --out both.html")
        written = page.write_comparison(folders, out)
        say(json, {"report": str(written)}, f"comparison in {written}")
        return
    (folder,) = folders
    is_run = kind_of(folder) in (None, "run")
    if is_run:
        load(folder)  # says how to finish it
    written = page.write(folder, out)
    if is_run:
        show_report(folder, json, written)
    else:
        say(json, {"report": str(written)}, f"report in {written}")
