"""Where files of published data sets lie, how much may be unpacked, and foreign text on one line."""

import os
from pathlib import Path

from codesign.errors import InputError, plain

LIMIT = 2 << 30  # bytes the arrays or images of one data set may fill: more is a mistake or an attack


def places(name: str, folder: Path | None) -> list[Path]:
    """Folders that may hold data set `name`: `folder` and its `name`/ if given, else $CODESIGN_DATA/`name`.

    Raises InputError when neither is given.
    """
    if folder is not None:
        return [folder, folder / name]
    if home := os.environ.get("CODESIGN_DATA"):
        return [Path(home) / name]
    raise InputError(
        f"data set {name}: its folder is not given; name it with --data (folder= in Python), "
        f"or set CODESIGN_DATA to the folder that contains {name}/"
    )


def there(path: Path) -> bool:
    """Whether there is such a file; not where no file can have such a name."""
    try:
        return path.is_file()
    except OSError:  # a name too long, a folder that may not be read
        return False


def one_line(words: object) -> str:
    """The text of a foreign error, or a name from a file, on one line and without control characters."""
    text = " ".join(str(words).split()) or type(words).__name__
    return plain(text)
