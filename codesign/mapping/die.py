"""A die: what the cells of a programmed chip really hold."""

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
    """Conductance codes of every used array: codes[array] is (rows, columns), unsigned code_bits.

    Usage, with a `program` and its inputs `x`:

    >>> import codesign, numpy as np
    >>> die = codesign.Die.draw(program.mapping, codesign.Cells(stuck_off=0.1), np.random.default_rng(0))
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
    def draw(cls, mapping: Mapping, cells: Cells, rng: np.random.Generator) -> "Die":
        """A die whose cells deviate as `cells` says, unused cells of used arrays too. Same `rng`, same die.

        Raises InputError when the chip's codes are too coarse for it, or when `cells` has read noise, which
        belongs to conversions.
        """
        uses = sorted(mapping.arrays, key=lambda use: use.array)
        return cls({u.array: draw(u.levels, mapping.chip.device, cells, rng) for u in uses})

    def check(self, mapping: Mapping) -> "Die":
        """The same die. Raises InputError when it does not cover the mapping's arrays or its codes are out of range."""
        chip = mapping.chip
        shape, top = (chip.arrays.rows, chip.arrays.columns), (1 << chip.device.code_bits) - 1
        strange = sorted(set(self.codes) - {u.array for u in mapping.arrays})
        if strange:
            raise InputError(f"die: array {strange[0]} is not used by this program; give codes of used arrays only")
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
