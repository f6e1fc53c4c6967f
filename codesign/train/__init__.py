"""Quantized training: a data set and a recipe become the integers a chip holds. The only home of torch.

`Recipe` and the data sets load without torch; everything else brings it in on first use. The function
`export` keeps to its module (`codesign.train.export`), whose name it shares.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codesign.train.data import Dataset, load, to_inputs
    from codesign.train.grid import Grid
    from codesign.train.layers import QuantLayer, QuantReLU
    from codesign.train.loop import Epoch, Trained, fit
    from codesign.train.models import QuantNet, mlp, quantized
    from codesign.train.pooling import QuantAdd, QuantAvgPool, QuantMaxPool
    from codesign.train.ptq import quantize, to_network
    from codesign.train.recipe import Recipe
    from codesign.train.twin import float_mlp, float_twin

_HOME = {
    "Dataset": "data",
    "Epoch": "loop",
    "Grid": "grid",
    "QuantAdd": "pooling",
    "QuantAvgPool": "pooling",
    "QuantLayer": "layers",
    "QuantMaxPool": "pooling",
    "QuantNet": "models",
    "QuantReLU": "layers",
    "Recipe": "recipe",
    "Trained": "loop",
    "fit": "loop",
    "float_mlp": "twin",
    "float_twin": "twin",
    "load": "data",
    "mlp": "models",
    "quantize": "ptq",
    "quantized": "models",
    "to_inputs": "data",
    "to_network": "ptq",
}

__all__ = [
    "Dataset",
    "Epoch",
    "Grid",
    "QuantAdd",
    "QuantAvgPool",
    "QuantLayer",
    "QuantMaxPool",
    "QuantNet",
    "QuantReLU",
    "Recipe",
    "Trained",
    "fit",
    "float_mlp",
    "float_twin",
    "load",
    "mlp",
    "quantize",
    "quantized",
    "to_inputs",
    "to_network",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
