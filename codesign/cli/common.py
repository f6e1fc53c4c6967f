"""What the commands share: options, output, arrays."""

import json as jsons
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codesign.errors import InputError, plain
from codesign.files import open_regular
from codesign.terminal import folded, width

if TYPE_CHECKING:
    from io import BufferedReader

    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console


Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder for the results: new, empty, or from an earlier run.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, such as train.epochs=5; repeat for more."),
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder with the data sets that are not embedded.")
]
Jobs = Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Run N trainings in parallel.")]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler", metavar="ADDRESS", help="Run on a Dask cluster, tcp://host:8786; --out must be on a shared disk."
    ),
]
ARRAY = 1 << 50  # bytes of an .npy file, of which only what is used is read
ChipName = Annotated[str, typer.Option("--chip", metavar="CHIP", help="Chip file, or a preset such as reference-128.")]
RUN = "codesign run digits_mlp --out build/digits"  # what other examples come after
RESUMES = "run the same command again to resume"


def example(*lines: str, after: str = "") -> str:
    """The end of a command's help: a command to try, and the one that must have run before."""
    head = f"Example, after `{after}`:" if after else "Example:"
    return "\n".join([head, "", "\b", *lines])  # \b keeps the lines below it from being wrapped


def say(json: bool, record: object, text: str) -> None:
    """Print the record for programs, or the text for people."""
    typer.echo(jsons.dumps(record, indent=1) if json else lines(text))


def lines(text: str) -> str:
    """Text for people on standard output: control characters shown, folded where a terminal is narrower."""
    return folded("\n".join(map(plain, text.split("\n"))), width())


def tell(text: str) -> None:
    """Print a line on stderr, folded where that is a narrower terminal."""
    typer.echo(folded(text, width(sys.stderr)), err=True)


def console() -> "Console":
    """For tables on standard output: as wide as a terminal, 80 columns elsewhere."""
    from rich.console import Console

    elsewhere = None if width() or "COLUMNS" in os.environ else 80
    return Console(markup=False, highlight=False, emoji=False, width=elsewhere)


def show_table(title: str, columns: list[str], rows: list[list[str]], note: str) -> None:
    """A table for people, between a title and a note, then an empty line. Cells are text, whatever they hold."""
    from rich.table import Table

    from codesign.report.fitting import Fitting

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in columns:
        table.add_column(plain(name))
    for row in rows:
        table.add_row(*map(plain, row))
    to = console()
    to.print(f"{lines(title)}\n")
    to.print(Fitting(table))
    to.print(f"\n{lines(note)}\n", style="dim")


def read_array(path: Path) -> "NDArray[np.generic]":
    """An array from a .npy file; rows are read when they are used. Raises InputError."""
    try:
        with open_regular(path, ARRAY) as f:
            array = _mapped(f)
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror}); give a .npy file") from None
    except Exception:  # numpy raises many kinds; MemoryError for a shape that the file does not hold
        raise InputError(f"{path}: is not a .npy file of numbers; save one array with numpy.save") from None
    if array.ndim == 0:
        raise InputError(f"{path}: holds a single number; save an array with one row per image")
    return array


def read_rows(path: Path) -> "NDArray[np.generic]":
    """Rows of numbers from a .npy or .csv file; whole numbers of a .csv are integers. Raises InputError."""
    if path.suffix.lower() != ".csv":
        return read_array(path)
    import numpy as np

    from codesign.data import inputs

    x = inputs(path)
    return x.astype(np.int64) if (x == np.floor(x)).all() and np.abs(x).max() < 1 << 53 else x


def _mapped(f: "BufferedReader") -> "NDArray[np.generic]":
    """The array of an open .npy file, as a map of it. Raises ValueError, also when the file does not hold all of it."""
    import numpy as np

    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(np.lib.format.read_magic(f))
    if read_header is None:
        raise ValueError("a version for field names beyond Latin-1")
    shape, by_column, dtype = read_header(f)
    if dtype.hasobject:
        raise ValueError("objects")
    if math.prod(shape) == 0:
        return np.zeros(shape, dtype)
    return np.asarray(np.memmap(f, dtype, "r", f.tell(), shape, "F" if by_column else "C"))
