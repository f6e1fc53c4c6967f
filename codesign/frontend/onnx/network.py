"""An ONNX file becomes an integer network: a quantized one as it is, a float one through calibration."""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.account import Account
from codesign.chip.description import Chip
from codesign.errors import CodesignError, InputError, plain
from codesign.frontend.onnx.quantized import is_quantized, network_of
from codesign.frontend.onnx.read import read
from codesign.ir import Network
from codesign.ir.labels import Judge


def to_network(
    path: str | Path,
    calibration: NDArray[np.generic] | None,
    chip: Chip,
    name: str,
    effort: str,
    labels: ArrayLike | None,
    input_scale: str = "set",
) -> tuple[Network, Account, Judge | None]:
    """The integer network of an ONNX file and what became of its nodes; with the certificate, if it is quantized.

    A quantized file (Brevitas, qonnx) keeps its integers; calibration is needed only where its input is not quantized.
    A float file is quantized from calibration; the judge is None for a quantized one. Raises InputError on a damaged
    file or missing calibration, UnsupportedError naming the node that no integer network equals.
    """
    model = read(path)
    try:
        if is_quantized(model):
            network, rows, certificate = network_of(model, calibration, chip, name)
            return network, Account(rows, certificate=certificate), None
        from codesign.frontend.onnx.floats import graph_of  # torch, which quantized files do without

        graph = graph_of(model)
        if calibration is None:
            raise InputError("a float model needs calibration; pass a few hundred typical inputs")
    except CodesignError as e:
        raise type(e)(f"{plain(str(path))}: {e}") from None
    from codesign.frontend.models import of_graph

    return of_graph(graph, calibration, chip, name, effort, labels, input_scale)
