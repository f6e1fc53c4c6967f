"""Layers with weights as users write them: linear layers, convolutions, products with constants."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from codesign.frontend.advice import advice
from codesign.frontend.build import convolution, linear
from codesign.frontend.calls import Call, pair_of
from codesign.frontend.fold import RefusedError, ShapeRefusedError, Value
from codesign.ir.geometry import Window


def _linear(call: Call) -> Value:
    return _matrix(call, call.value, call.arg(1, "weight"), call.arg(2, "bias"))


def _matmul(call: Call) -> Value:
    """`x @ w`, w a constant of (inputs, outputs)."""
    value, weight = call.args[:2]
    if not isinstance(value, Value) or not isinstance(weight, torch.Tensor) or weight.ndim != 2:
        raise RefusedError(*advice("matmul"))
    return _matrix(call, value, weight.T, None)


def _addmm(call: Call) -> Value:
    bias, value, weight = call.args[:3]
    if call.kwargs or not isinstance(value, Value) or not isinstance(weight, torch.Tensor):
        raise RefusedError(*advice("matmul"))
    return _matrix(call, value, weight.T, bias)


def _matrix(call: Call, value: Value, weight: Any, bias: Any) -> Value:
    if len(value.shape) != 1:
        shape = ", ".join(map(str, value.shape))
        raise ShapeRefusedError(f"it reads (images, {shape}), not (images, features)", "flatten first")
    w = call.array(weight, "weights")
    b = np.zeros(len(w)) if bias is None else np.broadcast_to(call.array(bias, "biases"), len(w))
    name = call.name(call.weights)
    call.mapped(name)
    return linear(call.fold, call.path, name, value, w, b)


def _conv(call: Call) -> Value:
    value = call.value
    w = call.array(call.arg(1, "weight"), "weights")
    bias = call.arg(2, "bias")
    b = np.zeros(len(w)) if bias is None else call.array(bias, "biases")
    dims = w.ndim - 2
    if dims not in (1, 2):
        raise RefusedError("three-dimensional convolutions are not supported", "use Conv2d or Conv1d")
    stride, dilation = (pair_of(call.arg(k, n, 1), dims) for k, n in ((3, "stride"), (5, "dilation")))
    w = w.reshape(*w.shape[:2], *(1,) * (2 - dims), *w.shape[2:])
    size = w.shape[2], w.shape[3]
    if any(d > 1 and k > 1 for d, k in zip(dilation, size, strict=True)):
        raise RefusedError("dilation is not supported", "use dilation=1, or a larger kernel")
    padding = call.arg(4, "padding", 0)
    if padding == "same" and any(k % 2 == 0 for k in size[2 - dims :]):
        raise RefusedError(
            f"padding='same' of an even kernel, {size[1]} wide, differs from side to side", "use odd ones"
        )
    pads = (size[0] // 2, size[1] // 2) if padding == "same" else pair_of(0 if padding == "valid" else padding, dims, 0)
    if len(value.shape) != dims + 1:
        raise ShapeRefusedError(
            f"its input has no axis of images: shape {value.shape}", "keep images on the first axis"
        )
    name = call.name(call.weights)
    call.mapped(name)
    window = Window(size, stride, pads)
    return convolution(call.fold, call.path, name, value, w, b, window, call.arg(6, "groups", 1), call.shape)


LAYERS: dict[str, Callable[[Call], Any]] = {
    "linear.default": _linear,
    "matmul.default": _matmul,
    "mm.default": _matmul,
    "addmm.default": _addmm,
    **dict.fromkeys(("conv1d.default", "conv1d.padding", "conv2d.default", "conv2d.padding"), _conv),
}
