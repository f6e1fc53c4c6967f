"""Units keep the user's numbers through passes, and what passes removed is told by them."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codesign import ir, passes
from codesign.account import Removed
from codesign.fixed import IntType, Trim
from codesign.image import cells_csv
from codesign.ir import Conv, Linear, Network
from codesign.ir.naming import weight_name
from codesign.mapping import place
from codesign.program import Program
from tests.passes.images import image_network
from tests.passes.named import FINE, Weights, named_network, told_apart, torch_weights
from tests.passes.sparse import U4, inputs, layer, network


def names(net: Network) -> Weights:
    """Every weight by its name, taken apart."""
    found: Weights = {}
    for node in net.nodes:
        if isinstance(node, Linear | Conv):
            for row, column in np.ndindex(node.matrix.shape):
                at = re.fullmatch(r"(\w+)\[(\d+(?:, \d+)*)\]", weight_name(net, node.name, row, column))
                assert at
                found[at[1], *at[2].split(", ")] = int(node.matrix[row, column])
    assert len(found) == sum(n.weight.size for n in net.nodes if isinstance(n, Linear | Conv)), "no name twice"
    return found


def listed(program: Program) -> Weights:
    """Weights other than 0 as cells.csv lists them."""
    found: Weights = {}
    for row in csv.DictReader(b"".join(cells_csv(program.mapping)).decode().splitlines()):
        at = (row["layer"], row["output"], row["input"])
        found[at] = found.get(at, 0) + int(row["code"]) * (1 if row["polarity"] == "+" else -1)
    return found


def living(net: Network, removed: tuple[Removed, ...]) -> Weights:
    """The weights other than 0 that none of the removed units computes or reads."""
    source = {n.name: n.source for n in net.nodes}
    gone = {(r.layer, str(unit)) for r in removed for unit in r.units}
    layers = {r.layer for r in removed if not r.units}
    return {
        at: value
        for at, value in torch_weights(net).items()
        if value and at[0] not in layers and {at[:2], (source[at[0]], at[2])}.isdisjoint(gone)
    }


def cut(net: Network, rng: np.random.Generator) -> Network:
    """The same network with one more unread and one more constant unit in every hidden layer that has three."""
    nodes: list[Linear] = []
    for n in net.nodes:
        assert isinstance(n, Linear)
        weight = n.weight.copy()
        if nodes and n.inputs > 2:
            weight[rng.integers(n.inputs)] = 0
        if n is not net.nodes[-1] and n.outputs > 2:
            weight[:, rng.integers(n.outputs)] = 0
        nodes.append(replace(n, weight=weight))
    return replace(net, nodes=tuple(nodes))


@pytest.mark.parametrize("seed", range(8))
def test_every_weight_keeps_its_name(seed: int, tmp_path: Path) -> None:
    """By value: in the network and its file, in cells.csv and that of a saved program; after one pass and after two."""
    before = named_network(seed)
    user = torch_weights(before)
    once = passes.rewrite(before)
    fewer = cut(once, np.random.default_rng(seed))
    twice = passes.rewrite(fewer)
    for given, after, least in ((before, once, 2), (fewer, twice, 1)):
        assert len({r.layer for r in passes.removed(given, after) if r.units}) >= least, "units of several layers"
        assert any(n.units for n in after.nodes if isinstance(n, Linear)), "and not only the last ones"
        known = {at: v for at, v in names(after).items() if v}
        assert known.items() <= user.items()
        ir.save(after, tmp_path / "net.safetensors")
        assert names(ir.load(tmp_path / "net.safetensors")) == names(after)
        program = Program(place(after, FINE))
        assert listed(program) == known
        if seed < 2:
            assert listed(Program.load(program.save(tmp_path / "program"))) == known
    assert listed(Program(place(once, FINE))) == living(before, passes.removed(before, once))


@pytest.mark.parametrize("seed", range(20))
def test_weights_beyond_images_keep_their_names(seed: int) -> None:
    """Convolutions, and linear layers that read images flat; the numbers go through pools and sums."""
    before = told_apart(image_network(seed))
    after = passes.rewrite(before)
    user = torch_weights(before)
    assert {at: v for at, v in names(after).items() if v}.items() <= user.items()
    assert names(before) == user


@pytest.mark.parametrize("seed", range(40))
def test_reasons_are_true(seed: int) -> None:
    """Constants are the same for every input; without an unread unit's weights nothing changes."""
    before = named_network(seed) if seed % 2 else image_network(seed)
    removed = passes.removed(before, passes.rewrite(before))
    assert {r.why for r in removed} == {"constant", "unread"} or not seed % 2
    x = inputs(before)
    edges, nodes = ir.edges(before, x), {n.name: n for n in before.nodes}
    for r in removed:
        if r.why == "constant":
            assert np.ptp(edges[r.layer][:, list(r.units)], axis=0).max() == 0
            continue
        node = nodes[r.layer]
        if isinstance(node, Linear | Conv) and r.units:
            nodes[r.layer] = _without(node, r.units)
    silent = replace(before, nodes=tuple(nodes.values()))
    assert (ir.run(silent, x) == ir.run(before, x)).all()


def _without(node: Linear | Conv, units: tuple[int, ...]) -> Linear | Conv:
    """The node, some of whose units are always the same."""
    matrix = node.matrix.copy()
    matrix[:, list(units)] = 0
    return node.holding(matrix)


def test_by_hand() -> None:
    before = network(
        layer("fc1", "input", [[1, 0, 3, 0, 2, 1], [2, 0, -1, 0, 1, 5]], bias=[0, 9, 5, 7, 2, 0], out=U4),
        layer("fc2", "fc1", [[1, 0, 2], [2, 0, -1], [0, 0, 0], [1, 0, 1], [3, 0, 1], [1, 0, 0]], out=U4),
        layer("aside", "fc1", [[1]] * 6, out=U4),
        layer("fc3", "fc2", [[1], [5], [-2]]),
    )
    after = passes.rewrite(before)
    assert [n.units for n in after.nodes] == [(0, 4, 5), (0, 2), None]  # type: ignore[union-attr]
    assert passes.removed(before, after) == (
        Removed("fc1", (1, 3), 6, "constant"),
        Removed("fc1", (2,), 6, "unread"),
        Removed("fc2", (1,), 3, "constant"),
        Removed("aside", (), 1, "unread"),
    )
    assert weight_name(after, "fc2", 1, 1) == "fc2[2, 4]"
    assert passes.removed(after, passes.rewrite(after)) == ()


def test_only_the_last_units_leave_no_trace() -> None:
    """The others' numbers are their places: files and shown networks stay as they were."""
    before = network(layer("fc1", "input", [[1, 0]], out=U4), layer("fc2", "fc1", [[1], [3]]))
    assert [n.units for n in passes.rewrite(before).nodes] == [None, None]  # type: ignore[union-attr]


def test_numbers_of_numbers() -> None:
    """A second pass removes by place and keeps the first numbers."""
    first = layer("fc1", "input", [[1, 2, 3, 4]], out=U4)
    start = replace(first, units=(2, 5, 6, 9))
    before = network(start, layer("fc2", "fc1", [[1], [0], [2], [0]]))
    after = passes.rewrite(before)
    assert after.nodes[0].units == (2, 6)  # type: ignore[union-attr]
    assert passes.removed(before, after) == (Removed("fc1", (5, 9), 4, "unread"),)


def test_a_range_of_one_value_and_what_keeps_its_units() -> None:
    one = IntType(4, True, (3, 3))
    before = network(
        layer("fc1", "input", [[1, 2]], out=one),
        replace(layer("fc2", "fc1", [[1, 0], [3, 0]], out=U4), trim=Trim(1, 1)),  # reads all of fc1
        layer("fc3", "fc2", [[1], [1]]),
    )
    after = passes.rewrite(before)
    assert passes.removed(before, after) == (Removed("fc2", (1,), 2, "constant"),)


@pytest.mark.parametrize(
    ("removed", "told"),
    [
        (Removed("fc1", (5, 17, 40), 64, "constant"), "fc1: 3 of 64 units never change (5, 17, 40)"),
        (Removed("fc1", (5,), 64, "constant"), "fc1: 1 of 64 units never changes (5)"),
        (Removed("fc1", (0, 1, 2, 9), 10, "unread"), "fc1: 4 of 10 units are not read (0-2, 9)"),
        (Removed("fc1", (3,), 10, "unread"), "fc1: 1 of 10 units is not read (3)"),
        (
            Removed("fc1", tuple(range(0, 90, 2)), 90, "unread"),
            "fc1: 45 of 90 units are not read (0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, ...)",
        ),
        (Removed("aside", (), 10, "unread"), "aside: no output depends on this layer"),
    ],
)
def test_words(removed: Removed, told: str) -> None:
    assert str(removed) == told
