"""Quantized training: a data set and a recipe become the integers a chip holds. The only home of torch.

`Recipe` and the data sets load without torch; everything else brings it in on first use. The function
`export` keeps to its module (`codesign.train.export`), whose name it shares.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codesign.train.data import Dataset, load, to_inputs
    from codesign.train.grid import Grid
    from codesign.train.layers import QuantLinear, QuantReLU
    from codesign.train.loop import Epoch, Trained, fit
    from codesign.train.models import QuantNet, float_mlp, mlp
    from codesign.train.ptq import quantize, to_network
    from codesign.train.recipe import Recipe

_HOME = {
    "Dataset": "data",
    "Epoch": "loop",
    "Grid": "grid",
    "QuantLinear": "layers",
    "QuantNet": "models",
    "QuantReLU": "layers",
    "Recipe": "recipe",
    "Trained": "loop",
    "fit": "loop",
    "float_mlp": "models",
    "load": "data",
    "mlp": "models",
    "quantize": "ptq",
    "to_inputs": "data",
    "to_network": "ptq",
}

__all__ = [
    "Dataset",
    "Epoch",
    "Grid",
    "QuantLinear",
    "QuantNet",
    "QuantReLU",
    "Recipe",
    "Trained",
    "fit",
    "float_mlp",
    "load",
    "mlp",
    "quantize",
    "to_inputs",
    "to_network",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
