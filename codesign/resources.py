"""Files that travel with codesign: Verilog templates, preset chips, flows and questions.

In an installed wheel they lie inside the package, as `_hdl` and `_flows`; in a checkout (an editable install) they are
the folders `hdl_templates` and `flows` beside it.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path

from codesign.errors import ConfigError
from codesign.files import read_text
from codesign.settings import TOML_LIMIT

_PACKAGE = Path(__file__).parent
_INSIDE = {"flows": "_flows", "hdl_templates": "_hdl"}
_ROOMS = {"flow": ".", "question": "questions", "chip": "chips"}
_RENAMED = {"optimize_digits": "digits", "optimize_mnist": "mnist"}  # questions that lay among the flows


def folder(name: str) -> Path:
    """The folder `flows` or `hdl_templates` of this installation."""
    inside = _PACKAGE / _INSIDE[name]
    return inside if inside.is_dir() else _PACKAGE.parent / name


def presets(room: str = ".") -> dict[str, Path]:
    """TOML files of a folder in `flows`, by name without the suffix."""
    return {p.stem: p for p in sorted((folder("flows") / room).glob("*.toml"))}


def read(kind: str, source: str | Path) -> tuple[str, str]:
    """Text of a preset flow or question, by name, or of a file; and what messages call it.

    kind: "flow" or "question". A preset of another kind is returned too: validating it tells what it is. Raises
    ConfigError when there is neither preset nor file, with the new name of a preset that was renamed.
    """
    name, own = str(source), presets(_ROOMS[kind])
    if name in own:
        return own[name].read_text(encoding="utf-8"), f"{name}.toml"
    try:
        return read_text(source, TOML_LIMIT), name
    except OSError as e:
        if now := _RENAMED.get(Path(source).stem):
            raise ConfigError(f"{kind} {source}: is now the question {now}; run `codesign optimize {now}`") from None
        for room in _ROOMS.values():
            if other := presets(room).get(name):
                return other.read_text(encoding="utf-8"), f"{name}.toml"
        raise ConfigError(
            f"{kind} {source}: cannot be read ({e.strerror}); give a .toml file or one of the presets "
            f"{', '.join(own)}{meant(source, own)}"
        ) from None


def meant(source: str | Path, names: Iterable[str]) -> str:
    """The end of a message about a name or file that does not exist: the preset that it resembles, if any."""
    near = difflib.get_close_matches(Path(source).stem.lower(), names, n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else ""
