"""A die: what the cells of a programmed chip really hold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.brief import Brief
from codesign.devices import Cells, draw
from codesign.errors import InputError
from codesign.mapping.cells import to_codes
from codesign.mapping.mapping import Mapping


@dataclass(frozen=True, eq=False)
class Die(Brief):
    """Conductance codes of a chip's arrays: codes[array] is (rows, columns), unsigned code_bits.

    A program needs those of its own arrays; it ignores all others.

    Usage, with a `program` and its inputs `x`:

    >>> import codesign
    >>> die = codesign.Die.draw(program.mapping, codesign.Cells(stuck_off=0.1), seed=0)
    >>> bool((program.run(x, die) == program.run(x)).all())
    False
    """

    codes: dict[int, NDArray[np.int32]]

    def _brief(self) -> str:
        return f"codes of {len(self.codes)} arrays: {', '.join(map(str, sorted(self.codes)))}"

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

    def check(self, mapping: Mapping) -> "Die":
        """The same die. Raises InputError when it lacks an array of the mapping, or its codes there are out of range.

        It may cover arrays that the mapping does not use, but none that the chip does not have.
        """
        chip = mapping.chip
        shape, top = (chip.arrays.rows, chip.arrays.columns), (1 << chip.device.code_bits) - 1
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
            if codes.min() < 0 or codes.max() > top:
                raise InputError(
                    f"die: array {use.array} codes must lie in 0..{top}, "
                    f"got {codes.min()}..{codes.max()}; rescale them to conductance codes"
                )
        return self
