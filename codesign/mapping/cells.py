"""Weights to cell levels and back: a signed weight is the difference of two cells, or a sum of such slices."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from codesign.chip.device import Device
from codesign.errors import InputError
from codesign.fixed import MAX_SLICES, WEIGHT_BITS, IntType
from codesign.ir.nodes.matrix import Weights

MAX_VALUES = 1 << 16  # combinations of digits


def to_levels(weight: NDArray[np.integer], device: Device, where: str) -> NDArray[np.uint8]:
    """Weights (rows, columns) as levels (rows, 2 * columns), + and - side by side.

    Raises InputError when a weight is not a difference of two cells.
    """
    table = device.pairs
    index = _index(weight, np.array(list(table)), where, "a difference of two cells")
    both = np.array(list(table.values()), dtype=np.uint8)[index]  # (rows, columns, 2)
    return both.reshape(weight.shape[0], -1)


def to_slices(weight: NDArray[np.integer], device: Device, slices: int, where: str) -> tuple[Weights, ...]:
    """What each slice holds of weights of any shape, least significant first: differences of two cells (`digits_of`).

    Slice s counts base^s times, base being the levels of a cell. Raises InputError when the slices cannot hold a
    weight, or are more than weights may have.
    """
    if problem := too_many(device.weights, slices, device.levels):
        raise InputError(f"layer {where}: {problem}")
    values, digits = digits_of(device.weights, slices, device.levels)
    index = _index(weight, values, where, f"a sum of {slices} slices" if slices > 1 else "a difference of two cells")
    return tuple(np.ascontiguousarray(digits[index, s], dtype=np.int32) for s in range(slices))


@lru_cache(maxsize=32)
def digits_of(pair: tuple[int, ...], slices: int, base: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All values (values,) that `slices` pairs of cells can hold, rising, and their digits (values, slices).

    pair: what one pair can hold, rising and symmetric. value = sum of digit s * base^s. Of several ways, the one with
    the smallest sum of magnitudes; of these, the one whose most significant digit has the smallest magnitude, then the
    next one. No two ways differ in signs alone: digits that can change their signs together sum to 0, so leaving them
    out is smaller. Hence the digits of -value are those of value, negated.
    """
    axes = np.meshgrid(*[np.array(pair, np.int64)] * slices, indexing="ij")
    digits = np.stack([axis.ravel() for axis in axes], axis=1)  # (ways, slices)
    sizes, values = np.abs(digits), digits @ base ** np.arange(slices)
    order = np.lexsort((*sizes.T, sizes.sum(1), values))  # the last key counts most
    known, first = np.unique(values[order], return_index=True)
    every = known, digits[order[first]]
    for array in every:  # the cache hands it out again
        array.flags.writeable = False
    return every


def too_many(pair: tuple[int, ...], slices: int, base: int) -> str | None:
    """Why weights cannot be spread over that many slices, and what to do; None if they can.

    What passes fits the multiplier of the highest slice, too: base^(slices - 1) is less than the combinations.
    """
    ways, top, most = len(pair) ** slices, pair[-1] * sum(base**s for s in range(slices)), IntType(WEIGHT_BITS, True).hi
    if ways > MAX_VALUES:
        return (
            f"{slices} slices of {len(pair)} values are {ways:,} combinations, at most {MAX_VALUES:,} are allowed; "
            "use fewer slices or a device with fewer levels"
        )
    if top > most:
        return (
            f"{slices} slices hold weights of up to {top:,}, at most {most:,} fit {WEIGHT_BITS} bits; use fewer slices "
            "or a device with fewer code_bits"
        )
    return None


def most_slices(device: Device) -> int:
    """As many slices as a weight can have on this device."""
    weights = device.weights
    return max(s for s in range(1, MAX_SLICES + 1) if too_many(weights, s, device.levels) is None)


def to_codes(levels: NDArray[np.uint8], device: Device) -> NDArray[np.int32]:
    """Conductance codes that ideal cells of these levels hold."""
    return np.asarray(device.codes, dtype=np.int32)[levels]


def to_weights(codes: NDArray[np.integer]) -> NDArray[np.int32]:
    """Differences of neighbouring bitlines: (rows, 2 * columns) codes to (rows, columns) weights."""
    return codes[..., 0::2].astype(np.int32) - codes[..., 1::2].astype(np.int32)


def _index(weight: NDArray[np.integer], known: NDArray[np.integer], where: str, form: str) -> NDArray[np.intp]:
    """The place of every weight among the `known` ones, rising. Raises InputError naming one that is not there."""
    index = np.clip(np.searchsorted(known, weight), 0, len(known) - 1)
    if (known[index] != weight).any():
        bad = int(weight[known[index] != weight][0])
        allowed = (
            ", ".join(map(str, known)) if len(known) <= 9 else f"{known[0]}..{known[-1]} (see chip.device.weights)"
        )
        raise InputError(f"layer {where}: weight {bad} is not {form}; this device holds {allowed}; train for this chip")
    return np.asarray(index)
