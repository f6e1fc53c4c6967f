"""Pooling as users write it: windows, adaptive sizes, and means over all pixels."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from codesign.frontend.build import pooled
from codesign.frontend.calls import Call, Scores, pair_of
from codesign.frontend.fold import RefusedError, ShapeRefusedError, Value, canonical, reshaped
from codesign.frontend.views import VIEWS
from codesign.ir.geometry import Window


def _windowed(largest: bool, dims: int) -> Callable[[Call], Any]:
    """max_pool(x, size, stride, padding, dilation, ceil_mode); avg_pool(x, size, stride, padding, ..., divisor)."""

    def handle(call: Call) -> Any:
        size = pair_of(call.arg(1, "kernel_size"), dims)
        stride = pair_of(call.arg(2, "stride") or size[2 - dims :], dims)
        if any(_list(call.arg(3, "padding", 0))):
            what = "max pooling" if largest else "average pooling"
            raise RefusedError(f"padded {what} is not supported", "use padding=0, or pad in the convolution before")
        if largest and any(
            d > 1 and k > 1 for d, k in zip(pair_of(call.arg(4, "dilation", 1), dims), size, strict=True)
        ):
            raise RefusedError("dilation is not supported", "use dilation=1")
        if not largest and call.arg(6, "divisor_override") is not None:
            raise RefusedError("divisor_override is not supported", "leave it out, and scale afterwards")
        value = call.value
        if len(value.shape) != dims + 1:
            raise ShapeRefusedError(f"its input has no axis of images: {value.shape}", "keep images on the first axis")
        window = Window(size, stride)
        if window.over(canonical(value.shape)) != canonical(call.shape):
            raise RefusedError("ceil_mode=True adds a window that leaves the image", "use ceil_mode=False")
        return _pool(call, window, largest, call.shape)

    return handle


def _adaptive(largest: bool) -> Callable[[Call], Any]:
    def handle(call: Call) -> Any:
        (_, h, w), (_, height, width) = canonical(call.value.shape), canonical(_first(call.shape))
        if h % height or w % width:
            raise RefusedError(
                f"images of {h}x{w} do not divide into {height}x{width} equal windows", "choose a size that divides"
            )
        size = h // height, w // width
        result = _pool(call, Window(size, size), largest, _first(call.shape))
        return (result, None) if largest else result

    return handle


def _over_pixels(how: str) -> Callable[[Call], Any]:
    """A mean, sum or largest value over some axes."""

    def handle(call: Call) -> Any:
        value, dims = call.value, len(call.value.shape) + 1
        chosen = call.arg(1, "dim")
        if how == "max" and call.operation == "max" and dims == 2:
            largest = Scores(value, (("amax", {"dim": 1}),), order=True, call=call)
            return largest, VIEWS["argmax.default"](call)
        axes = {d % dims for d in _list(chosen)} if chosen is not None else set(range(dims))
        if 0 in axes or not axes:
            raise RefusedError("it runs over the images", "name the axes of the pixels: dim=(2, 3)")
        if 1 in axes:
            raise RefusedError("it runs over the channels", "use a linear layer or a convolution of size 1")
        _, h, w = canonical(value.shape)
        size = (h if dims == 4 and 2 in axes else 1), (w if dims - 1 in axes else 1)
        if how == "sum":
            area = np.full((1, 1), float(size[0] * size[1]))
            value = replace(value, gain=value.gain * area, offset=value.offset * area)
            call.args = (value, *call.args[1:])
        result = _pool(call, Window(size, size), how == "max", _first(call.shape))
        return (result, None) if call.operation == "max" else result

    return handle


def _pool(call: Call, window: Window, largest: bool, shape: tuple[int, ...]) -> Value:
    """Pooling to the user's `shape`; a window of one pixel changes nothing."""
    value = call.value
    if window.size == (1, 1) and window.stride == (1, 1):
        call.dropped("its window is one pixel")
        return reshaped(value, shape)
    name = call.name()
    made = window.over(canonical(value.shape))
    result = pooled(call.fold, call.path, name, value, window, largest, made)
    call.mapped(result.edge)
    return reshaped(result, shape)


def _first(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape of the first of several results."""
    return shape[0] if shape and isinstance(shape[0], tuple) else shape


def _list(value: Any) -> list[int]:
    return [value] if isinstance(value, int) else list(value)


POOLING: dict[str, Callable[[Call], Any]] = {
    "max_pool1d.default": _windowed(True, 1),
    "max_pool2d.default": _windowed(True, 2),
    "avg_pool1d.default": _windowed(False, 1),
    "avg_pool2d.default": _windowed(False, 2),
    **dict.fromkeys(("adaptive_avg_pool1d.default", "adaptive_avg_pool2d.default"), _adaptive(False)),
    **dict.fromkeys(("adaptive_max_pool1d.default", "adaptive_max_pool2d.default"), _adaptive(True)),
    "mean.dim": _over_pixels("mean"),
    "sum.dim_IntList": _over_pixels("sum"),
    "amax.default": _over_pixels("max"),
    "max.dim": _over_pixels("max"),
}
