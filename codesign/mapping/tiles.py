"""A layer's outputs as column groups: which arrays' converters read them, and how the groups are cut."""

from bisect import bisect
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from codesign.chip.description import Chip
from codesign.mapping.cells import most_slices


@dataclass(frozen=True)
class Place:
    """Column groups of a block from `group` on."""

    block: int
    group: int


@dataclass(frozen=True)
class Chunk:
    """Outputs column..column+columns-1 of a layer, side by side in one block for each slice."""

    column: int
    columns: int
    slices: tuple[Place, ...]  # least significant first


@dataclass(frozen=True)
class Columns:
    """The outputs of a layer, all slices of them, in blocks that one array is wide enough for.

    groups: column groups of each block. widths: its signed columns, to the end of the last one that is used.
    """

    groups: tuple[int, ...]
    widths: tuple[int, ...]
    chunks: tuple[Chunk, ...]


def columns_of(outputs: int, slices: int, chip: Chip) -> Columns:
    """As few blocks as possible, converters loaded evenly. Slices follow each other in whole column groups.

    Chunks but the last are whole column groups, so that outputs stay in order in memory.
    """
    return _columns(outputs, slices, chip.adc.lanes, chip.columns)


@lru_cache(maxsize=4096)
def _columns(outputs: int, slices: int, lanes: int, width: int) -> Columns:
    each = -(-outputs // lanes)  # column groups of a slice
    total = each * slices
    last = outputs - (each - 1) * lanes  # columns of a slice's last group
    blocks = _across(outputs, slices, lanes, width)
    groups = [total // blocks + (k < total % blocks) for k in range(blocks)]
    starts = [sum(groups[:k]) for k in range(blocks + 1)]
    cuts = sorted({0, each, *(s % each for s in starts)})
    chunks = []
    for first, end in pairwise(cuts):
        places = []
        for s in range(slices):
            at = s * each + first
            block = bisect(starts, at, hi=blocks) - 1
            places.append(Place(block, at - starts[block]))
        chunks.append(Chunk(first * lanes, min(end * lanes, outputs) - first * lanes, tuple(places)))
    widths = [(n - 1) * lanes + (lanes if end % each else last) for n, end in zip(groups, starts[1:], strict=True)]
    return Columns(tuple(groups), tuple(widths), tuple(chunks))


def _across(outputs: int, slices: int, lanes: int, width: int) -> int:
    whole, tail = divmod(width, lanes)
    each = -(-outputs // lanes)
    short = outputs - (each - 1) * lanes <= tail  # the last group fits an array's narrower one
    return 1 if each * slices == whole + 1 and short else -(-each * slices // whole)


def across(outputs: int, slices: int, chip: Chip) -> int:
    """Arrays side by side, or blocks, that a layer's outputs take: as many as `columns_of` cuts them into."""
    return _across(outputs, slices, chip.adc.lanes, chip.columns)


def down(inputs: int, chip: Chip) -> int:
    """Arrays below each other that a layer's rows take where they start at the first wordline."""
    return -(-inputs // chip.arrays.rows)


def own_arrays(inputs: int, outputs: int, slices: int, chip: Chip) -> int:
    """Arrays that a layer of this size takes where it shares none."""
    return down(inputs, chip) * across(outputs, slices, chip)


def free_slices(outputs: int, chip: Chip) -> int:
    """Slices of a layer's weights that fit into whole column groups which its own tiles leave unused, at least 1.

    Its outputs are n column groups in as few arrays side by side as hold them; slices are n groups each, in these
    arrays. Bounded by what weights can have on the chip's device.
    """
    blocks = across(outputs, 1, chip)
    whole, groups = chip.columns // chip.adc.lanes, -(-outputs // chip.adc.lanes)
    return max(1, min(blocks * whole // groups, most_slices(chip.device)))
