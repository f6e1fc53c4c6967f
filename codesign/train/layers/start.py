"""Where quantized layers start from real ones: their weights on the grid, their means kept, their activations' clips.

Used by `direct` training, and to prepare a user's module for training.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codesign.train.layers.edges import Edge, QuantReLU, span
from codesign.train.layers.fit import best_clips, best_scale, mean_error
from codesign.train.layers.matrix import QuantLayer

Real = NDArray[np.float64]

IMAGES = 32  # that converters are fitted to


class NormStart(NamedTuple):
    """Batch norm to start from: one number per output each."""

    gain: Tensor
    offset: Tensor
    mean: Tensor
    variance: Tensor
    eps: float


@torch.no_grad()
def hold(layer: QuantLayer, weight: Tensor, bias: Tensor | None, norm: NormStart | None) -> None:
    """Copy real weights (outputs first), bias and batch norm into `layer`, and fit the scale to the weights."""
    layer.weight.copy_(weight)
    if layer.norm is not None:
        assert norm is not None
        _hold_norm(layer, norm, bias)
    elif bias is not None:
        layer.bias.copy_(bias)
    if layer.grid is not None and layer.clip is not None:
        layer.clip.copy_(best_clips(layer.weight, layer.grid, layer.clip))


def _hold_norm(layer: QuantLayer, start: NormStart, bias: Tensor | None) -> None:
    """Gains are positive here: the column of a negative one is negated. A bias before the norm moves its mean."""
    norm, gain, mean = layer.norm, start.gain, start.mean if bias is None else start.mean - bias
    assert norm is not None and norm.running_mean is not None and norm.running_var is not None
    if layer.pool is not None:
        gain = gain.clamp(min=0)  # after max pooling a column cannot change its sign; its mean stays (`centre`)
    sign = torch.where(gain < 0, -1.0, 1.0)
    layer.weight.mul_(sign.view(-1, *[1] * (layer.weight.dim() - 1)))
    norm.weight.copy_(gain.abs())
    norm.bias.copy_(start.offset)
    norm.running_mean.copy_(mean * sign)
    norm.running_var.copy_(start.variance)
    norm.eps = start.eps


@torch.no_grad()
def centre(layer: QuantLayer, x: Edge, exact: Real) -> None:
    """Shift the bias by the mean difference between `exact`, what the real layer gives its activation, and this one.

    Batch norm takes it in its running mean: in training it takes the means of the batch instead, which need no shift.
    """
    error = torch.from_numpy(mean_error(exact, _before(layer, x).double().numpy()))
    norm = layer.norm
    if norm is None:
        layer.bias.add_(error)
        return
    assert norm.running_mean is not None and norm.running_var is not None
    shift = (error * (norm.running_var + norm.eps).sqrt() / norm.weight.abs()).float()
    moves = shift.isfinite()  # a gain of 0 leaves the offset alone
    norm.running_mean.sub_(torch.where(moves, shift, 0.0))
    norm.bias.add_(torch.where(moves, 0.0, error))


@torch.no_grad()
def fit_converters(layer: QuantLayer, x: Edge) -> None:
    """Set the scale of new converters to the one at which the layer comes closest to one without them."""
    read = layer.converters
    if read is None:
        return
    few = x._replace(value=x.value[:IMAGES])
    layer.converters = None
    ideal = _before(layer, few)
    layer.converters = read
    steps = 1 if read.whole else 2  # per power of two
    top = max(0, math.ceil(read.log_scale.item() + math.log2(read.rows / read.code.hi)))  # there no current clips
    errors = []
    for k in range(steps * top + 1):
        read.log_scale.fill_(k / steps)
        errors.append(float((_before(layer, few) - ideal).square().sum()))
    read.log_scale.fill_(errors.index(min(errors)) / steps)


def _before(layer: QuantLayer, x: Edge) -> Tensor:
    """What a layer gives its activation."""
    activation, layer.activation = layer.activation, None
    try:
        before: Tensor = layer(x).value
        return before
    finally:
        layer.activation = activation


@torch.no_grad()
def fit_clip(activation: QuantReLU, y: Real) -> None:
    """Set a learned clip to the one that minimizes the squared error on `y`; a fixed one stays."""
    if activation.clip.requires_grad:
        activation.clip.fill_(best_scale(y, activation.kind) * span(activation.kind))
