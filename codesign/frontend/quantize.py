"""Post-training quantization: an ordinary nn.Module and sample inputs become an integer network."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from codesign.arrays import as_array
from codesign.chip.description import Chip
from codesign.errors import InputError, warn
from codesign.fixed import INT32, Ints, IntType, raw_bias, requant_constants
from codesign.fixed import quantize as to_integers
from codesign.frontend.prepared import Prepared, integers_of
from codesign.frontend.scales import (
    LARGEST,
    LOWEST,
    check_float32,
    fitted,
    is_silent,
    raw_scale,
    silent_scale,
    varies,
    watch,
    watch_order,
)
from codesign.frontend.torch_export import Dense, trace
from codesign.ir import Linear, Network, Requant, verify
from codesign.ir.nodes.matrix import by_input
from codesign.train.layers.edges import span
from codesign.train.layers.fit import best_clip, best_scale, mean_error
from codesign.train.layers.grid import Grid
from codesign.train.nets.quantized import QuantNet

Real = NDArray[np.float64]


def to_network(model: nn.Module, calibration: ArrayLike, chip: Chip | str | Path, name: str) -> Network:
    """A quantized model with its integers as they are; any other module goes through `quantize`."""
    chip = Chip.of(chip)
    if isinstance(model, Prepared | QuantNet):
        return integers_of(model, chip, name)
    return quantize(model, calibration, chip, name)


def quantize(module: nn.Module, calibration: ArrayLike, chip: Chip | str | Path, name: str) -> Network:
    """`module` (a chain of Linear, ReLU, Flatten, Dropout) on the cells of `chip`, without training.

    calibration is (images, ...) as the module takes them, a few hundred typical ones. Integers are used as
    they are (scale 1); for floats the input scale follows from their range. The scales of weights and activations
    minimize the squared error; each column's mean error is corrected in its bias.
    Raises UnsupportedError for other operations, InputError for NaN, infinite or misshapen numbers. Warns
    (CodesignWarning) about layers whose outputs are the same for every image.
    """
    chip, x = Chip.of(chip), as_array(calibration, "calibration")
    real, q, kind, scale = _inputs(x, chip)
    layers = _layers(module, x)
    grid, nodes, source = Grid(chip.device.weights), [], "input"
    features, first_scale, drive = q.shape[1], scale, span(kind)
    if len(q) > 1 and not varies(q):
        warn(f"calibration: all {len(q)} inputs are equal at a scale of {scale:.3g}; give a few hundred typical ones")
    for layer, reader in zip(layers, [*layers[1:], None], strict=True):
        w = torch.from_numpy(layer.weight)
        weight_scale = best_clip(w, grid) / grid.top  # real value of a conductance code
        codes = grid.codes(w / weight_scale).numpy()
        exact = real @ layer.weight.T + layer.bias
        check_float32(exact, f"calibration: layer {layer.name}")
        rough = (q.astype(np.float64) @ codes.T) * (weight_scale * scale)
        bias = mean_error(exact, rough)  # layer.bias, corrected for the mean error of rounded weights
        sum_scale = weight_scale * scale if codes.any() else 0.0
        if reader is None:
            scale_out, codes = raw_scale(layer.name, sum_scale, bias, codes, drive)
            add = raw_bias(bias / scale_out, layer.name)
            requant = Requant(np.ones_like(add), add, 0, INT32)
        else:
            kind_out = IntType(chip.activation.bits, signed=not layer.relu)
            fine, top = _activation_scale(rough + bias, real, layer, reader, kind_out, grid), span(kind_out)
            held, scale_out = fitted(bias, sum_scale, codes, drive, fine, top)
            gain = np.full(bias.shape, sum_scale / scale_out)
            requant, drive = Requant(*requant_constants(gain, held / scale_out), kind_out), top
        nodes.append(Linear(layer.name, source, by_input(codes), requant))
        before, q = q, to_integers(rough + bias, scale_out, requant.out)
        real = np.maximum(exact, 0) if layer.relu else exact
        watch(layer.name, before, q, real)
        source, scale = layer.name, scale_out
    watch_order(source, q, exact)
    return verify(Network(name, features, kind, tuple(nodes), first_scale))


def _layers(module: nn.Module, x: NDArray[np.generic]) -> list[Dense]:
    """The layers of a module that takes inputs like `x` (images, ...)."""
    layers = trace(module, torch.from_numpy(np.ascontiguousarray(x[[0, -1]]).astype(np.float32)))
    features, takes = x[0].size, layers[0].weight.shape[1]
    if features != takes:
        raise InputError(f"calibration: has {features} values per image, layer {layers[0].name} takes {takes}")
    return layers


def _activation_scale(sums: Real, x: Real, layer: Dense, reader: Dense, kind: IntType, grid: Grid) -> float:
    """Scale of a hidden activation of `kind`: the best for `sums` of inputs `x`, or one that suits a dead layer."""
    y = np.maximum(sums, 0) if layer.relu else sums
    if is_silent(y, x, layer.weight):
        return silent_scale(sums, span(kind), reader.weight, reader.bias, grid.top)
    return best_scale(y, kind)


def _inputs(x: NDArray[np.generic], chip: Chip) -> tuple[Real, Ints, IntType, float]:
    """The calibration as reals and as integers (images, features), with the type and scale of the integers."""
    if x.ndim < 2 or x.size == 0 or x.dtype.kind not in "iuf":
        raise InputError(
            f"calibration: must be numbers of shape (images, ...), got {x.dtype} {x.shape}; give a few hundred images"
        )
    with np.errstate(over="ignore"):  # of a longdouble
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
        raise InputError("calibration: every value is 0, so no input scale can be chosen; give typical images")
    if not LOWEST <= largest <= LARGEST:
        raise InputError(
            f"calibration: its largest magnitude is {largest:.3g}, modules compute in float32, which spans "
            f"{LOWEST:.3g} to {LARGEST:.3g}; rescale the inputs"
        )
    scale = largest / span(kind)
    return real, to_integers(real, scale, kind), kind, scale
