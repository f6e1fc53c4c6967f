"""Pack the matrices of a network into few arrays: first fit in several orders, then seeded moves."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from codesign.mapping.blocks import Block, Space
from codesign.mapping.bounds import cell_bound, lane_bound, least_arrays

MOVES = 200  # packings tried beyond the first orders: a number, not a time, so that every run finds the same
WORK = 1 << 25  # limit of blocks x wordlines over all moves, a fraction of a second: large networks get fewer


@dataclass(frozen=True)
class Spot:
    """Where the first row and column of a block lie."""

    wordline: int  # of the tall matrix
    group: int  # column group of the array


@dataclass(frozen=True)
class Packing:
    """Where blocks lie, and bounds that no packing of them goes below."""

    spots: tuple[Spot, ...]  # in the order of the blocks
    arrays: int  # used: 0..arrays-1, each with at least one cell
    bound: int  # arrays that the cells fill
    lane_bound: int  # arrays that the column groups fill
    least: int  # the largest bound known; a packing of so many arrays is optimal


def pack(blocks: Sequence[Block], space: Space, limit: int | None = None) -> Packing:
    """Put `blocks` into few arrays: none overlap, and what Block says of steps, columns and phases holds.

    The search ends once a packing is known to be optimal, or takes no more than `limit` arrays. When none
    found does, the smallest comes back; compare its arrays with the chip's. Same arguments, same packing.
    Raises ValueError when a block fits no array.
    """
    for b in blocks:
        b.check(space)
    least = least_arrays(blocks, space)
    found, height = _search(blocks, space, max(least, limit or 0) * space.rows)
    spots = tuple(Spot(r, g) for r, g in found)
    return Packing(spots, -(-height // space.rows), cell_bound(blocks, space), lane_bound(blocks, space), least)


def _search(blocks: Sequence[Block], space: Space, enough: int) -> tuple[list[tuple[int, int]], int]:
    """Spots and height of the lowest packing found; one of at most `enough` wordlines ends the search."""
    kinds: dict[Block, int] = {}
    kind = [kinds.setdefault(b, len(kinds)) for b in blocks]
    fit, orders, rng = _FirstFit(blocks, space), _orders(blocks, space), random.Random(0)
    best = orders[0]
    start = fit(best, sum(b.arrays(space) for b in blocks) * space.rows)
    assert start is not None  # each block in arrays of its own takes as many
    spots, height = start
    tried = {tuple(kind[k] for k in best)}
    moves = min(MOVES, WORK // (len(blocks) * height or 1))
    for n in range(1, len(orders) + moves):
        if height <= enough:
            break
        order = orders[n] if n < len(orders) else _moved(best, rng)
        key = tuple(kind[k] for k in order)
        if key not in tried and (found := fit(order, height)):
            best, (spots, height) = order, found
        tried.add(key)
    return spots, height


def _orders(blocks: Sequence[Block], space: Space) -> list[list[int]]:
    """Orders worth a try: widest first, a block of each step in turn, largest first, as given."""
    given = list(range(len(blocks)))
    groups = [b.groups(space) for b in blocks]
    turn, seen = [], defaultdict[int, int](int)
    for b in blocks:
        turn.append(seen[b.step])
        seen[b.step] += 1
    return [
        sorted(given, key=lambda k: (-groups[k], -blocks[k].rows)),
        sorted(given, key=lambda k: turn[k]),
        sorted(given, key=lambda k: -groups[k] * blocks[k].rows),
        given,
    ]


def _moved(order: list[int], rng: random.Random) -> list[int]:
    """The same order with one block elsewhere."""
    moved = order.copy()  # random() is the one draw that Python promises to keep as it is
    block = moved.pop(int(rng.random() * len(order)))
    moved.insert(int(rng.random() * len(order)), block)
    return moved


class _FirstFit:
    """Places blocks one after the other, each as low as it can lie.

    A set of wordlines is an integer, wordline r its bit r: shifts and masks look at all wordlines at once.
    """

    def __init__(self, blocks: Sequence[Block], space: Space) -> None:
        self.blocks, self.space = blocks, space
        self.groups = [b.groups(space) for b in blocks]
        self.arrays = [b.arrays(space) for b in blocks]
        self.last: dict[int, int] = {}  # step: highest first group that all its blocks can have
        for b in blocks:
            last = b.last_group(space)
            self.last[b.step] = min(self.last.get(b.step, last), last)
        self.starts = ((1 << sum(self.arrays) * space.rows) - 1) // ((1 << space.rows) - 1)  # wordline 0 of each array

    def __call__(self, order: list[int], most: int) -> tuple[list[tuple[int, int]], int] | None:
        """(wordline, column group) of each block and the wordlines they take together; None when more than `most`.

        Of all column groups a block takes the one where fewest arrays are used, then where it ends lowest, then
        where it is cut least, then the first. A block that starts a new array leaves none empty below it.
        """
        rows, arrays, height = self.space.rows, 0, 0
        busy = [0] * self.space.groups  # of each column group: its wordlines in use
        shut: dict[int, int] = defaultdict(int)  # of each step: the wordlines of arrays that its blocks lie in
        first: dict[int, int] = {}  # of each step: its first column group
        spots = [(0, 0)] * len(order)
        for k in order:
            step, high, wide = self.blocks[k].step, self.blocks[k].rows, self.groups[k]
            every = (1 << (arrays + self.arrays[k]) * rows) - 1  # above all others a block always fits
            best: tuple[int, ...] = ()
            for g in (first[step],) if step in first else range(self.last[step] + 1):
                taken = shut[step]
                for b in busy[g : g + wide]:
                    taken |= b
                top = self._lowest(k, every & ~taken) + high
                stop = -(-top // rows)
                key = (max(arrays, stop), top, stop - (top - high) // rows, g)
                best = min(best or key, key)
            arrays, top, cut, g = best
            height = max(height, top)
            if height > most:
                return None
            first[step], spots[k] = g, (top - high, g)
            for j in range(g, g + wide):
                busy[j] |= (1 << top) - (1 << top - high)
            bottom = (top - high) // rows
            shut[step] |= (1 << (bottom + cut) * rows) - (1 << bottom * rows)
        return spots, height

    def _lowest(self, k: int, free: int) -> int:
        """The lowest wordline where block `k` can start."""
        high, phase, reach = self.blocks[k].rows, self.blocks[k].phase, 1
        while reach < high:  # bit r: wordlines r..r+reach-1 are free
            more = min(reach, high - reach)
            free &= free >> more
            reach += more
        if phase is not None:
            free &= self.starts << phase
        return (free & -free).bit_length() - 1
