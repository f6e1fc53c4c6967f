"""Write a page beside what it is about, and its tables as CSV."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from codesign.errors import InputError, OutputError
from codesign.files import RECORD, read_bytes
from codesign.folders import atomic_write, kind_of, staged, writing
from codesign.page.blocks import Page
from codesign.page.comparison import compared
from codesign.page.render import MARK, html
from codesign.page.run import of_run, program_page
from codesign.page.search import of_search
from codesign.page.study import of_study
from codesign.program import Program
from codesign.report import SUMMARY, Metrics

NAME = "report.html"
KINDS: dict[str, Callable[[Path], Page]] = {
    "run": of_run,
    "program": lambda folder: program_page(Program.load(folder)),
    "study": of_study,
    "search": of_search,
}


def page_of(folder: Path) -> Page:
    """The page of a folder of ours. Raises InputError when it is none, or holds nothing finished."""
    kind = kind_of(folder) or ("run" if (folder / SUMMARY).is_file() else None)
    if kind not in KINDS:
        came = "is no folder of codesign" if kind is None else f"holds a codesign {kind}"
        raise InputError(f"{folder}: {came}; give the folder of a run, a study, a search or a program")
    return KINDS[kind](folder)


def write(folder: str | Path, out: str | Path | None = None) -> Path:
    """Write report.html of a run, study, search or program folder into it, or to the file `out`; returns its path.

    Beside it, a folder of the same name ending in -tables holds every table as CSV. Raises InputError when the folder
    holds nothing finished, OutputError when `out` is a file that codesign did not write, or missing for a program.
    """
    home = Path(folder)
    if out is None and kind_of(home) == "program":
        raise OutputError(f"{home}: a program's folder holds only what it lists; name the page with --out FILE")
    return _written(page_of(home), home / NAME if out is None else Path(out), home)


def write_run(folder: Path, metrics: Metrics) -> Path:
    """Write report.html of a run folder whose record is not there yet."""
    return _written(of_run(folder, metrics), folder / NAME)


def write_comparison(folders: Sequence[str | Path], out: str | Path) -> Path:
    """Write a page that shows folders side by side, or chips; otherwise like `write`."""
    return _written(compared([str(f) for f in folders]), Path(out))


def _written(page: Page, target: Path, home: Path | None = None) -> Path:
    """home: the folder that the page's links start from, if it is another one than the page's."""
    if target.is_dir():
        raise OutputError(f"{target}: is a folder; give a file such as {target / NAME}")
    with writing(target):
        if target.exists() and MARK.encode() not in read_bytes(target, RECORD):
            raise OutputError(f"{target}: is a file that codesign did not write; choose another name")
        target.parent.mkdir(parents=True, exist_ok=True)
        with staged(target.with_name(f"{target.stem}-tables"), "tables") as tables:
            for table in page.tables:
                (tables / f"{table.name}.csv").write_text(table.csv, encoding="utf-8")
        away = "." if home is None else os.path.relpath(home, target.parent)
        atomic_write(target, html(page, "" if away == "." else f"{quote(away)}/"))
    return target
