"""Vector steps and fused sums in an image: their constants, and what the checks say of damage to them."""

import numpy as np
import pytest

from codesign.chip.layout import LOADS, STEPS, TILES, WALKS, Layout
from codesign.fixed import IntType
from codesign.image import Section, faults, parse, sections
from codesign.image.descriptors import decode_constants, encode_constants
from codesign.image.tables import regions, steps_of
from codesign.image.words import stream
from codesign.ir import Add, AvgPool, Linear, MaxPool
from codesign.mapping import place
from tests.image.folders import TINY, field, told
from tests.ir.networks import hidden, raw
from tests.mapping.pictures import conv, small, small_nodes

CONV1, POOL1, _, FC = small_nodes()
ADD = Add("add", "raw", "peak", np.array([40, -20, 30, 10, 25]), hidden(5, IntType(5), 4))
BOTH = Add("both", "add", "peak", np.array([2, -1, 3, -2, 1]), hidden(5, IntType(5, True), 2))

# Five channels, so two lane groups of four: conv1 with pool1, 3 x 3 pixels at 0; peak of them, 2 x 2 at 48; raw with
# add, 2 x 2 at 0; both, 2 x 2 at 80; avg of them, one pixel at 0; fc.
NETWORK = small(
    nodes=(
        CONV1,
        POOL1,
        MaxPool("peak", "pool1", 2, 1),
        conv("raw", "peak", (5, 5, 1, 1), raw(5), seed=3),
        ADD,
        BOTH,
        AvgPool("avg", "both", 2, 2, hidden(5, IntType(5, True), 3)),
        Linear("fc", "avg", FC.weight[:5], raw(3)),
    )
)
MAPPING = place(NETWORK, TINY)
PARTS = sections(MAPPING)


def damaged(kind: int, entry: int, **values: int | tuple[int, ...]) -> tuple[Section, ...]:
    return field(kind, entry, PARTS, **values)


AN_OPERAND = "is an operand, which must be at most 4 activations of the memory, for no wordlines"
A_VECTOR = "is a vector step, which converts nothing, pools nothing, and whose results stay on the chip"
A_WALK = "is a vector step whose walk does not begin with the lane groups of its columns"
OPERAND_FAULTS = [
    (damaged(LOADS, 7, count=5), f"step 1: load 7 {AN_OPERAND}"),
    (damaged(LOADS, 11, wordline=1), f"step 2: load 11 {AN_OPERAND}"),
    (damaged(LOADS, 11, arrays=(2,)), f"step 2: load 11 {AN_OPERAND}"),
    (damaged(LOADS, 7, from_memory=0), f"step 1: load 7 {AN_OPERAND}"),
    (damaged(LOADS, 12, operand=0), "step 2: takes 2 operands at a place, loads 1"),
    (damaged(LOADS, 13, operand=1), "step 2: takes 2 operands at a place, loads 3"),
    (damaged(TILES, 2, repeats=2), "step 1: takes 3 operands at a place, loads 4"),
    (damaged(TILES, 4, from_operand=0), "step 2: takes 0 operands at a place, loads 2"),
    (damaged(STEPS, 4, loads=3), "step 4: takes 4 operands at a place, loads 3"),
    (damaged(STEPS, 1, enabled=(0,)), f"step 1: {A_VECTOR}"),
    (damaged(STEPS, 1, raw=1), f"step 1: {A_VECTOR}"),
    (damaged(STEPS, 3, window=1), f"step 3: {A_VECTOR}"),
    (damaged(LOADS, 14, operand=0), f"step 3: {A_VECTOR}"),
    (damaged(WALKS, 2, count_0=1, count_2=4), f"step 1: {A_WALK}"),
    (damaged(STEPS, 3, walk=0, instances=1), f"step 3: {A_WALK}"),
    (damaged(STEPS, 3, walk=9), "step 3: walk 9 is not in the image"),
    (damaged(STEPS, 2, vector=1), f"step 2: {A_VECTOR}"),
    (damaged(STEPS, 1, vector=0), "step 1: tile 1 is an operand, the first of its columns"),
    (damaged(TILES, 3, from_operand=1), "step 2: tile 3 is an operand, the first of its columns"),
    (damaged(TILES, 1, from_operand=0), "step 1: tile 1 is no operand, the first of its columns"),
    (damaged(TILES, 1, repeats=2), "step 1: tile 1 comes 2 times, which only a further operand may"),
    (damaged(TILES, 9, repeats=3), "step 5: tile 9 comes 3 times, which only a further operand may"),
    (damaged(TILES, 2, columns=0), "step 1: tile 2 reads 0 columns from group 0 on, there are 0"),
    (damaged(TILES, 4, columns=4), "step 2: tile 4 has 4 columns, the term before it 5"),
    (damaged(TILES, 2, op=0), "step 1: tile 2 joins its result by 0, its place among the terms is 1"),
    (damaged(TILES, 2, op=3), "step 1: tile 2 joins its result by 3, its place among the terms is 1"),
    (damaged(TILES, 5, op=1), "step 3: tile 5 joins its result by 1, its place among the terms is 0"),
    (damaged(TILES, 4, last=0), "step 2: ends with a tile that is not the last term of its columns"),
    (damaged(TILES, 8, first_constant=14), "step 4: tile 8: constants entry 15 is not in the image"),
    (damaged(LOADS, 11, offset=120), "step 2: load 11 reads activation 138, the last is 127"),
    (damaged(LOADS, 11, at_write=0, offset=80), "step 2: load 11 reads activation 146, the last is 127"),
    (damaged(LOADS, 15, offset=113), "step 3: load 15 reads activation 132, the last is 127"),
    (damaged(WALKS, 2, source_1=100), "step 1: load 10 reads activation 242, the last is 127"),
    (damaged(WALKS, 2, write_2=80), "step 1: writes activations 48..146 of 128"),
    (damaged(STEPS, 3, write=109), "step 3: writes activations 109..128 of 128"),
    (field(STEPS, 3, damaged(WALKS, 4, write_0=-4), write=125), "step 3: writes activations 112..128 of 128"),
    (damaged(STEPS, 3, lo=-129), "step 3: clamps to -129..15, which 8-bit activations cannot hold"),
]


@pytest.mark.parametrize(("parts", "expected"), OPERAND_FAULTS, ids=[line for _, line in OPERAND_FAULTS])
def test_damage(parts: tuple[Section, ...], expected: str) -> None:
    assert expected in told(parts)


def test_what_the_compiler_writes_has_no_faults() -> None:
    assert told(PARTS) == []


def test_more_operands_than_places_for_them() -> None:
    """The fused sum loads two lane groups before it takes one; vector steps take each as it comes."""
    narrow = TINY.model_copy(update={"memory": TINY.memory.model_copy(update={"operands": 1})})
    image = parse(stream(narrow, PARTS).tobytes(), narrow)
    assert faults(image, narrow) == ["step 2: loads 2 operands at a place, chip tiny holds 1"]


def test_values_and_regions() -> None:
    """A vector step writes a lane group at a place. Only matrices have cells."""
    steps = steps_of(parse(stream(TINY, PARTS).tobytes(), TINY), TINY)
    assert [(s.outputs, s["instances"], s.values) for s in steps] == [
        (5, 36, 45),
        (5, 8, 20),
        (5, 4, 20),
        (5, 8, 20),
        (5, 2, 5),
        (3, 1, 3),
    ]
    assert [(r.array, r.step, r.slice) for r in regions(steps, TINY)] == [(0, 0, 0), (1, 0, 0), (2, 2, 0), (3, 5, 0)]


def test_constants_of_operands() -> None:
    """A bias comes once, with the first term. Values of a window share entries; lanes past the fifth are 0."""
    layout, found = Layout.of(TINY), {}
    for step in MAPPING.steps:
        words = encode_constants(step, TINY, layout)
        held = decode_constants(words, TINY)
        found[step.layer] = held["mult"].ravel().tolist(), held["bias"].ravel().tolist()
    none, one = [0] * 3, [1] * 5
    assert found["peak"] == (one + none, [0] * 8)
    q = ADD.requant
    assert found["raw"] == ([*q.mult, *none, *ADD.other_mult, *none], [*q.bias, *none, *[0] * 8])
    q = BOTH.requant
    assert found["both"] == ([*q.mult, *none, *BOTH.other_mult, *none], [*q.bias, *none, *[0] * 8])
    assert found["avg"] == ([1, 2, 3, 4, 5, *none], [3] * 5 + none)
