"""Quantized training: a data set and a recipe become the integers a chip holds.

`fit(recipe, data, chip)` trains and returns the network and its accuracies; `fit(module, data, chip)` does the same for
your own nn.Module. `prepare` makes that module trainable for a chip in your own loop. `quantized` and `mlp` build
networks of quantized layers for it.

`Recipe` loads without torch; everything else imports it on first use. The function `export` stays in its module
(`codesign.train.export`), which has the same name.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codesign.data import Dataset, load, to_inputs
    from codesign.frontend.fit import Fitted, fit
    from codesign.frontend.prepare import prepare
    from codesign.frontend.prepared import Prepared
    from codesign.train.layers.edges import QuantReLU
    from codesign.train.layers.grid import Grid
    from codesign.train.layers.matrix import QuantLayer
    from codesign.train.layers.pooling import QuantAdd, QuantAvgPool, QuantMaxPool
    from codesign.train.nets.baseline import baseline_of, float_mlp
    from codesign.train.nets.quantized import QuantNet, mlp, quantized
    from codesign.train.recipe import Recipe
    from codesign.train.trained import Epoch, Trained

_HOME = {
    "Dataset": "codesign.data",
    "Epoch": "codesign.train.trained",
    "Fitted": "codesign.frontend.fit",
    "Grid": "codesign.train.layers.grid",
    "Prepared": "codesign.frontend.prepared",
    "QuantAdd": "codesign.train.layers.pooling",
    "QuantAvgPool": "codesign.train.layers.pooling",
    "QuantLayer": "codesign.train.layers.matrix",
    "QuantMaxPool": "codesign.train.layers.pooling",
    "QuantNet": "codesign.train.nets.quantized",
    "QuantReLU": "codesign.train.layers.edges",
    "Recipe": "codesign.train.recipe",
    "Trained": "codesign.train.trained",
    "fit": "codesign.frontend.fit",
    "float_mlp": "codesign.train.nets.baseline",
    "baseline_of": "codesign.train.nets.baseline",
    "load": "codesign.data",
    "mlp": "codesign.train.nets.quantized",
    "prepare": "codesign.frontend.prepare",
    "quantized": "codesign.train.nets.quantized",
    "to_inputs": "codesign.data",
}

__all__ = [
    "Dataset",
    "Epoch",
    "Fitted",
    "Grid",
    "Prepared",
    "QuantAdd",
    "QuantAvgPool",
    "QuantLayer",
    "QuantMaxPool",
    "QuantNet",
    "QuantReLU",
    "Recipe",
    "Trained",
    "baseline_of",
    "fit",
    "float_mlp",
    "load",
    "mlp",
    "prepare",
    "quantized",
    "to_inputs",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
