"""A network laid out on a chip: which cells hold what, and what the chip does step by step."""

from dataclasses import dataclass
from functools import cached_property
from html import escape

import numpy as np
from numpy.typing import NDArray

from codesign.brief import Brief
from codesign.chip.description import Chip
from codesign.fixed import INT32, Ints, IntType, Trim
from codesign.ir import Network
from codesign.mapping.layer import Layer
from codesign.mapping.loads import Load, Span
from codesign.mapping.lower import steps_of
from codesign.mapping.outline import Outline
from codesign.mapping.walk import Level, Walk
from codesign.squares import Rectangle, Square, html_squares


@dataclass(frozen=True)
class Piece(Brief):
    """A rectangle of a layer's matrix in one array.

    Row `row` of the layer lies on `wordline`, its output `column` in signed column `at` of the array. part: the first
    output of the part of the layer that has these rows.
    """

    layer: str
    part: int
    slice: int  # its significance is base^slice
    row: int
    rows: int
    column: int
    columns: int
    wordline: int
    at: int

    @property
    def told(self) -> str:
        """In words: layer, rows and columns of its matrix, and where they lie."""
        sliced = f", slice {self.slice}" if self.slice else ""
        return (
            f"{self.layer}{sliced}: inputs {self.row} to {self.row + self.rows - 1}, "
            f"outputs {self.column} to {self.column + self.columns - 1}; "
            f"wordlines {self.wordline} to {self.wordline + self.rows - 1}, "
            f"signed columns {self.at} to {self.at + self.columns - 1}"
        )


@dataclass(frozen=True, eq=False)
class ArrayUse(Brief):
    """What one array holds: pieces of layers, as levels of its cells.

    levels is (rows, columns) of the array, wordline by bitline; bitlines 2j and 2j+1 are the + and -
    of signed column j. Cells outside the pieces hold level 0.
    """

    array: int
    pieces: tuple[Piece, ...]
    levels: NDArray[np.uint8]
    offset: Ints  # (signed columns of the array,) ADC offsets


@dataclass(frozen=True)
class Block(Brief):
    """A rectangle of the tall matrix: rows of a step in the arrays of a linked run, which are read at its last one."""

    spans: tuple[Span, ...]
    groups: int  # column groups

    @property
    def arrays(self) -> tuple[int, ...]:
        return tuple(s.array for s in self.spans)


@dataclass(frozen=True)
class Term(Brief):
    """One slice of an output tile: column groups `group`.. of a block, and the entries that scale them."""

    block: int
    group: int
    correction: int  # what offset-binary codes add to the accumulator
    constant: int  # first entry of the constants table


@dataclass(frozen=True)
class Operand(Brief):
    """Lane groups from the activation memory that join a result one after another: `first`, `add` or `max`."""

    op: str
    repeats: int
    signed: bool
    constant: int  # first entry of the constants table


@dataclass(frozen=True)
class OutputTile(Brief):
    """Outputs that leave together: the sum of a term for each slice, least significant first, or of operands."""

    column: int  # first output of the layer
    columns: int
    terms: tuple[Term, ...]
    operands: tuple[Operand, ...] = ()


@dataclass(frozen=True, eq=False)
class StepPlan(Brief):
    """One matrix-vector step without its numbers: places, loads, conversions, and where the results go.

    At every place of its walk (an instance) it loads, converts, and writes once.
    """

    layer: str
    input: IntType
    source: int  # activation that its walk counts from
    walk: Walk
    loads: tuple[Load, ...]
    blocks: tuple[Block, ...]
    tiles: tuple[OutputTile, ...]
    wait: int  # how many instances back its producer's last one is; 0: it reads the input
    releases_input: bool
    first_group: int  # of each array, that the converters read
    out: IntType
    write: int  # first activation written

    @property
    def raw(self) -> bool:
        """Whether the results leave the chip."""
        return self.out == INT32

    @property
    def outputs(self) -> int:
        """Of one instance."""
        return sum(t.columns for t in self.tiles)

    @property
    def inputs(self) -> int:
        """Rows of its matrix."""
        return sum(s.rows for s in self.blocks[0].spans) if self.blocks else 0

    @property
    def instances(self) -> int:
        """Places of its walk: passes over its matrix for an image."""
        return self.walk.instances

    @property
    def whole_input(self) -> bool:
        """Whether it waits for the whole input image, which the places of its walk need."""
        return self.wait == 0 and (self.instances > 1 or self.walk.bounded)

    @property
    def slices(self) -> int:
        """Pairs of cells that hold a weight; 0 in a vector step."""
        return len(self.tiles[0].terms)

    @property
    def is_vector(self) -> bool:
        """Whether it converts nothing, and combines operands only."""
        return not self.blocks

    def constants(self, lanes: int) -> int:
        """Entries of the constants table that it takes."""
        found: dict[int, int] = {}
        for tile in self.tiles:
            for first in (*(t.constant for t in tile.terms), *(o.constant for o in tile.operands)):
                found[first] = -(-tile.columns // lanes)
        return sum(found.values())

    @property
    def column_groups(self) -> int:
        """Column groups that the converters read per plane."""
        return max((b.groups for b in self.blocks), default=0)

    @property
    def arrays(self) -> tuple[int, ...]:
        """Arrays that convert."""
        return tuple(a for b in self.blocks for a in b.arrays)


@dataclass(frozen=True, eq=False)
class Step(StepPlan):
    """One matrix-vector step, with the range of its converters and the requantizer of the converted sums."""

    trim: Trim
    mult: Ints  # (outputs,)
    bias: Ints
    shift: int
    base: int
    other: Ints | None = None  # multipliers of a second edge

    def multipliers(self, number: int) -> Ints:
        """(outputs,) of the terms of slice `number`, whose cells count base^number times."""
        return np.asarray(self.mult * self.base**number)


@dataclass(frozen=True, eq=False)
class Plan(Brief):
    """Where a network of these sizes lies on a chip, whatever its weights: what decides arrays, memory and cycles."""

    chip: Chip
    outline: Outline
    steps: tuple[StepPlan, ...]
    spots: "Spots"
    activation_words: int  # peak use of the activation memory
    lower_bound: int  # arrays that no packing can go below, by their cells alone
    least: int  # likewise, by all that is known of the blocks

    def _brief(self) -> str:
        return f"{len(self.steps)} steps on {self.arrays} arrays of {self.chip.name}"

    @property
    def arrays(self) -> int:
        """Arrays used."""
        return len({a for s in self.steps for a in s.arrays})

    @property
    def walks(self) -> tuple[tuple[Level, ...], ...]:
        """The loops of all steps that have some, each once, in the order of the steps: entries 1.. of the table."""
        return tuple(dict.fromkeys(s.walk.levels for s in self.steps if s.walk.levels))

    @property
    def beats(self) -> int:
        """Input beats of one image."""
        return -(-self.outline.features // self.chip.bus.stream_bytes)


Spots = dict[str, tuple[tuple[int, int], ...]]  # (first wordline of the tall matrix, first column group) of each block


@dataclass(frozen=True, eq=False)
class Mapping(Brief):
    """A network on a chip."""

    plan: Plan
    network: Network
    arrays: tuple[ArrayUse, ...]
    steps: tuple[Step, ...]

    def _brief(self) -> str:
        return f"{self.network.name} on {self.chip.name}: {len(self.arrays)} arrays, {len(self.steps)} steps"

    def _repr_html_(self) -> str:
        """For notebooks: the arrays that it uses, layers by colour."""
        rows, columns = self.chip.arrays.rows, 2 * self.chip.columns
        squares = [
            Square(
                f"array {use.array}",
                tuple(Rectangle(2 * p.at, p.wordline, 2 * p.columns, p.rows, p.layer, p.told) for p in use.pieces),
            )
            for use in self.arrays
        ]
        head = f"<p>{escape(self._brief())}; wordlines across, bitlines down</p>"
        return head + html_squares(squares, columns, rows)

    @property
    def chip(self) -> Chip:
        return self.plan.chip

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The network's layers as the chip runs them, one for each step."""
        return steps_of(self.network, self.chip)

    @property
    def lower_bound(self) -> int:
        """Arrays that no packing can go below."""
        return self.plan.lower_bound

    @property
    def beats(self) -> int:
        """Input beats of one image."""
        return self.plan.beats

    def locate(self, layer: str, output: int) -> tuple[int, int] | None:
        """(array, signed column) where the least significant slice of an output, or channel, of `layer` is read.

        None for a layer without a matrix.
        """
        lanes = self.chip.adc.lanes
        for step, part in zip(self.steps, self.layers, strict=True):
            column = output - part.outputs.start
            for t in step.tiles:
                if step.layer == layer and t.column <= column < t.column + t.columns:
                    if step.is_vector:
                        return None
                    group = step.first_group + t.terms[0].group
                    return step.blocks[t.terms[0].block].arrays[-1], group * lanes + column - t.column
        raise KeyError(f"{layer}[{output}]")
