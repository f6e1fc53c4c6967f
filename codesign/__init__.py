"""Neural networks from quantized training to ReRAM crossbar chips, bit for bit.

The main verbs:

    codesign.train.fit    trains a recipe for a chip's cells: the network and its accuracies
    codesign.compile      maps a network (or an ordinary nn.Module) to a chip: a program
    codesign.simulate     runs the chip's Verilog and compares every word and cycle with the program
    codesign.optimize     searches the best network for a chip of so many arrays

From a recipe to a simulated chip:

    >>> import codesign
    >>> recipe = codesign.Recipe(data={"downsample": 2}, network={"hidden": (8,)}, train={"epochs": 2})
    >>> data = recipe.data.load()
    >>> trained = codesign.train.fit(recipe, data, "tiny")
    >>> program = codesign.compile(trained.network, None, "tiny")
    >>> program
    Program(network on tiny: 3 of 6 arrays, interval 41)
    >>> x = data.test_inputs(recipe.quantize.input)[:4]
    >>> program.run(x).shape
    (4, 10)
    >>> codesign.simulate(program, x).mismatches
    ()

`codesign.run` does all of it from a flow file and keeps every step in a folder. A chip is a preset's name, a file or a
`codesign.Chip`, wherever one is asked for. Names load what they need when first used: `import codesign` is light.
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
    from codesign import plot, train
    from codesign.chip.description import Chip
    from codesign.compiler import compile, quantize
    from codesign.data import Dataset
    from codesign.devices import Cells
    from codesign.flow import Flow, run
    from codesign.ir import Network
    from codesign.mapping import Die
    from codesign.program import Program
    from codesign.report import Metrics
    from codesign.search import Question, optimize
    from codesign.sim import Result, simulate
    from codesign.train.recipe import Recipe
    from codesign.workers import Workers

__version__ = "0.2.0"

_HOME = {
    "Cells": "codesign.devices",
    "Chip": "codesign.chip.description",
    "Dataset": "codesign.data",
    "Die": "codesign.mapping",
    "Flow": "codesign.flow",
    "Metrics": "codesign.report",
    "Network": "codesign.ir",
    "Program": "codesign.program",
    "Question": "codesign.search",
    "Recipe": "codesign.train.recipe",
    "Result": "codesign.sim",
    "Workers": "codesign.workers",
    "compile": "codesign.compiler",
    "optimize": "codesign.search",
    "quantize": "codesign.compiler",
    "run": "codesign.flow",
    "simulate": "codesign.sim",
}

__all__ = [
    "CapacityError",
    "Cells",
    "Chip",
    "CodesignError",
    "CodesignWarning",
    "ConfigError",
    "Dataset",
    "Die",
    "Flow",
    "ImageError",
    "InputError",
    "Metrics",
    "Network",
    "OutputError",
    "Program",
    "Question",
    "Recipe",
    "Result",
    "ToolError",
    "UnsupportedError",
    "Workers",
    "__version__",
    "compile",
    "optimize",
    "plot",
    "quantize",
    "run",
    "simulate",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in ("plot", "train"):
        return import_module(f"codesign.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
