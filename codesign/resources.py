"""Files that travel with codesign: Verilog templates, preset chips, flows and questions.

In an installed wheel they lie inside the package, as `_hdl` and `_flows`; in a checkout (an editable install) they are
the folders `hdl_templates` and `flows` beside it.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_INSIDE = {"flows": "_flows", "hdl_templates": "_hdl"}


def folder(name: str) -> Path:
    """The folder `flows` or `hdl_templates` of this installation."""
    inside = _PACKAGE / _INSIDE[name]
    return inside if inside.is_dir() else _PACKAGE.parent / name


def presets(room: str = ".") -> dict[str, Path]:
    """TOML files of a folder in `flows`, by name without the suffix."""
    return {p.stem: p for p in sorted((folder("flows") / room).glob("*.toml"))}
