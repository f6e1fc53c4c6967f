"""Placement: arrays, steps, memory words, trims."""

import re
from dataclasses import replace

import numpy as np
import pytest

from codesign.chip.description import Arrays, Chip
from codesign.errors import CapacityError, ConfigError, InputError
from codesign.fixed import IntType, Trim, plane_weights
from codesign.ir import Network
from codesign.mapping import Mapping, outline, place, plan, run
from codesign.mapping.arrange import OBJECTIVES, bounds
from codesign.mapping.cells import to_codes, to_weights
from codesign.mapping.layer import Matrix
from codesign.mapping.lower import lower
from codesign.mapping.plan import correction
from tests.hdl.programs import net
from tests.image.folders import PACKED, SPOTS
from tests.mapping.sliced import sliced_net

TINY = Chip.load("tiny")


def branches(sources: list[str], width: int = 4) -> Network:
    """Layers fc1, fc2, ... that read what `sources` says, all of one width."""
    chain = net([width] * (len(sources) + 1), TINY)
    nodes = tuple(replace(n, source=s) for n, s in zip(chain.nodes, sources, strict=True))
    return replace(chain, nodes=nodes)


def held_weights(mapping: Mapping) -> dict[str, np.ndarray]:
    """The weights of each layer as its pieces hold them, slice s counted 4^s times."""
    found = {n.name: np.zeros(n.matrix.shape, np.int64) for n in lower(mapping.network) if isinstance(n, Matrix)}
    seen = {s.layer: np.zeros((s.slices, *found[s.layer].shape), np.int64) for s in mapping.steps}
    for use in mapping.arrays:
        rest, weight = use.levels.copy(), to_weights(to_codes(use.levels, mapping.chip.device))
        for p in use.pieces:
            wordlines, columns = slice(p.wordline, p.wordline + p.rows), slice(p.at, p.at + p.columns)
            rows, outputs = slice(p.row, p.row + p.rows), slice(p.column, p.column + p.columns)
            found[p.layer][rows, outputs] += weight[wordlines, columns] * 4**p.slice
            seen[p.layer][p.slice, rows, outputs] += 1
            rest[wordlines, 2 * p.at : 2 * (p.at + p.columns)] = 0
        assert not rest.any(), "cells outside the pieces are at level 0"
    assert all((each == 1).all() for each in seen.values()), "every weight of every slice is held once"
    return found


def test_arrays_are_contiguous_in_order_and_hold_the_weights() -> None:
    network = net([30, 11, 5], TINY)
    mapping = place(network, TINY)
    assert [u.array for u in mapping.arrays] == [0, 1, 2, 3, 4]
    assert [[p.layer for p in u.pieces] for u in mapping.arrays] == [["fc1"]] * 4 + [["fc2"]]
    assert all((held_weights(mapping)[n.name] == n.weight).all() for n in network.nodes)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("seed", range(6))
def test_cells_hold_the_weights_packed_and_sliced(seed: int, objective: str) -> None:
    rng = np.random.default_rng(seed)
    chip = TINY.model_copy(update={"arrays": Arrays(count=40, rows=int(rng.integers(5, 20)), columns=18)})
    sizes, slices = rng.integers(2, 30, 4).tolist(), rng.integers(1, 4, 3).tolist()
    network = sliced_net(sizes, slices, chip, seed)
    mapping = place(network, chip, objective=objective)
    assert all((held_weights(mapping)[n.name] == n.weight).all() for n in network.nodes)
    for step in mapping.steps:
        assert len(set(step.arrays)) == len(step.arrays), "tiles of a step lie in different arrays"


def test_every_block_is_a_run_of_neighbours_loaded_row_by_row() -> None:
    mapping = place(net([30, 11, 5], TINY), TINY)
    first, second = mapping.steps
    assert [b.arrays for b in first.blocks] == [(0, 1), (2, 3)]
    assert [(t.column, t.columns) for t in first.tiles] == [(0, 8), (8, 3)]
    assert [(a.from_memory, a.offset, a.arrays) for a in first.loads] == [(False, 0, (0, 2)), (False, 16, (1, 3))]
    assert [(a.from_memory, a.offset, a.arrays) for a in second.loads] == [(True, 0, (4,))]
    assert (first.column_groups, second.column_groups) == (2, 2)
    assert [t.terms[0].constant for s in mapping.steps for t in s.tiles] == [0, 2, 3]


def test_an_output_is_read_in_the_last_array_of_its_block() -> None:
    mapping = place(net([30, 11, 5], TINY), TINY)
    assert mapping.locate("fc1", 9) == (3, 1)
    assert mapping.locate("fc2", 4) == (4, 4)
    with pytest.raises(KeyError):
        mapping.locate("fc2", 5)
    with pytest.raises(KeyError):
        mapping.locate("fc3", 0)
    assert [PACKED.locate("fc1", k) for k in (0, 3)] == [(1, 0), (1, 3)], "its least significant slice"
    assert [PACKED.locate("fc2", k) for k in (0, 7, 8)] == [(1, 0), (1, 7), (0, 0)]
    assert [PACKED.locate("fc3", k) for k in (0, 2)] == [(2, 4), (2, 6)]


def test_waits_and_releases_follow_the_graph() -> None:
    mapping = place(branches(["input", "fc1", "fc1", "input", "fc3"]), TINY)
    assert [s.wait for s in mapping.steps] == [0, 1, 2, 0, 2]
    assert [s.releases_input for s in mapping.steps] == [False, False, False, True, False]


def test_activation_words_are_used_again_after_the_last_reader() -> None:
    chain = place(branches(["input", "fc1", "fc2", "fc3"]), TINY)
    assert [s.write for s in chain.steps] == [0, 16, 0, 0] and [s.source for s in chain.steps] == [0, 0, 16, 0]
    skip = place(branches(["input", "fc1", "fc2", "fc1", "fc4"]), TINY)
    assert [s.write for s in skip.steps] == [0, 16, 32, 16, 0]
    assert [s.source for s in skip.steps] == [0, 0, 16, 0, 16] and skip.plan.activation_words == 3


def test_activation_memory_may_be_too_small() -> None:
    memory = TINY.memory.model_copy(update={"activation_words": 2})
    chip = TINY.model_copy(update={"memory": memory, "arrays": TINY.arrays.model_copy(update={"count": 20})})
    with pytest.raises(CapacityError) as caught:
        place(net([4, 20, 20, 4], chip), chip)
    assert str(caught.value) == (
        "layer fc2: its 20 activations need words 2..3, memory.activation_words is 2; raise it to 4 or narrow the layer"
    )


@pytest.mark.parametrize("arrays", [1, 2, 6])
@pytest.mark.parametrize("kind", [IntType(b, s) for b in (1, 2, 5, 8) for s in (False, True)], ids=str)
def test_correction_is_what_the_offsets_leave(kind: IntType, arrays: int) -> None:
    """As xb_accumulate.v does it: unsigned sums, the top plane of a signed input complemented."""
    rng = np.random.default_rng(kind.bits)
    codes = rng.integers(TINY.code.lo, TINY.code.hi + 1, (kind.bits, arrays, 50))
    codes[:, :, 0], codes[:, :, 1] = TINY.code.lo, TINY.code.hi
    sums = (codes - TINY.code.lo).sum(axis=1)
    acc = (1 << TINY.sum_bits) - 1 - sums[0] if kind.signed else sums[0]
    for plane in sums[1:]:
        acc = 2 * acc + plane
    signed = np.tensordot(plane_weights(kind), codes.sum(axis=1), axes=1)
    assert (acc - correction(kind, arrays, TINY) == signed).all()
    assert acc.min() >= 0 and acc.max() < 1 << TINY.acc_bits


def trimmed(shift: int, trim: Trim) -> Mapping:
    network = net([16, 8, 4], TINY)
    first = network.nodes[0]
    nodes = (replace(first, requant=replace(first.requant, shift=shift)), *network.nodes[1:])
    return place(replace(network, nodes=nodes), TINY, {"fc1": trim})


def test_a_trim_is_undone_in_the_requantizer() -> None:
    plain, q = trimmed(14, Trim()).steps[0], net([16, 8, 4], TINY).nodes[0].requant
    assert (plain.mult == q.mult).all() and (plain.bias == q.bias).all() and plain.shift == 14
    shifted = trimmed(14, Trim(1, 2)).steps[0]
    assert (shifted.mult == q.mult).all() and shifted.shift == 12
    assert (shifted.bias == (q.bias + 2) >> 2).all()
    scaled = trimmed(14, Trim(3, 2)).steps[0]
    assert (scaled.mult == np.rint(q.mult * 4 / 3)).all() and scaled.shift == 14
    assert [s.trim for s in trimmed(14, Trim(3, 2)).steps] == [Trim(3, 2), Trim()]


def test_a_trim_the_multiplier_cannot_undo() -> None:
    with pytest.raises(CapacityError) as caught:
        place(net([16, 4], TINY), TINY, {"fc1": Trim(1, 15)})
    assert str(caught.value) == (
        "layer fc1: range trim Trim(gain=1, shift=15) overflows the 16-bit multiplier; choose a smaller trim"
    )
    with pytest.raises(CapacityError) as caught:  # raw outputs have mult 1: a third of it would be 0
        place(net([16, 4], TINY), TINY, {"fc1": Trim(3, 0)})
    assert str(caught.value) == (
        "layer fc1: range trim Trim(gain=3, shift=0) leaves a multiplier of 0, which makes an output constant; "
        "choose a smaller gain or a larger shift"
    )


def test_raw_words_of_finer_converters() -> None:
    """They count 1/gain of the network's, bias included."""
    network, x = net([4, 4], TINY), np.eye(4, dtype=np.int64)  # a wordline each
    mapping = place(network, TINY, {"fc1": Trim(8, 0)})
    assert (mapping.steps[0].mult == 1).all() and (mapping.steps[0].bias == 8 * network.nodes[0].requant.bias).all()
    assert (run(mapping, x) == 8 * network.run(x)).all() and np.abs(network.nodes[0].requant.bias).max() > 1


def test_a_layer_brings_its_own_trim() -> None:
    """A trim that is given goes before it."""
    network = net([16, 8, 4], TINY)
    own = replace(network, nodes=(replace(network.nodes[0], trim=Trim(3, 2)), network.nodes[1]))
    for trims, expected in ((None, Trim(3, 2)), ({"fc2": Trim(1, 1)}, Trim(3, 2)), ({"fc1": Trim()}, Trim())):
        mapping, same = place(own, TINY, trims), place(network, TINY, {"fc1": expected} | (trims or {}))
        assert mapping.steps[0].trim == expected
        assert [(s.mult.tolist(), s.bias.tolist(), s.shift) for s in mapping.steps] == [
            (s.mult.tolist(), s.bias.tolist(), s.shift) for s in same.steps
        ]


def test_raw_outputs_must_fit_their_word() -> None:
    network = net([20, 4], TINY)  # two arrays of 6-bit codes, 8 planes: at most 2 * 32 * 256
    top = (1 << 31) - 1 - 2 * 32 * 256

    def biased(bias: int) -> Network:
        node = network.nodes[0]
        values = np.array([0, 0, bias, 0])
        return replace(network, nodes=(replace(node, requant=replace(node.requant, bias=values)),))

    assert place(biased(-top), TINY)
    with pytest.raises(CapacityError) as caught:
        place(biased(top + 1), TINY)
    assert str(caught.value) == (
        "layer fc1: output 2 can be 2147483648, which exceeds the 32 bits of an output word; "
        "make its bias smaller or its trim finer"
    )


def test_lower_bound_and_beats() -> None:
    mapping = place(net([30, 11, 5], TINY), TINY)
    assert mapping.lower_bound == -(-2 * (30 * 11 + 11 * 5) // 256) == 4
    assert mapping.beats == 8


def test_slices_whose_multiplier_does_not_fit() -> None:
    network = sliced_net([16, 8, 4], (3, 1), TINY)
    first = network.nodes[0]
    assert place(network, TINY)
    mult = np.full(8, 2048)  # 2048 * 4^2 = 2^15
    with pytest.raises(CapacityError) as caught:
        place(
            replace(network, nodes=(replace(first, requant=replace(first.requant, mult=mult)), network.nodes[1])), TINY
        )
    assert re.fullmatch(r"layer fc1: .*2048 (\* 4\^2|times 16), .*exceeds 16 bits; .*use fewer.*", str(caught.value))


def test_the_bound_of_whole_groups() -> None:
    """11 columns are three groups of four, and 5 are two: 5 groups of 45 rows, 32 a pair of arrays."""
    cells, groups = bounds(outline(net([30, 11, 5], TINY)), TINY)
    assert cells == 4 and groups >= -(-(30 * 3 + 11 * 2) // (16 * 2))


def test_objectives() -> None:
    """Arrays of their own where the chip has enough; packed where it has not, or on request."""
    tall = outline(net([10, 4, 4, 4], TINY))
    own, few = plan(tall, TINY), plan(tall, TINY, "arrays")
    assert (own.arrays, few.arrays) == (3, 1) and own.spots == {"fc1": ((0, 0),), "fc2": ((16, 0),), "fc3": ((32, 0),)}
    small = TINY.model_copy(update={"arrays": TINY.arrays.model_copy(update={"count": 2})})
    assert plan(tall, small).arrays <= 2
    with pytest.raises(ConfigError) as caught:
        plan(tall, TINY, "energy")
    assert str(caught.value) == """objective: must be "cycles" or "arrays", got 'energy'"""


def test_a_plan_is_repeated_from_its_spots() -> None:
    network = sliced_net([20, 4, 9, 3], (2, 1, 1), TINY)
    packed = plan(outline(network), TINY, "arrays")
    again = plan(outline(network), TINY, spots=packed.spots)
    assert again.spots == packed.spots and [s.loads for s in again.steps] == [s.loads for s in packed.steps]
    assert place(network, TINY, spots=SPOTS).plan.spots == SPOTS != packed.spots


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fc3": None}, "must name the layers fc1, fc2, fc3, got fc1, fc2"),
        ({"fc4": ((0, 0),)}, "must name the layers fc1, fc2, fc3, got fc1, fc2, fc3, fc4"),
        ({"fc2": ((25, 0),)}, "layer fc2 has 2 blocks, got 1"),
        ({"fc3": ((-1, 1),)}, "layer fc3 begins on wordline -1 in column group 1, both start at 0"),
        ({"fc3": ((29, -1),)}, "layer fc3 begins on wordline 29 in column group -1, both start at 0"),
        ({"fc3": ((90, 1),)}, "layer fc3 ends on wordline 98, the chip has 96"),
        ({"fc3": ((29, 2),)}, "layer fc3 ends in column group 2, an array has 2"),
        ({"fc1": ((5, 1),)}, "layer fc1 ends in column group 2, an array has 2"),
        ({"fc2": ((25, 0), (0, 1))}, "blocks of layer fc2 must start at one column group, got 0, 1"),
        ({"fc2": ((25, 0), (29, 0))}, "blocks of layer fc2 must not share array 1"),
        ({"fc2": ((24, 0), (0, 0))}, "layer fc2 covers cells of array 1 that layer fc1 holds"),
        ({"fc3": ((28, 1),)}, "layer fc3 covers cells of array 1 that layer fc2 holds"),
    ],
)
def test_spots_that_cannot_be(change: dict[str, tuple[tuple[int, int], ...] | None], told: str) -> None:
    network = sliced_net([20, 4, 9, 3], (2, 1, 1), TINY)
    spots = {k: v for k, v in (SPOTS | change).items() if v is not None}
    with pytest.raises(InputError) as caught:
        place(network, TINY, spots=spots)
    assert str(caught.value) == f"spots: {told}; take those of a plan of this network on this chip"


def test_spots_keep_recorded_cuts() -> None:
    network = sliced_net([20, 4, 9, 3], (2, 1, 1), TINY)
    cut = replace(network, nodes=(replace(network.nodes[0], trim=Trim(), cut=6), *network.nodes[1:]))
    with pytest.raises(InputError) as caught:
        place(cut, TINY, spots=SPOTS)
    assert str(caught.value).startswith(
        "spots: layer fc1 begins on wordline 5 of an array, was trained with its first row on 6; take those"
    )
    fits = replace(network, nodes=(replace(network.nodes[0], trim=Trim(), cut=5), *network.nodes[1:]))
    assert place(fits, TINY, spots=SPOTS).plan.spots == SPOTS
