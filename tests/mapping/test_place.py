"""Placement: arrays, steps, memory words, trims."""

from dataclasses import replace

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import IntType, Trim, plane_weights
from codesign.ir import Network
from codesign.mapping import Mapping, place
from codesign.mapping.cells import to_codes, to_weights
from codesign.mapping.plan import correction
from tests.hdl.programs import net

TINY = Chip.load("tiny")


def branches(sources: list[str], width: int = 4) -> Network:
    """Layers fc1, fc2, ... that read what `sources` says, all of one width."""
    chain = net([width] * (len(sources) + 1), TINY)
    nodes = tuple(replace(n, source=s) for n, s in zip(chain.nodes, sources, strict=True))
    return replace(chain, nodes=nodes)


def test_arrays_are_contiguous_in_order_and_hold_the_weights() -> None:
    network = net([30, 11, 5], TINY)
    mapping = place(network, TINY)
    assert [u.array for u in mapping.arrays] == [0, 1, 2, 3, 4]
    for node in network.nodes:
        seen = np.zeros_like(node.weight)
        for u in (u for u in mapping.arrays if u.layer == node.name):
            held = to_weights(to_codes(u.levels, TINY.device))
            part = held[: u.rows, : u.columns]
            assert (part == node.weight[u.row : u.row + u.rows, u.column : u.column + u.columns]).all()
            assert not u.levels[u.rows :].any() and not u.levels[:, 2 * u.columns :].any()
            seen[u.row : u.row + u.rows, u.column : u.column + u.columns] += 1
        assert (seen == 1).all()


def test_every_tile_is_a_run_of_neighbours_loaded_row_by_row() -> None:
    mapping = place(net([30, 11, 5], TINY), TINY)
    first = mapping.steps[0]
    assert [t.arrays for t in first.tiles] == [(0, 1), (2, 3)]
    assert [(t.column, t.columns) for t in first.tiles] == [(0, 8), (8, 3)]
    assert [(a.from_memory, a.word, a.arrays) for a in first.loads] == [(False, 0, (0, 2)), (False, 1, (1, 3))]
    second = mapping.steps[1]
    assert [(a.from_memory, a.word, a.arrays) for a in second.loads] == [(True, 0, (4,))]
    assert (first.column_groups, second.column_groups, first.constant, second.constant) == (2, 2, 0, 3)
    assert mapping.locate("fc1", 9) == (3, 1)
    assert mapping.locate("fc2", 4) == (4, 4)
    with pytest.raises(KeyError):
        mapping.locate("fc2", 5)


def test_waits_and_releases_follow_the_graph() -> None:
    mapping = place(branches(["input", "fc1", "fc1", "input", "fc3"]), TINY)
    assert [s.wait for s in mapping.steps] == [0, 1, 2, 0, 2]
    assert [s.releases_input for s in mapping.steps] == [False, False, False, True, False]


def test_activation_words_are_used_again_after_the_last_reader() -> None:
    chain = place(branches(["input", "fc1", "fc2", "fc3"]), TINY)
    assert [s.word for s in chain.steps] == [0, 1, 0, 0]
    skip = place(branches(["input", "fc1", "fc2", "fc1", "fc4"]), TINY)
    assert [s.word for s in skip.steps] == [0, 1, 2, 1, 0]


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
    assert {u.trim for u in trimmed(14, Trim(3, 2)).arrays if u.layer == "fc1"} == {Trim(3, 2)}


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


def test_a_layer_brings_its_own_trim() -> None:
    """A trim that is given goes before it."""
    network = net([16, 8, 4], TINY)
    own = replace(network, nodes=(replace(network.nodes[0], trim=Trim(3, 2)), network.nodes[1]))
    for trims, expected in ((None, Trim(3, 2)), ({"fc2": Trim(1, 1)}, Trim(3, 2)), ({"fc1": Trim()}, Trim())):
        mapping, same = place(own, TINY, trims), place(network, TINY, {"fc1": expected} | (trims or {}))
        assert {u.trim for u in mapping.arrays if u.layer == "fc1"} == {expected}
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
