"""Post-training quantization: an ordinary nn.Module and sample inputs become an integer network."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from codesign.errors import InputError
from codesign.fixed import INT32, Ints, IntType, clamp, requant_constants
from codesign.hardware import Chip
from codesign.ir import Linear, Network, Requant, verify
from codesign.train.export import export
from codesign.train.grid import Grid, best_reach
from codesign.train.layers import span
from codesign.train.models import QuantNet
from codesign.train.trace import Dense, trace

Real = NDArray[np.float64]


def to_network(model: nn.Module, calibration: NDArray[np.generic], chip: Chip, name: str) -> Network:
    """The integers of a quantized model as they are, or of any other module by `quantize`."""
    if not isinstance(model, QuantNet):
        return quantize(model, calibration, chip, name)
    if model.grid.values != chip.device.weights:
        raise InputError(
            f"model: trained for weights {_some(model.grid.values)}, "
            f"chip {chip.name} holds {_some(chip.device.weights)}; train for this chip"
        )
    kinds = [model.input, *(layer.activation.kind for layer in model.chain if layer.activation)]
    widest = max(k.bits for k in kinds)
    if widest > chip.activation.bits:
        raise InputError(
            f"model: has {widest}-bit activations, chip {chip.name} takes {chip.activation.bits}; train with fewer bits"
        )
    for layer in model.chain:
        read = layer.converters
        if read is not None and (read.rows, read.code.bits) != (chip.arrays.rows, chip.adc.bits):
            raise InputError(
                f"model: layer {layer.name} was trained through {read.code.bits}-bit converters of {read.rows} rows, "
                f"chip {chip.name} has {chip.adc.bits} bits and {chip.arrays.rows} rows; train for this chip"
            )
    return export(model, name)


def quantize(module: nn.Module, calibration: NDArray[np.generic], chip: Chip, name: str) -> Network:
    """`module` (a chain of Linear, ReLU, Flatten, Dropout) on the cells of `chip`, without training.

    calibration is (images, ...) as the module takes them, some hundred typical ones. Integers are taken as
    they are (step 1); for floats the input step is chosen from their range. Each layer's weight scale and
    each activation's step have the least squared error; the mean error of every column goes into its bias.
    Raises UnsupportedError for other operations, InputError for NaN, infinite or misshapen numbers.
    """
    real, q, kind, step = _inputs(np.asarray(calibration), chip)
    layers = trace(module, torch.from_numpy(np.ascontiguousarray(np.asarray(calibration)[[0, -1]]).astype(np.float32)))
    if layers[0].weight.shape[1] != q.shape[1]:
        raise InputError(
            f"calibration: has {q.shape[1]} values an image, layer {layers[0].name} wants {layers[0].weight.shape[1]}"
        )
    grid, nodes, source = Grid(chip.device.weights), [], "input"
    features, first_step = q.shape[1], step
    for layer in layers:
        w, last = torch.from_numpy(layer.weight), layer is layers[-1]
        unit = best_reach(w, grid) / grid.top  # real value of a conductance code
        codes = grid.codes(w / unit).numpy()
        exact = real @ layer.weight.T + layer.bias
        rough = (q.astype(np.float64) @ codes.T) * (unit * step)
        bias = (exact - rough).mean(axis=0)  # layer.bias, plus what rounding the weights took from the mean
        requant, step_out = _requant(layer, unit * step, bias, rough + bias, None if last else chip.activation.bits)
        nodes.append(Linear(layer.name, source, np.ascontiguousarray(codes.T.astype(np.int32)), requant))
        real = np.maximum(exact, 0) if layer.relu else exact
        q = clamp(np.floor((rough + bias) / step_out + 0.5), requant.out)
        source, step = layer.name, step_out
    return verify(Network(name, features, kind, tuple(nodes), first_step))


def _inputs(x: NDArray[np.generic], chip: Chip) -> tuple[Real, Ints, IntType, float]:
    """Calibration as reals and as integers (images, features), their type and their step."""
    if x.ndim < 2 or x.size == 0 or x.dtype.kind not in "iuf":
        raise InputError(
            f"calibration: must be numbers of shape (images, ...), got {x.dtype} {x.shape}; give some hundred images"
        )
    real = x.reshape(len(x), -1).astype(np.float64)
    if not np.isfinite(real).all():
        image, feature = np.argwhere(~np.isfinite(real))[0]
        raise InputError(
            f"calibration: image {image} value {feature} is {real[image, feature]}; remove NaN and infinity"
        )
    kind = IntType(chip.activation.bits, signed=bool(real.min() < 0))
    if x.dtype.kind in "iu":
        if not kind.holds(real):
            raise InputError(
                f"calibration: integers must lie in {kind.lo}..{kind.hi} ({kind} of chip {chip.name}), "
                f"got {int(real.min())}..{int(real.max())}; shift them right or give floats"
            )
        return real, real.astype(np.int64), kind, 1.0
    largest = float(np.abs(real).max())
    if largest == 0:
        raise InputError("calibration: every value is 0, so no input step can be chosen; give typical images")
    step = largest / span(kind)
    return real, clamp(np.floor(real / step + 0.5), kind), kind, step


def _requant(layer: Dense, unit: float, bias: Real, y: Real, bits: int | None) -> tuple[Requant, float]:
    """Constants of a layer whose accumulator step is worth `unit`, and the step of its output."""
    if bits is None:
        add = np.floor(bias / unit + 0.5).astype(np.int64)
        return Requant(np.ones_like(add), add, 0, INT32), unit
    kind = IntType(bits, signed=not layer.relu)
    step = best_step(np.maximum(y, 0) if layer.relu else y, kind)
    mult, add, shift = requant_constants(np.full(bias.shape, unit / step), bias / step)
    return Requant(mult, add, shift, kind), step


def best_step(y: Real, kind: IntType, candidates: int = 40) -> float:
    """The step of `kind` that quantizes `y` with the least squared error; 1.0 for all-zero `y`."""
    largest = float(np.abs(y).max())
    if largest == 0:
        return 1.0
    steps = [largest * k / candidates / span(kind) for k in range(1, candidates + 1)]
    errors = [np.square(np.clip(np.floor(y / s + 0.5), kind.lo, kind.hi) * s - y).sum() for s in steps]
    return float(steps[int(np.argmin(errors))])


def _some(values: tuple[int, ...]) -> str:
    return f"{list(values)}" if len(values) <= 9 else f"{values[0]}..{values[-1]} ({len(values)} values)"
