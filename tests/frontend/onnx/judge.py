"""The file's own arithmetic on whole batches, written from the definitions of ONNX and QONNX, not from the importer."""

from typing import Any

import numpy as np
from onnx import helper, numpy_helper

Array = np.ndarray[Any, Any]


def scores(proto: Any, x: Array) -> Array:
    """Output of a model for float32 inputs (images, ...); products are exact and rounded to float32 once."""
    found = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
    source = next(i.name for i in proto.graph.input if i.name not in found)
    found[source] = np.asarray(x, np.float32)
    for node in proto.graph.node:
        settings = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        found[node.output[0]] = _one(node.op_type, [found[i] if i else None for i in node.input], settings)
    result: Array = found[proto.graph.output[0].name]
    return result


def _one(op: str, read: list[Any], settings: dict[str, Any]) -> Any:
    a, b = (*read, None, None)[:2]
    match op:
        case "Constant":
            return numpy_helper.to_array(settings["value"])
        case "Add" | "Sub" | "Mul" | "Div" | "Pow":
            return {"Add": a + b, "Sub": a - b, "Mul": a * b, "Div": _over(a, b), "Pow": _power(a, b)}[op]
        case "Sqrt":
            return np.sqrt(a)
        case "Sign":
            return np.sign(a)
        case "Relu":
            return np.where(a > 0, a, np.float32(0))
        case "Clip":
            return np.clip(a, b, read[2])
        case "Identity" | "Dropout" | "Softmax":
            return a
        case "Transpose":
            return a.transpose(settings["perm"])
        case "Reshape":
            return a.reshape([a.shape[k] if n == 0 else int(n) for k, n in enumerate(b)])
        case "Flatten":
            return a.reshape(len(a), -1)
        case "Shape":
            return np.array(a.shape, np.int64)
        case "Gather":
            return a[int(b)]
        case "Unsqueeze":
            return np.array([a])
        case "Concat":
            return np.concatenate([np.atleast_1d(r) for r in read])
        case "BatchNormalization":
            gain, offset, mean, variance = (c.reshape(-1, *(1,) * (a.ndim - 2)) for c in read[1:])
            return (a - mean) / np.sqrt(variance + np.float32(settings.get("epsilon", 1e-5))) * gain + offset
        case "MatMul" | "Gemm":
            right = b.T if settings.get("transB") else b
            y = (a.astype(np.float64) @ right.astype(np.float64)).astype(np.float32)
            return y if len(read) < 3 else y + read[2]
        case "Conv":
            return _convolved(a, b, read[2] if len(read) > 2 else None, settings)
        case "MaxPool" | "AveragePool":
            return _pooled(a, op, settings["kernel_shape"], settings["strides"])
        case "GlobalAveragePool":
            return a.astype(np.float64).mean((2, 3), keepdims=True).astype(np.float32)
        case "Quant":
            return _quantized(a, b, read[2], read[3], settings)
        case "BipolarQuant":
            return np.where(a >= 0, np.float32(1), np.float32(-1)) * b
        case "MultiThreshold":
            steps = np.broadcast_to(b, (a.shape[1], b.shape[1])).reshape(a.shape[1], -1, *(1,) * (a.ndim - 2))
            count = (a[:, :, None] >= steps).sum(2).astype(np.float32)
            return count * np.float32(settings.get("out_scale", 1)) + np.float32(settings.get("out_bias", 0))
    raise NotImplementedError(op)


def _over(a: Any, b: Any) -> Any:
    with np.errstate(all="ignore"):
        return a / b


def _power(a: Any, b: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.power(a, b)


def _quantized(x: Array, scale: Any, zero: Any, bits: Any, settings: dict[str, Any]) -> Array:
    n, signed, narrow = int(bits), settings["signed"], settings["narrow"]
    y = x / scale + zero.astype(np.float32)
    if n == 1 and signed:  # two values, as qonnx executes it
        return np.asarray(np.where(y >= 0, scale, -scale), np.float32)
    lo = (-(2 ** (n - 1)) + narrow) if signed else 0
    hi = 2 ** (n - 1) - 1 if signed else 2**n - 1 - narrow
    y = np.where(y > hi, np.float32(hi), np.where(y < lo, np.float32(lo), y))
    mode = settings.get("rounding_mode", b"ROUND")
    halves_up = np.sign(y) * np.floor(np.abs(y) + np.float32(0.5))
    y = {b"HALF_UP": halves_up, b"FLOOR": np.floor(y), b"ROUND": np.round(y)}[mode]
    return np.asarray((y - zero.astype(np.float32)) * scale, np.float32)


def _windows(x: Array, size: Any, stride: Any) -> Any:
    for i in range((x.shape[2] - size[0]) // stride[0] + 1):
        for j in range((x.shape[3] - size[1]) // stride[1] + 1):
            top, left = i * stride[0], j * stride[1]
            yield i, j, x[:, :, top : top + size[0], left : left + size[1]]


def _convolved(x: Array, w: Array, bias: Array | None, settings: dict[str, Any]) -> Array:
    pads, stride, groups = settings.get("pads", [0] * 4), settings.get("strides", [1, 1]), settings.get("group", 1)
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    spots = list(_windows(padded, w.shape[2:], stride))
    y = np.zeros((len(x), len(w), spots[-1][0] + 1, spots[-1][1] + 1))
    per = len(w) // groups
    for i, j, part in spots:
        for o in range(len(w)):
            first = o // per * w.shape[1]
            y[:, o, i, j] = (part[:, first : first + w.shape[1]] * w[o]).sum((1, 2, 3))
    result = y.astype(np.float32)
    return result if bias is None else result + bias.reshape(-1, 1, 1)


def _pooled(x: Array, op: str, size: Any, stride: Any) -> Array:
    spots = list(_windows(x, size, stride))
    y = np.zeros((*x.shape[:2], spots[-1][0] + 1, spots[-1][1] + 1), np.float32)
    for i, j, part in spots:
        y[:, :, i, j] = part.max((2, 3)) if op == "MaxPool" else part.astype(np.float64).mean((2, 3))
    return y
