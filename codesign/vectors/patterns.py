"""Expected converter codes for marching patterns on the wordlines of each array, as programmed."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from codesign.fixed import convert
from codesign.mapping import Mapping
from codesign.mapping.run import weights_of
from codesign.vectors.answers import name_of


def marching(rows: int) -> dict[str, NDArray[np.int64]]:
    """Patterns (rows,) by name: no wordline, each alone, every other one (both ways), all."""
    even = (np.arange(rows) + 1) % 2
    found = {"zero": np.zeros(rows, np.int64), "full": np.ones(rows, np.int64)}
    found |= {"checkerboard": even, "checkerboard_inverse": 1 - even}
    return found | {f"wordline_{r}": row for r, row in enumerate(np.eye(rows, dtype=np.int64))}


def table(mapping: Mapping) -> Iterator[str]:
    """CSV: for each array, layer in it and pattern, the codes of all signed columns with that layer's range."""
    chip, weights = mapping.chip, weights_of(mapping)
    patterns = marching(chip.arrays.rows)
    driven = np.stack(list(patterns.values()))
    yield ",".join(["array", "layer", "gain", "shift", "pattern", *(f"column_{c}" for c in range(chip.columns))])
    for use in mapping.arrays:
        currents = driven @ weights[use.array].astype(np.int64)
        for step in mapping.steps:
            if use.array in step.arrays:
                codes = convert(currents, step.trim, use.offset, chip.code).tolist()
                head = f"{use.array},{name_of(step.layer)},{step.trim.gain},{step.trim.shift}"
                for name, row in zip(patterns, codes, strict=True):
                    yield f"{head},{name},{','.join(map(str, row))}"
