"""Stored tensors and attributes as arrays and Python values, judged before they are unpacked."""

import math
from typing import Any

import numpy as np

from codesign.errors import InputError, UnsupportedError, plain
from codesign.frontend.onnx.model import Array

_FIELDS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")


def text(name: Any) -> str:
    """A name of the file: bytes where it is not UTF-8."""
    return name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name)


def array(tensor: Any, where: str) -> Array:
    """A TensorProto as an array, floats as float32 (float64 stays).

    Raises UnsupportedError for external data and text, InputError when shape and contents contradict each other.
    """
    from onnx import TensorProto, helper, numpy_helper

    if tensor.external_data or tensor.data_location == TensorProto.EXTERNAL:
        raise UnsupportedError(f"{where}: its data lie in another file; save the model with its weights inside")
    dims = tuple(tensor.dims)
    if len(dims) > 8 or any(d < 0 for d in dims):
        raise InputError(f"{where}: shape {dims[:9]} is impossible; export the model again")
    try:
        kind = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except Exception:
        raise InputError(f"{where}: type {tensor.data_type} is unknown; export the model again") from None
    if kind.kind == "O" or tensor.data_type == TensorProto.STRING:
        raise UnsupportedError(f"{where}: holds text; only numbers are supported")
    values = math.prod(dims)
    stored = len(tensor.raw_data) or sum(len(getattr(tensor, f)) for f in _FIELDS)
    if values > 8 * max(stored, 1) or (stored and not values):
        raise InputError(f"{where}: shape {dims} does not suit its {stored} stored values; export the model again")
    try:
        found = np.asarray(numpy_helper.to_array(tensor)).reshape(dims)
    except Exception:  # onnx and numpy raise many kinds
        raise InputError(f"{where}: shape {dims} does not suit its contents; export the model again") from None
    if found.dtype.kind not in "fiub" or (found.dtype.kind == "f" and found.dtype != np.float64):
        found = found.astype(np.float32)  # half, bfloat16 and narrower
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        count = int((~np.isfinite(found)).sum())
        raise InputError(f"{where}: {count} of {found.size} values are NaN or infinite; train again")
    return found


def attribute(proto: Any, where: str) -> Any:
    """The value of an AttributeProto: a number, bytes, a list of them, or an array; graphs and the like are None."""
    from onnx import AttributeProto, helper

    where = f"{where}: attribute {plain(text(proto.name))!r}"
    if proto.type == AttributeProto.TENSOR:
        return array(proto.t, where)
    plain_kinds = ("FLOAT", "INT", "STRING", "FLOATS", "INTS", "STRINGS")
    if proto.type not in [getattr(AttributeProto, k) for k in plain_kinds]:
        return None
    try:
        return helper.get_attribute_value(proto)
    except Exception:
        raise InputError(f"{where}: cannot be read; export the model again") from None
