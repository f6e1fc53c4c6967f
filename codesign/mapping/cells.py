"""Weights to cell levels and back: a signed weight is the difference of two cells."""

import numpy as np
from numpy.typing import NDArray

from codesign.chip.device import Device
from codesign.errors import InputError


def to_levels(weight: NDArray[np.integer], device: Device, where: str) -> NDArray[np.uint8]:
    """Weights (rows, columns) as levels (rows, 2 * columns), + and - side by side.

    Raises InputError when a weight is not a difference of two cells.
    """
    table = device.pairs
    known = np.array(list(table))
    index = np.clip(np.searchsorted(known, weight), 0, len(known) - 1)
    if (known[index] != weight).any():
        bad = int(weight[known[index] != weight][0])
        allowed = (
            ", ".join(map(str, known)) if len(known) <= 9 else f"{known[0]}..{known[-1]} (see chip.device.weights)"
        )
        raise InputError(
            f"layer {where}: weight {bad} is not a difference of two cells; "
            f"this device holds {allowed}; train for this chip"
        )
    both = np.array([table[int(w)] for w in known], dtype=np.uint8)[index]  # (rows, columns, 2)
    return both.reshape(weight.shape[0], -1)


def to_codes(levels: NDArray[np.uint8], device: Device) -> NDArray[np.int32]:
    """Conductance codes that ideal cells of these levels hold."""
    return np.asarray(device.codes, dtype=np.int32)[levels]


def to_weights(codes: NDArray[np.integer]) -> NDArray[np.int32]:
    """Differences of neighbouring bitlines: (rows, 2 * columns) codes to (rows, columns) weights."""
    return codes[..., 0::2].astype(np.int32) - codes[..., 1::2].astype(np.int32)
