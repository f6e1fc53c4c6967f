"""codesign report: what a finished run found."""

from pathlib import Path
from typing import Annotated

import typer

from codesign.cli.common import Json
from codesign.cli.verdict import show_report


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a finished run.")], json: Json = False
) -> None:
    """Show the results of a finished run."""
    show_report(folder, json)
