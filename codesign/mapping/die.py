"""A die: what the cells of a programmed chip really hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.brief import Brief
from codesign.chip.description import Chip
from codesign.devices import Cells, draw
from codesign.devices.map_file import load_map, save_map
from codesign.devices.measured import CellMap
from codesign.errors import InputError
from codesign.fixed import MAX_FRACTION
from codesign.mapping.cells import to_codes
from codesign.mapping.mapping import Mapping


@dataclass(frozen=True, eq=False)
class Die(Brief):
    """What the cells of a chip's arrays hold: codes[array] is (rows, columns), unsigned.

    fraction: the map counts 2^-fraction of a conductance code (0..8, the map's own; neither image nor chip depend on
    it), in code_bits + fraction bits. A cell of -1 is healthy: it holds the level that it is programmed to. A program
    needs the codes of its own arrays; it ignores all others.

    Usage, with a `program` and its inputs `x`:

    >>> import codesign
    >>> die = codesign.Die.draw(program.mapping, codesign.Cells(stuck_off=0.1), seed=0)
    >>> bool((program.run(x, die) == program.run(x)).all())
    False
    """

    codes: dict[int, NDArray[np.int32]]
    fraction: int = 0

    def __post_init__(self) -> None:
        if type(self.fraction) is not int or not 0 <= self.fraction <= MAX_FRACTION:
            raise InputError(
                f"die: fraction must be 0..{MAX_FRACTION}, got {self.fraction!r}; choose how fine the map counts"
            )

    def _brief(self) -> str:
        fine = f" in 2^-{self.fraction}" if self.fraction else ""
        return f"codes{fine} of {len(self.codes)} arrays: {', '.join(map(str, sorted(self.codes)))}"

    @classmethod
    def ideal(cls, mapping: Mapping) -> "Die":
        """Every cell holds its level's code."""
        return cls({u.array: to_codes(u.levels, mapping.chip.device) for u in mapping.arrays})

    @classmethod
    def draw(cls, mapping: Mapping, cells: Cells, seed: int | Sequence[int]) -> "Die":
        """A die whose cells deviate as `cells` says, programmed as in `mapping`; unused cells of its arrays too.

        A seed, one integer or several, stands for a specimen of the chip: how a cell deviates depends on the seed, the
        array, the wordline and the bitline alone, so that all programs and layouts meet the same cells. Wires weaken a
        cell by what its whole array conducts. Only arrays that the mapping uses are drawn.

        Raises InputError when the chip's codes are too coarse for it, when `cells` has read noise, which belongs to
        conversions, or when the seed is not of integers.
        """
        return cls({u.array: draw(u.levels, mapping.chip.device, cells, seed, u.array) for u in mapping.arrays})

    def on(self, mapping: Mapping) -> "Die":
        """The arrays of a program, with what every cell holds once it is programmed. Raises InputError as `check`."""
        self.check(mapping)
        device, found = mapping.chip.device, dict[int, NDArray[np.int32]]()
        for use in mapping.arrays:
            codes = self.codes[use.array]
            healthy = codes < 0
            if healthy.any():
                codes = np.where(healthy, to_codes(use.levels, device) << self.fraction, codes)
            found[use.array] = codes
        return Die(found, self.fraction)

    @classmethod
    def load(
        cls, path: str | Path, chip: Chip | str | Path, g_on: float | None = None, fraction: int | None = None
    ) -> "Die":
        """A die of a chip from a file: what `save` wrote, or a .csv or .npz of a test floor.

        g_on: uS of the highest level, and fraction: for the latter, see docs/die.md. Raises InputError when the file is
        damaged, says what no cell can hold, or is of another chip.

        >>> import codesign
        >>> csv = "array,wordline,bitline,state\\n0,3,5,stuck_on\\n"
        >>> _ = open("faults.csv", "w").write(csv)
        >>> die = codesign.Die.load("faults.csv", program.chip)
        >>> int((die.codes[0] >= 0).sum())
        1
        """
        return cls(*load_map(Path(path), Chip.of(chip), g_on, fraction))

    def save(self, path: str | Path, chip: Chip, g_on: float | None = None) -> None:
        """Write a file that `load` reads. g_on: uS of the highest level, for people. Equal dies, equal bytes.

        Raises OutputError when it cannot be written.
        """
        save_map(Path(path), CellMap(self.codes, self.fraction), chip, g_on)

    def check(self, mapping: Mapping) -> "Die":
        """The same die. Raises InputError when it lacks an array of the mapping, or its codes there are out of range.

        It may cover arrays that the mapping does not use, but none that the chip does not have.
        """
        chip = mapping.chip
        shape, top = (chip.arrays.rows, chip.arrays.columns), (1 << chip.device.code_bits + self.fraction) - 1
        strange = [a for a in self.codes if a not in range(chip.arrays.count)]
        if strange:
            raise InputError(
                f"die: array {strange[0]} is not on chip {chip.name}, which has arrays 0..{chip.arrays.count - 1}; "
                "give codes of its arrays only"
            )
        for use in mapping.arrays:
            codes = self.codes.get(use.array)
            if not isinstance(codes, np.ndarray) or codes.shape != shape:
                shape_of = f"shape {codes.shape}" if isinstance(codes, np.ndarray) else type(codes).__name__
                came = "nothing" if codes is None else shape_of
                raise InputError(
                    f"die: array {use.array} needs codes of shape {shape}, got {came}; measure every used array"
                )
            if not np.issubdtype(codes.dtype, np.integer):
                raise InputError(
                    f"die: array {use.array} codes must be integers, got {codes.dtype}; round them to conductance codes"
                )
            if codes.min() < -1 or codes.max() > top:
                raise InputError(
                    f"die: array {use.array} codes must lie in 0..{top}, or be -1 where a cell is healthy, "
                    f"got {codes.min()}..{codes.max()}; rescale them to conductance codes"
                )
        return self
