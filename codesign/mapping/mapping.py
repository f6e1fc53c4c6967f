"""A network laid out on a chip: which cells hold what, and what the chip does step by step."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.brief import Brief
from codesign.chip.description import Chip
from codesign.fixed import INT32, Ints, IntType, Trim
from codesign.ir import Network
from codesign.mapping.capacity import lower_bound
from codesign.mapping.outline import Outline


@dataclass(frozen=True, eq=False)
class ArrayUse(Brief):
    """What one array holds: a tile of a layer's matrix, as levels of its cells.

    levels is (rows, columns) of the array, wordline by bitline; bitlines 2j and 2j+1 are the + and -
    of signed column j. Cells outside the tile hold level 0.
    """

    array: int
    layer: str
    row: int  # first input of the layer
    rows: int
    column: int  # first output of the layer
    columns: int
    levels: NDArray[np.uint8]
    trim: Trim
    offset: Ints  # (signed columns of the array,) ADC offsets


@dataclass(frozen=True)
class Load(Brief):
    """Copy one memory word into the wordline registers of some arrays."""

    from_memory: bool  # from the activation memory, else from the input buffer
    word: int
    arrays: tuple[int, ...]


@dataclass(frozen=True)
class OutputTile(Brief):
    """Columns that leave together: a run of arrays whose codes are added up, read at the run's last array."""

    arrays: tuple[int, ...]
    column: int  # first output of the layer
    columns: int
    correction: int  # what offset-binary codes add to the accumulator


@dataclass(frozen=True, eq=False)
class StepPlan(Brief):
    """One matrix-vector step without its numbers: loads, conversions, and where the results go."""

    layer: str
    input: IntType
    loads: tuple[Load, ...]
    tiles: tuple[OutputTile, ...]
    wait: int  # how many steps back its producer is; 0: it reads the input
    releases_input: bool
    column_groups: int  # that the converters read per plane
    out: IntType
    word: int  # first activation word written
    constant: int  # first entry of the constants table

    @property
    def raw(self) -> bool:
        """Whether the results leave the chip."""
        return self.out == INT32

    @property
    def outputs(self) -> int:
        return sum(t.columns for t in self.tiles)


@dataclass(frozen=True, eq=False)
class Step(StepPlan):
    """One matrix-vector step, with the requantizer of the converted sums."""

    mult: Ints  # (outputs,)
    bias: Ints
    shift: int


@dataclass(frozen=True, eq=False)
class Plan(Brief):
    """Where a network of these sizes lies on a chip, whatever its weights: what decides arrays, memory and cycles."""

    chip: Chip
    outline: Outline
    steps: tuple[StepPlan, ...]
    activation_words: int  # peak use of the activation memory

    def _brief(self) -> str:
        return f"{len(self.steps)} steps on {self.arrays} arrays of {self.chip.name}"

    @property
    def arrays(self) -> int:
        """Arrays used."""
        return sum(len(t.arrays) for s in self.steps for t in s.tiles)

    @property
    def lower_bound(self) -> int:
        """Arrays that no packing can go below."""
        return lower_bound(self.outline, self.chip)

    @property
    def beats(self) -> int:
        """Input beats of one image."""
        return -(-self.outline.features // self.chip.bus.stream_bytes)


@dataclass(frozen=True, eq=False)
class Mapping(Brief):
    """A network on a chip."""

    plan: Plan
    network: Network
    arrays: tuple[ArrayUse, ...]
    steps: tuple[Step, ...]

    def _brief(self) -> str:
        return f"{self.network.name} on {self.chip.name}: {len(self.arrays)} arrays, {len(self.steps)} steps"

    @property
    def chip(self) -> Chip:
        return self.plan.chip

    @property
    def lower_bound(self) -> int:
        """Arrays that no packing can go below."""
        return self.plan.lower_bound

    @property
    def beats(self) -> int:
        """Input beats of one image."""
        return self.plan.beats

    def locate(self, layer: str, output: int) -> tuple[int, int]:
        """(array, signed column) where output `output` of `layer` is read."""
        for step in self.steps:
            for t in step.tiles:
                if step.layer == layer and t.column <= output < t.column + t.columns:
                    return t.arrays[-1], output - t.column
        raise KeyError(f"{layer}[{output}]")
