"""codesign: neural networks from quantized training to ReRAM crossbar chips, bit for bit.

Public names load what they need on first use; `import codesign` alone is light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from codesign.errors import (
    CapacityError,
    CodesignError,
    CodesignWarning,
    ConfigError,
    ImageError,
    InputError,
    OutputError,
    ToolError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from codesign.chip.description import Chip
    from codesign.compiler import compile
    from codesign.devices import Cells
    from codesign.ir import Network
    from codesign.mapping import Die
    from codesign.program import Program
    from codesign.sim import Result, simulate

__version__ = "0.1.0"

_HOME = {
    "Cells": "codesign.devices",
    "Chip": "codesign.chip.description",
    "Die": "codesign.mapping",
    "Network": "codesign.ir",
    "Program": "codesign.program",
    "Result": "codesign.sim",
    "compile": "codesign.compiler",
    "simulate": "codesign.sim",
}

__all__ = [
    "CapacityError",
    "Cells",
    "Chip",
    "CodesignError",
    "CodesignWarning",
    "ConfigError",
    "Die",
    "ImageError",
    "InputError",
    "Network",
    "OutputError",
    "Program",
    "Result",
    "ToolError",
    "UnsupportedError",
    "__version__",
    "compile",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
