"""Data sets and arrays as the inputs of a user's module."""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from codesign.arrays import as_array, first_line
from codesign.data import Dataset
from codesign.errors import InputError
from codesign.frontend.unwrap import plain_copy
from codesign.train.recipe import Training

HELD = 5  # one image in this many is held out of arrays


class Samples(NamedTuple):
    """Inputs (images, ...) as a module takes them, and labels; to train on and to test."""

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor


def samples_of(data: Any, module: nn.Module, train: Training) -> Samples:
    """A data set, its bytes as 0..1, or arrays (x, labels) without the fifth that is held out.

    A data set's images come in their shape, or as rows where the module takes those. Raises InputError.
    """
    found = _of_dataset(data, module) if isinstance(data, Dataset) else _of_arrays(data, train.seed)
    if (train.shift or train.flip) and found.x.dim() != 4:
        raise InputError(
            f"fit: shift and flip need images (channels, height, width), got inputs {tuple(found.x.shape[1:])}; "
            "leave them out"
        )
    return found


def _of_dataset(data: Dataset, module: nn.Module) -> Samples:
    unit = np.float32(1 if data.is_real else 255)
    train, test = (np.asarray(x, np.float32) / unit for x in (data.x_train, data.x_test))
    rows = (data.features,)
    shape = data.shape if data.shape and _takes(module, train[:2].reshape(-1, *data.shape)) == "" else rows
    if shape == rows and (problem := _takes(module, train[:2])):
        raise InputError(f"fit: the module takes neither images of data set {data.name} nor rows: {problem}")
    x, x_test = (torch.from_numpy(v.reshape(-1, *shape)) for v in (train, test))
    return Samples(x, torch.from_numpy(data.y_train), x_test, torch.from_numpy(data.y_test))


def _takes(module: nn.Module, x: NDArray[np.float32]) -> str:
    """Why the module cannot take `x`; "" if it can."""
    try:
        with torch.no_grad():
            plain_copy(module)(torch.from_numpy(np.ascontiguousarray(x)))
    except Exception as e:  # the user's forward may raise anything
        return first_line(e)
    return ""


def _of_arrays(data: Any, seed: int) -> Samples:
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise InputError(f"fit: data must be a codesign.Dataset or arrays (x, labels), got a {type(data).__name__}")
    x, y = as_array(data[0], "fit: x"), as_array(data[1], "fit: labels")
    if x.ndim < 2 or x.dtype.kind not in "iufb" or len(x) < HELD:
        raise InputError(f"fit: x must be numbers (images, ...), {HELD} images or more, got {x.dtype} {x.shape}")
    if not np.isfinite(x).all():
        raise InputError(f"fit: x holds {int((~np.isfinite(x)).sum())} values that are NaN or infinite; remove them")
    if y.shape != (len(x),) or y.dtype.kind not in "iu" or y.min() < 0:
        raise InputError(
            f"fit: labels must be one class number of at least 0 per image ({len(x)}), got {y.dtype} {y.shape}"
        )
    order = np.random.default_rng(seed).permutation(len(x))
    held, kept = order[: len(x) // HELD], order[len(x) // HELD :]
    images = torch.from_numpy(np.ascontiguousarray(x if x.dtype.kind != "u" else x.astype(np.int64)))
    labels = torch.from_numpy(y.astype(np.int64))
    return Samples(images[kept], labels[kept], images[held], labels[held])
