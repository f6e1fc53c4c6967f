"""Every model that the compiler takes becomes an integer network, with the account of what became of it."""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from codesign.account import Account
from codesign.chip.description import Chip
from codesign.errors import InputError
from codesign.frontend.graph import Graph
from codesign.frontend.prepared import Prepared, check_bare, integers_of
from codesign.frontend.quality import judged
from codesign.frontend.quantize import quantized
from codesign.frontend.trace import trace
from codesign.ir import Network
from codesign.ir.labels import Judge, check_labels
from codesign.train.nets.quantized import QuantNet


def to_network(
    model: nn.Module,
    calibration: NDArray[np.generic] | None,
    chip: Chip,
    name: str,
    effort: str,
    labels: ArrayLike | None,
    input_scale: str = "set",
) -> tuple[Network, Account, Judge | None]:
    """The integers of a quantized model as they are; any other module is traced and quantized.

    With them, what became of the model, and by what a chip is judged; None for a model that came in integers. labels:
    one for each calibration input.
    """
    if isinstance(model, Prepared | QuantNet):
        return integers_of(model, chip, name), Account(), None
    if calibration is None:
        raise InputError("model: an ordinary nn.Module needs calibration; pass a few hundred typical inputs")
    return of_graph(graph_of(model, calibration), calibration, chip, name, effort, labels, input_scale)


def of_graph(
    graph: Graph,
    calibration: NDArray[np.generic],
    chip: Chip,
    name: str,
    effort: str,
    labels: ArrayLike | None,
    input_scale: str = "set",
) -> tuple[Network, Account, Judge]:
    """A real-valued graph, quantized from calibration inputs; the rest as in `to_network`."""
    made = quantized(graph, calibration, chip, name, effort, input_scale)
    checked = None if labels is None else check_labels(labels, len(calibration), made.network.outputs)
    quality, judge = judged(made, calibration, checked)
    return made.network, Account(graph.rows, quality), judge


def graph_of(module: nn.Module, calibration: NDArray[np.generic]) -> Graph:
    """The real-valued graph of a module that takes inputs like `calibration` (images, ...)."""
    check_bare(module)
    if calibration.ndim < 2 or calibration.size == 0 or calibration.dtype.kind not in "iuf":
        raise InputError(
            f"calibration: must be numbers of shape (images, ...), got {calibration.dtype} {calibration.shape}; "
            "give a few hundred images"
        )
    with np.errstate(over="ignore"):  # `inputs` tells of it
        sample = torch.from_numpy(np.ascontiguousarray(calibration[[0, -1]]).astype(np.float32))
    return trace(module, sample)
