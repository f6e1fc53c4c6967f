"""Lists to program and verify cells by: target conductance and window of every cell, in the order to write them."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.chip.device import Device
from codesign.errors import InputError
from codesign.image.cell_list import Held

WINDOW = 0.025  # of g_on: 1 uS of 40 uS, what NeuRRAM accepted (Wan et al., Nature 608, 504, 2022)
WEIGHT = ("layer", "slice", "input", "output", "polarity")


@dataclass(frozen=True)
class Targets:
    """The conductance of each level, and the ends of the window within which a cell is accepted."""

    unit: str  # uS, or g_on
    target: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def targets(device: Device, g_on: float | None = None, window: float | None = None) -> Targets:
    """What cells of each level must conduct: in uS where g_on, the conductance of the highest level, is given in uS.

    window: how far a cell may be from its target, as a share of g_on; absent: WINDOW, or a quarter of the smallest
    distance between two levels if that is less. Raises InputError for windows that overlap, and for numbers that
    cannot be.
    """
    share = np.asarray(device.conductances) / device.conductances[-1]
    gap = float(np.diff(share).min())
    wide = min(WINDOW, gap / 4) if window is None else window
    if not (math.isfinite(wide) and 0 < wide < gap / 2):
        raise InputError(
            f"--window {wide:g}: must be above 0 and below {gap / 2:.4g}, half the smallest distance between two levels"
        )
    if g_on is not None and not (math.isfinite(g_on) and g_on > 0):
        raise InputError(f"--g-on {g_on:g}: must be a conductance above 0, in uS")
    scale = 1.0 if g_on is None else g_on
    low, high = np.maximum(0.0, share - wide), share + wide
    columns = [tuple(round(v * scale, 9) for v in c.tolist()) for c in (share, low, high)]
    return Targets("g_on" if g_on is None else "uS", *columns)


def target_list(
    held: Iterable[Held], chip: Chip, told: Targets, only: Mapping[int, NDArray[np.bool_]] | None = None
) -> Iterator[bytes]:
    """The lines of a list to program by, in the order in which to write the cells.

    Array by array, wordline by wordline; on a wordline the cells of level 0 first, then those of level 1, and so on, so
    that a tester changes its pulses once a level. held: every array to list. only: the cells to list, by array.
    """
    head = ("order", "array", "wordline", "bitline", "level", *(f"{n}_{told.unit}" for n in ("target", "low", "high")))
    yield (",".join([*head, *WEIGHT]) + "\n").encode()
    values = [f"{a:.9g},{b:.9g},{c:.9g}" for a, b, c in zip(told.target, told.low, told.high, strict=True)]
    order = 0
    for array in held:
        mask = None if only is None else only.get(array.array)
        if only is not None and mask is None:
            continue
        lines = []
        for wordline, levels in enumerate(array.levels):
            names = _names(array, wordline, chip)
            at = np.argsort(levels, kind="stable")
            for bitline in at.tolist() if mask is None else at[mask[wordline][at]].tolist():
                order += 1
                level = int(levels[bitline])
                place = f"{order},{array.array},{wordline},{bitline},{level}"
                lines.append(f"{place},{values[level]},{names.get(bitline, ',,,,')}\n")
        yield "".join(lines).encode()


def whole_chip(held: Iterable[Held], chip: Chip) -> Iterator[Held]:
    """What every array of the chip holds; those that the program does not use hold level 0."""
    used = {h.array: h for h in held}
    blank = np.zeros((chip.arrays.rows, chip.arrays.columns), np.uint8)
    for array in range(chip.arrays.count):
        yield used.get(array) or Held(array, (), blank)


def _names(held: Held, wordline: int, chip: Chip) -> dict[int, str]:
    """The columns WEIGHT of the cells on a wordline that are part of one, by bitline."""
    found: dict[int, str] = {}
    for p in held.pieces:
        row = wordline - p.wordline
        if not 0 <= row < len(p.named_inputs):
            continue
        layer = f'"{p.layer.replace(chr(34), 2 * chr(34))}"' if set(p.layer) & set(',"\r\n') else p.layer
        before = f"{layer},{p.slice},{p.named_inputs[row]}"
        for k, output in enumerate(p.named_outputs):
            first = 2 * (p.column + k)
            found[first], found[first + 1] = f"{before},{output},+", f"{before},{output},-"
    assert not found or max(found) < chip.arrays.columns
    return found
