"""Blocks packed into arrays: the rules by an independent checker, known nets, bounds against every packing there is."""

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, product

import pytest

from codesign.chip.description import Chip
from codesign.mapping.blocks import Block, Space
from codesign.mapping.bounds import cell_bound, lane_bound, least_arrays
from codesign.mapping.pack import Packing, Spot, pack
from codesign.mapping.tiles import columns_of

CHIP = Chip.load("reference-128")  # 128 rows, 64 signed columns, 8 lanes
LARGE = CHIP.model_copy(update={"arrays": CHIP.arrays.model_copy(update={"rows": 256, "columns": 256})})

Sizes = list[tuple[int, int]]
RESNET_20: Sizes = [(27, 16), *[(144, 16)] * 6]
RESNET_20 += [(144, 32), *[(288, 32)] * 5, (16, 32), (288, 64), *[(576, 64)] * 5, (32, 64), (64, 10)]
LENET: Sizes = [(25, 20), (500, 50), (800, 128), (128, 10)]
CIFAR_LENET: Sizes = [(75, 32), (800, 32), (800, 64), (1024, 10)]


def space(chip: Chip) -> Space:
    return Space(chip.arrays.rows, chip.columns, chip.adc.lanes)


def perceptron(*widths: int) -> Sizes:
    return list(pairwise(widths))


def blocks_of(sizes: Sizes, chip: Chip) -> tuple[Block, ...]:
    return tuple(
        Block(k, rows, n) for k, (rows, outputs) in enumerate(sizes) for n in columns_of(outputs, 1, chip).widths
    )


def cells(block: Block, spot: Spot, room: Space) -> set[tuple[int, int]]:
    """(wordline, column group) of all that the block takes, cell by cell."""
    wordlines = range(spot.wordline, spot.wordline + block.rows)
    return set(product(wordlines, {spot.group + c // room.lanes for c in range(block.columns)}))


def faults(blocks: Sequence[Block], room: Space, packed: Packing) -> list[str]:
    """The rules that a packing breaks, from the cells that blocks take."""
    found = []
    taken = [cells(b, s, room) for b, s in zip(blocks, packed.spots, strict=True)]
    arrays = [{wordline // room.rows for wordline, _ in t} for t in taken]
    for k, (b, s) in enumerate(zip(blocks, packed.spots, strict=True)):
        if s.wordline < 0 or s.group < 0 or s.group * room.lanes + b.columns > room.columns:
            found.append("outside")
        if b.phase is not None and s.wordline % room.rows != b.phase:
            found.append("phase")
        for j in range(k):
            if taken[j] & taken[k]:
                found.append("overlap")
            if blocks[j].step == b.step and packed.spots[j].group != s.group:
                found.append("group")
            if blocks[j].step == b.step and arrays[j] & arrays[k]:
                found.append("array")
    if set().union(*arrays) != set(range(packed.arrays)):
        found.append("arrays")
    return found


@pytest.mark.parametrize(
    ("sizes", "chip", "bounds", "arrays"),
    [
        (perceptron(784, 256, 128, 10), CHIP, (29, 29, 30), 30),
        (perceptron(784, 128, 10), CHIP, (13, 13, 14), 14),
        (perceptron(784, 64, 10), CHIP, (7, 7, 7), 7),
        (perceptron(784, 128, 10), LARGE, (4, 4, 4), 4),
        (perceptron(784, 129, 10), LARGE, (4, 4, 8), 8),  # two blocks, which share no array
        (RESNET_20, CHIP, (34, 34, 34), 34),
        (LENET, CHIP, (16, 17, 18), 18),
        (CIFAR_LENET, CHIP, (11, 12, 15), 15),
    ],
)
def test_known_nets(sizes: Sizes, chip: Chip, bounds: tuple[int, int, int], arrays: int) -> None:
    blocks, room = blocks_of(sizes, chip), space(chip)
    packed = pack(blocks, room)
    assert faults(blocks, room, packed) == []
    assert (packed.bound, packed.lane_bound, packed.least) == bounds
    assert packed.arrays == arrays < sum(b.arrays(room) for b in blocks)


def random_case(rng: random.Random) -> tuple[tuple[Block, ...], Space]:
    room = rng.choice([Space(16, 8, 2), Space(12, 7, 2), Space(16, 30, 4), Space(10, 3, 3), Space(9, 5, 4)])
    blocks = []
    for step in range(rng.randint(1, 6)):
        rows, phase = rng.randint(1, 40), rng.choice([None, None, 0, rng.randrange(room.rows)])
        for _ in range(rng.choice([1, 1, 2, 3])):
            columns = rng.randint(1, room.columns)
            blocks.append(Block(step, rows, columns, phase if Block(step, rows, columns).last_group(room) >= 0 else 0))
    return tuple(b for b in blocks if b.last_group(room) >= 0) or (Block(0, 1, 1),), room


def test_random_blocks_keep_every_rule() -> None:
    rng, seen = random.Random(0), Counter[str]()
    for _ in range(150):
        blocks, room = random_case(rng)
        packed = pack(blocks, room)
        assert faults(blocks, room, packed) == []
        alone = sum(b.arrays(room) for b in blocks)
        assert max(packed.bound, packed.lane_bound) <= packed.least <= packed.arrays <= alone
        holds: dict[int, set[int]] = {}
        for b, s in zip(blocks, packed.spots, strict=True):
            lies = {wordline // room.rows for wordline, _ in cells(b, s, room)}
            for array in lies:
                holds.setdefault(array, set()).add(b.step)
            seen["cut"] += len(lies) > 1
            seen["tail"] += s.group + b.groups(room) > room.columns // room.lanes
            seen["phase"] += bool(b.phase)
            seen["above group 0"] += s.group > 0
            seen["wordline"] += s.wordline % room.rows > 0 and b.phase is None
        seen["shared"] += any(len(steps) > 1 for steps in holds.values())
        seen["several"] += len(blocks) > len({b.step for b in blocks})
        seen["saved"] += packed.arrays < alone
        seen["optimal"] += packed.arrays == packed.least
        seen["open"] += packed.arrays > packed.least
    assert len(seen) == 10 and all(count > 50 for count in seen.values()), seen


def fewest(blocks: Sequence[Block], room: Space, most: int) -> int:
    """Arrays of the best of all packings of at most `most` arrays."""

    def fits(placed: tuple[Spot, ...], arrays: int) -> bool:
        if len(placed) == len(blocks):
            return True
        b = blocks[len(placed)]
        spots = (Spot(r, g) for r in range(arrays * room.rows - b.rows + 1) for g in range(room.groups))
        return any(
            not set(faults(blocks[: len(placed) + 1], room, Packing((*placed, s), 0, 0, 0, 0))) - {"arrays"}
            and fits((*placed, s), arrays)
            for s in spots
        )

    return next(arrays for arrays in range(1, most + 1) if fits((), arrays))


def test_bounds_and_search_against_all_packings() -> None:
    """On tiny arrays, where every packing can be tried: no bound is above the best, and the search finds the best."""
    rng, seen = random.Random(1), Counter[str]()
    for _ in range(25):
        room = rng.choice([Space(3, 4, 1), Space(4, 3, 2), Space(4, 2, 1)])
        blocks = []
        for step in range(2):
            rows, phase = rng.randint(1, 6), rng.choice([None, None, rng.randrange(room.rows)])
            blocks += [Block(step, rows, rng.randint(1, room.columns), phase) for _ in range(rng.randint(1, 2))]
        packed = pack(blocks, room)
        best = fewest(blocks, room, packed.arrays)
        assert packed.least <= best == packed.arrays
        seen["beyond lanes"] += packed.least > max(packed.bound, packed.lane_bound)
        seen["open"] += packed.least < best
        seen["several"] += len(blocks) > 2
    assert all(seen[what] > 2 for what in ("beyond lanes", "open", "several")), seen


@pytest.mark.parametrize(
    ("blocks", "least"),
    [
        ([Block(0, 12, 5), Block(1, 12, 4)], 3),  # neither fits beside the other: 24 wordlines
        ([Block(k, 8, 3) for k in range(5)], 3),  # of 3 groups at most two lie side by side: 20 wordlines
        ([Block(0, 5, 8), Block(1, 3, 2), Block(2, 5, 1)], 2),  # nothing lies beside the first: 5 + 5 wordlines
        ([Block(0, 1, 1)] * 3, 3),  # one step
        ([Block(0, 2, 8, phase=7)], 2),  # crosses into the next array
        ([Block(0, 7, 8)] * 3 + [Block(1, 11, 8)], 5),  # two neighbours leave 2, of 11 wordlines 9 are wanting
        ([Block(0, 3, 8)] * 4 + [Block(1, 13, 2)] * 2, 6),  # each has 5 + 5 beside it: an array more for either
        ([Block(0, 7, 8)] * 4 + [Block(1, 19, 2), Block(1, 1, 2)], 7),  # the tall one alone: 17 besides, three arrays
        ([Block(0, 7, 8)] * 3 + [Block(1, 16, 2)] * 2, 7),  # 32 wordlines where three leave 3: four arrays more
    ],
)
def test_bounds_beyond_cells(blocks: list[Block], least: int) -> None:
    room = Space(8, 8, 1)
    assert least_arrays(blocks, room) == least > max(cell_bound(blocks, room), lane_bound(blocks, room))
    assert pack(blocks, room).arrays == least


def test_a_narrow_group_is_no_whole_one() -> None:
    """Arrays of 7 columns, groups of 2: two blocks of 4 columns are two groups each, and the fourth group is narrow."""
    room = Space(8, 7, 2)
    assert (
        least_arrays([Block(0, 8, 4), Block(1, 8, 4)], room) == pack([Block(0, 8, 4), Block(1, 8, 4)], room).arrays == 2
    )
    blocks = [Block(0, 8, 4), Block(1, 8, 3)]
    packed = pack(blocks, room)
    assert (packed.arrays, packed.spots) == (1, (Spot(0, 0), Spot(0, 2)))
    assert lane_bound([Block(k, 8, 2) for k in range(4)], room) == 2


GOOD = pack([Block(0, 6, 3), Block(0, 6, 2), Block(1, 4, 3, phase=2)], Space(8, 7, 2))


@pytest.mark.parametrize(
    ("rule", "packed"),
    [
        ("overlap", replace(GOOD, spots=(GOOD.spots[0], GOOD.spots[1], Spot(2, 0)))),
        ("outside", replace(GOOD, spots=(Spot(0, 3), Spot(8, 3), GOOD.spots[2]))),
        ("group", replace(GOOD, spots=(GOOD.spots[0], Spot(8, 1), GOOD.spots[2]))),
        ("array", replace(GOOD, spots=(GOOD.spots[0], Spot(7, 0), GOOD.spots[2]))),
        ("phase", replace(GOOD, spots=(GOOD.spots[0], GOOD.spots[1], Spot(3, 2)))),
        ("arrays", replace(GOOD, arrays=3)),
        ("arrays", replace(GOOD, spots=(GOOD.spots[0], Spot(16, 0), GOOD.spots[2]))),
    ],
)
def test_the_checker_sees_each_broken_rule(rule: str, packed: Packing) -> None:
    blocks, room = [Block(0, 6, 3), Block(0, 6, 2), Block(1, 4, 3, phase=2)], Space(8, 7, 2)
    assert (GOOD.spots, GOOD.arrays) == ((Spot(0, 0), Spot(8, 0), Spot(2, 2)), 2)
    assert faults(blocks, room, GOOD) == []
    assert rule in faults(blocks, room, packed)


def test_limit_ends_the_search() -> None:
    blocks, room = blocks_of(perceptron(784, 256, 128, 10), CHIP), space(CHIP)
    assert pack(blocks, room, limit=29) == pack(blocks, room)  # unreachable: the best comes back
    enough = pack(blocks, room, limit=33)
    assert 30 < enough.arrays <= 33 and faults(blocks, room, enough) == []


def test_nothing_takes_no_array() -> None:
    assert pack([], Space(8, 8, 1)) == Packing((), 0, 0, 0, 0)


def test_same_arguments_same_packing() -> None:
    """On any machine, whatever the hash seed; moves find this one, after the first orders."""
    blocks = blocks_of(perceptron(784, 256, 128, 10), CHIP)
    code = (
        "from codesign.mapping.blocks import *; from codesign.mapping.pack import *\n"
        f"print(pack({blocks!r}, {space(CHIP)!r}))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    packed = pack(blocks, space(CHIP))
    assert done.stdout.strip() == repr(packed)
    assert [(s.wordline, s.group) for s in packed.spots] == [
        (0, 0),
        (1952, 0),
        (912, 0),
        (2992, 0),
        (1696, 0),
        (2736, 0),
        (784, 0),
    ]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (Block(3, 0, 4), "block of step 3: got 0 rows of 4 columns; leave empty ones out"),
        (Block(3, 4, 0), "block of step 3: got 4 rows of 0 columns; leave empty ones out"),
        (Block(3, 4, 8), "block of step 3: its 8 columns exceed an array's 7; split it"),
        (Block(3, 4, 1, phase=8), "block of step 3: phase must lie in 0..7, got 8"),
        (Block(3, 4, 1, phase=-1), "block of step 3: phase must lie in 0..7, got -1"),
    ],
)
def test_a_block_that_fits_nowhere(block: Block, expected: str) -> None:
    with pytest.raises(ValueError) as caught:
        pack([Block(0, 1, 1), block], Space(8, 7, 2))
    assert str(caught.value) == expected
