"""Programs that show what the cells of a chip hold: an image for each array, and what to drive into it."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.errors import InputError
from codesign.fixed import INT32, Ints, IntType, Trim
from codesign.folders import staged
from codesign.ir import Linear, Network, Requant, verify
from codesign.mapping import Mapping, place
from codesign.mapping.run import weights_of
from codesign.program import Program
from codesign.sim.streams import beats
from codesign.vectors.patterns import marching

FINEST = 7  # a gain of 2^7 is the largest power of two that a trim can have
LAYER = "cells"
FOLDER = "array_"  # of each array's program, before its number


def finest(chip: Chip) -> int:
    """The fraction at which converters tell every difference of two cells of a chip; below 0, only coarser ones."""
    return min(FINEST, chip.adc.bits - 1 - chip.device.code_bits)


def stimuli(rows: int) -> dict[str, Ints]:
    """Wordlines to drive (rows,) by name: marching patterns, and ramps of the first 2, 4, 8 and so on.

    No wordline tells the offset of each column, one alone the differences of its pairs; the others are for checking.
    """
    ramps = [1 << k for k in range(1, rows.bit_length()) if 1 << k < rows]
    return marching(rows) | {f"ramp_{n}": (np.arange(rows) < n).astype(np.int64) for n in ramps}


def programs(chip: Chip, like: Mapping | None = None, fraction: int | None = None) -> dict[int, Program]:
    """By array, a program of one layer that fills it and sends the codes of its signed columns, one wordline a bit.

    like: whose cells to program, in its own arrays only; absent: all arrays, in each pair one cell at the highest and
    one at the lowest level, alternating. fraction: converters count 2^-fraction conductance codes (absent: as fine as
    no pair can exceed their range, `finest`). Raises InputError for other chips and fractions.
    """
    if like is not None and like.chip.id != chip.id:
        raise InputError(
            f"characterize: the program is for chip {like.chip.name} (id 0x{like.chip.id:08x}), {chip.name} has "
            f"0x{chip.id:08x}; give a program of this chip"
        )
    fine = finest(chip) if fraction is None else fraction
    if fraction is not None and not 0 <= fraction <= FINEST:
        raise InputError(f"--fraction {fraction}: must be 0..{FINEST}, the largest power of two that a gain can be")
    trim = Trim(1 << max(0, fine), max(0, -fine))
    return {a: _program(chip, a, w, trim) for a, w in _weights(chip, like).items()}


def _weights(chip: Chip, like: Mapping | None) -> dict[int, NDArray[np.int32]]:
    if like is not None:
        return weights_of(like)
    most = chip.device.weights[-1]
    odd = np.add.outer(np.arange(chip.arrays.rows), np.arange(chip.columns)) % 2
    return dict.fromkeys(range(chip.arrays.count), np.where(odd, -most, most).astype(np.int32))


def _program(chip: Chip, array: int, weight: NDArray[np.int32], trim: Trim) -> Program:
    rows, columns = weight.shape
    requant = Requant(np.ones(columns, np.int64), np.zeros(columns, np.int64), 0, INT32)
    node = Linear(LAYER, "input", weight, requant)
    network = verify(Network(f"{FOLDER}{array}", rows, IntType(1), (node,)))
    return Program(place(network, chip, {LAYER: trim}, spots={LAYER: ((array * chip.arrays.rows, 0),)}))


def write(chip: Chip, folder: str | Path, like: Mapping | None = None, fraction: int | None = None) -> list[int]:
    """Write a program folder for each array, what to drive into all of them, the words of ideal cells; the arrays.

    Same arguments, same bytes. Raises InputError as `programs`, OutputError when the folder holds other files.
    """
    made, driven = programs(chip, like, fraction), stimuli(chip.arrays.rows)
    x = np.stack(list(driven.values()))
    with staged(folder, "characterization") as work:
        for array, program in made.items():
            program.save(work / f"{FOLDER}{array}")
        np.save(work / "inputs.npy", x, allow_pickle=False)
        width = chip.bus.stream_bytes
        sent = "".join(f"{data:0{2 * width}x}\n" for image in x for data, _, _ in beats(image, width))
        (work / "inputs.hex").write_text(sent, encoding="utf-8")
        plan = ([v, name, *row] for v, (name, row) in enumerate(zip(driven, x.tolist(), strict=True)))
        head = ["vector", "pattern", *(f"wordline_{r}" for r in range(chip.arrays.rows))]
        (work / "plan.csv").write_text(_csv(head, plan), encoding="utf-8")
        words = {array: program.run(x) for array, program in made.items()}
        (work / "expected.csv").write_text(words_csv(words), encoding="utf-8")
    return list(made)


def words_csv(words: dict[int, Ints]) -> str:
    """Words (vectors, columns) by array as `recover` reads them: in each line array, vector, a word of each column."""
    columns = next(iter(words.values())).shape[1]
    rows = ([array, v, *row] for array, found in words.items() for v, row in enumerate(found.tolist()))
    return _csv(["array", "vector", *(f"column_{c}" for c in range(columns))], rows)


def _csv(head: list[str], rows: Iterable[list[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()
