"""Numbers of others as numpy arrays, a torch tensor's among them, without importing torch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError


def as_array(x: Any, where: str) -> NDArray[np.generic]:
    """`x` as a numpy array: an array, a tensor of any kind, device and gradient, or nested lists of either.

    Floats narrower than numpy's become float32, which holds each of them. Raises InputError naming `where`.
    """
    try:
        return np.asarray(_plain(x))
    except Exception as e:  # torch and numpy raise many kinds
        raise InputError(f"{where}: cannot become an array ({first_line(e)}); give numbers of one shape") from None


def _plain(x: Any) -> Any:
    """What numpy takes: tensors, also those in lists, as arrays."""
    if hasattr(x, "detach"):  # a tensor
        x = x.detach().cpu()
        return x.float() if x.is_floating_point() and x.element_size() < 4 else x  # numpy has no bfloat16
    if isinstance(x, list | tuple) and any(hasattr(v, "detach") or isinstance(v, list | tuple) for v in x):
        return [np.asarray(_plain(v)) for v in x]
    return x


def first_line(error: Exception) -> str:
    """What an exception of others says, in one line of at most 160 characters; its kind when it says nothing."""
    line = next((text.strip() for text in str(error).splitlines() if text.strip()), type(error).__name__)
    return line if len(line) <= 160 else f"{line[:157]}..."


def evenly(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` of the indices 0..count-1, evenly spaced: inputs may be sorted by class."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
