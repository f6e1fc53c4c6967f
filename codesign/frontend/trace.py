"""Reads an ordinary nn.Module: torch.export's graph becomes a `Graph`, with a row for every operation."""

import numpy as np
from torch import Tensor, nn

from codesign.errors import UnsupportedError
from codesign.frontend.exported import export, where
from codesign.frontend.fold import OffsetFoundError
from codesign.frontend.graph import Graph
from codesign.frontend.inplace import rewire
from codesign.frontend.selfcheck import check_range, differs
from codesign.frontend.walk import Walk


def trace(module: nn.Module, sample: Tensor) -> Graph:
    """The operations of `module` in eval mode; the module itself does not change.

    `sample` is two or more inputs. Raises UnsupportedError with a line for every operation that no chip has, and
    InputError for weights that are NaN or infinite, for inputs that the module does not take, and for values beyond
    float32. The graph was compared with the module, in float64, on the sample and on random inputs.
    """
    if sample.ndim > 4:
        raise UnsupportedError(
            f"calibration: inputs have the shape (images, {', '.join(map(str, sample.shape[1:]))}); give features, "
            "(channels, length) or (channels, height, width)"
        )
    program = export(module, sample)
    kind, failed = type(module).__name__, rewire(program.graph)
    try:
        walk = Walk(program, kind, sample, failed, np.zeros((1, 1)))
        graph = walk.graph()
    except OffsetFoundError as e:
        walk = Walk(program, kind, sample, failed, e.offset)
        graph = walk.graph()
    check_range(graph, sample)
    found = differs(program, walk.placeholders, graph, sample, walk.scores, walk.settled())
    if found:
        node, gap = found
        raise UnsupportedError(
            f"{where(node)}: a fault in codesign changes its values by {gap:.2g} of the largest, so the model is "
            "refused; please report it with the model"
        )
    return graph
