"""The network's input: what its integers are worth in the file, from its first quantizer or from calibration."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.errors import InputError
from codesign.fixed import IntType
from codesign.frontend.graph import Real
from codesign.frontend.onnx.flow import Edge, Flow
from codesign.frontend.onnx.last import AFFINE
from codesign.frontend.onnx.model import Node, refuse


@dataclass(frozen=True, eq=False)
class Inputs:
    """An input q stands for `offset + scales * q` in the user's units; one number, or one per channel."""

    edge: Edge
    scales: tuple[float, ...]
    offset: tuple[float, ...]
    told: str


def inputs_of(flow: Flow, calibration: NDArray[np.generic] | None, chip: Chip, reader: Node) -> Inputs:
    """The input that `reader` reads. Raises UnsupportedError for steps that no scale and offset replace, InputError
    where calibration is needed and absent, or does not fit.
    """
    quantizer = flow.quantizer
    gain, offset = _affine(flow, len(flow.steps) - (quantizer is not None))
    if flow.pools:
        raise refuse(reader, "reads the input behind a pooling", "begin the model with a linear layer or convolution")
    if quantizer is None:
        edge = _calibrated(flow, gain, offset, calibration, chip)
        how = f"{edge.kind}, chosen from calibration: the file leaves its input unquantized"
    else:
        mode = str(quantizer.node.get("rounding_mode", "ROUND")).upper()
        if quantizer.scale.ndim or quantizer.thresholds is not None or mode in ("FLOOR", "CEIL"):
            raise refuse(
                quantizer.node, "quantizes the input with thresholds, a scale per channel or rounding down or up",
                "use one scale and round to the nearest",
            )  # fmt: skip
        edge = Edge("input", quantizer.kind, float(quantizer.scale), quantizer.unit, quantizer.base)
        how = f"{edge.kind}, as {quantizer.node.name} quantizes it"
        if edge.kind.bits > chip.activation.bits:
            raise refuse(
                quantizer.node, f"gives {edge.kind.bits}-bit inputs, chip {chip.name} takes {chip.activation.bits}",
                "choose a chip with more, or train with fewer bits",
            )  # fmt: skip
    scales = edge.scale * edge.unit / gain
    offsets = (edge.scale * edge.base - offset) / gain
    return Inputs(edge, _tuple(scales), _tuple(offsets), how)


def _affine(flow: Flow, steps: int) -> tuple[Real, Real]:
    """(gain, offset) per channel of the steps before the first quantizer: `gain * x + offset`."""
    for step in flow.steps[:steps]:
        if step.node.op not in AFFINE or (step.node.op == "Div" and step.at == 1):
            raise refuse(
                step.node, "bends the input before anything reads it", "quantize the input, or begin with a layer"
            )
    found = np.array(
        [flow.before(np.array([0.0, 1.0]), j, steps).astype(np.float64) for j in range(flow.draft.channels)]
    )
    gain, offset = found[:, 1] - found[:, 0], found[:, 0]
    if not (gain > 0).all():
        raise refuse(flow.steps[0].node, "scales the input by 0 or a negative number", "use positive scales")
    return gain, offset


def _calibrated(flow: Flow, gain: Real, offset: Real, calibration: NDArray[np.generic] | None, chip: Chip) -> Edge:
    """The input's integers from typical inputs: whole numbers that fit as they are, others scaled to the full range."""
    if calibration is None:
        raise InputError(
            "model: its input is not quantized, so it needs calibration; pass a few hundred typical inputs"
        )
    if calibration.ndim < 2 or calibration.size == 0 or calibration.dtype.kind not in "iuf":
        raise InputError(
            f"calibration: must be numbers of shape (images, ...), got {calibration.dtype} {calibration.shape}; "
            "give a few hundred images"
        )
    x = calibration.reshape(len(calibration), -1).astype(np.float64)
    if x.shape[1] != int(np.prod(flow.natural)):
        raise InputError(
            f"calibration: has {x.shape[1]} values per image, the model takes {int(np.prod(flow.natural))}; "
            "bring every image to this size"
        )
    if not np.isfinite(x).all():
        raise InputError("calibration: holds NaN or infinity; remove them")
    image = x.reshape(len(x), len(gain), -1)
    image = image * gain[:, None] + offset[:, None]
    kind = IntType(chip.activation.bits, bool(image.min() < 0))
    if calibration.dtype.kind in "iu" and (gain == 1).all() and not offset.any() and kind.holds(image):
        return Edge("input", kind, 1.0)
    largest = float(np.abs(image).max())
    if not largest:
        raise InputError("calibration: every value is 0, so no input scale can be chosen; give typical images")
    return Edge("input", kind, largest / kind.hi)


def _tuple(values: Real) -> tuple[float, ...]:
    found = [float(v) for v in values]
    return (found[0],) if len(set(found)) == 1 else tuple(found)
