"""A program that ends with the raw accumulators of a layer: same cells, same codes, whatever follows left out."""

from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.errors import InputError
from codesign.fixed import Ints, Trim
from codesign.ir import verify
from codesign.mapping import Mapping, layers, place, run
from codesign.mapping.layer import Matrix
from codesign.mapping.run import accumulate, weights_of
from codesign.mapping.until import ends, until
from codesign.program import Program
from tests.hdl.programs import images, net
from tests.hdl.random_pictures import random_picture_chip, random_pictures
from tests.mapping.pictures import small
from tests.mapping.test_groups import SMALL, depthwise

TINY = Chip.load("tiny")


def expected(mapping: Mapping, layer: str, x: Ints, multiplier: int) -> Ints:
    """Words of a chip that stops behind `layer`: its accumulators, slices by significance, times `multiplier`."""
    edges, weights = layers(mapping, x), weights_of(mapping)
    step, node = next((s, n) for s, n in zip(mapping.steps, mapping.layers, strict=True) if n.name == layer)
    assert isinstance(node, Matrix)
    terms = accumulate(mapping, step, node.gather(edges[node.node.source]), weights)
    total = sum((t * step.base**s for s, t in enumerate(terms)), np.zeros_like(terms[0]))
    return node.shaped(total * multiplier).reshape(len(x), -1)


def compare(mapping: Mapping, x: Ints) -> dict[str, tuple[str, ...]]:
    """Cut behind every layer and compared; returns what was left out behind each."""
    found = {}
    for layer in ends(mapping)[:-1]:
        cut, left = until(mapping, layer)
        verify(cut.network)
        step = cut.steps[-1]
        assert step.layer == layer and step.raw and not step.bias.any()
        assert len({*step.mult.tolist()}) == 1 and step.mult[0] > 0
        assert np.array_equal(run(cut, x), expected(mapping, layer, x, int(step.mult[0]))), layer
        held = {u.array: u for u in mapping.arrays}
        for use in cut.arrays:
            assert np.array_equal(use.offset, held[use.array].offset)
            for p in use.pieces:
                assert p in held[use.array].pieces
                cells = slice(p.wordline, p.wordline + p.rows), slice(2 * p.at, 2 * (p.at + p.columns))
                assert np.array_equal(use.levels[cells], held[use.array].levels[cells])
        whole = {s.layer: s for s in mapping.steps}
        assert all(s.trim == whole[s.layer].trim for s in cut.steps if s.trim.gain < 2 << s.trim.shift)
        found[layer] = left
    assert until(mapping, ends(mapping)[-1]) == (mapping, ())
    return found


def test_perceptrons() -> None:
    network = net([30, 11, 7, 5], TINY, seed=3)
    mapping = place(network, TINY, {"fc1": Trim(3, 2), "fc2": Trim(1, 1)})
    assert compare(mapping, images(6, network)) == {"fc1": (), "fc2": ()}
    cut, _ = until(mapping, "fc1")
    assert [s.trim for s in cut.steps] == [Trim(3, 2)] and cut.steps[0].mult.tolist() == [1] * 11  # 4 / 3
    assert cut.network.name == "net3.fc1"


def test_a_gain_without_a_whole_number_gives_way() -> None:
    network = net([30, 11, 5], TINY, seed=3)
    for trim, kept in ((Trim(3, 1), True), (Trim(3, 0), False), (Trim(2, 0), False)):
        cut, _ = until(place(network, TINY, {"fc1": trim}), "fc1")
        assert (cut.steps[0].trim == trim) is kept and (cut.steps[0].trim == Trim()) is not kept


@pytest.mark.parametrize("seed", range(8))
def test_pictures(seed: int) -> None:
    rng = np.random.default_rng(900 + seed)
    program, x = random_pictures(rng, random_picture_chip(rng), 3)
    compare(program.mapping, x)


def test_a_few_pictures_show_what_is_left_out() -> None:
    left: set[str] = set()
    for seed in range(8):
        rng = np.random.default_rng(900 + seed)
        program, _ = random_pictures(rng, random_picture_chip(rng), 3)
        kinds = {n.name: n.kind for n in program.network.nodes}
        left |= {kinds[n] for layer in ends(program.mapping) for n in until(program.mapping, layer)[1]}
    assert left == {"maxpool", "add"}


def test_an_image_saved_and_loaded(tmp_path: Path) -> None:
    mapping = place(net([30, 11, 7, 5], TINY, seed=3), TINY, {"fc1": Trim(3, 2)})
    program = Program(until(mapping, "fc2")[0])
    again = Program.load(program.save(tmp_path / "cut"))
    assert again.words == program.words and again.network.name == "net3.fc2"


def told(mapping: Mapping, name: str) -> str:
    with pytest.raises(InputError) as caught:
        until(mapping, name)
    return str(caught.value)


def test_mistakes() -> None:
    mapping = place(small(), TINY)
    assert until(mapping, "conv1")[1] == ("pool1",)
    assert told(mapping, "pool1") == "until: pool1 is computed together with layer conv1; end with conv1"
    assert told(mapping, "fc9") == "until: there is no layer fc9; end with one of conv1, conv2, fc"
    vectors = 0
    for seed in range(8):
        rng = np.random.default_rng(900 + seed)
        mapping = random_pictures(rng, random_picture_chip(rng), 3)[0].mapping
        for layer in mapping.layers:
            if not isinstance(layer, Matrix):
                advice = f"end with one that has: {', '.join(ends(mapping))}"
                assert told(mapping, layer.name) == f"until: layer {layer.name} has no weights of its own; {advice}"
                vectors += 1
    assert vectors > 2


def test_blocks_of_groups_are_no_end() -> None:
    mapping = place(depthwise(), SMALL)
    assert [n.name for n in mapping.layers] == ["first", "deep", "deep", "fc"]
    assert ends(mapping) == ("first", "fc")
    assert told(mapping, "deep") == (
        "until: layer deep takes 2 steps, one for each block of its groups, and words leave from one alone; end with "
        "one of first, fc"
    )
