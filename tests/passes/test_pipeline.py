"""The passes in order: verified between, outputs kept, nothing written to."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from codesign import ir, passes
from codesign.errors import InputError
from codesign.ir import Network
from codesign.passes import pipeline
from tests.passes.images import image_network
from tests.passes.sparse import U4, frozen, inputs, layer, network, random_network


def folded() -> Network:
    """Only once the constant 4 of fc1 is folded does fc2's bias turn even, and its constants can halve."""
    return network(
        layer("fc1", "input", [[1, 0]], [3, 1], [1, 4], out=U4),
        layer("fc2", "fc1", [[1], [3]], [2], [-2], 2, U4),
        layer("fc3", "fc2", [[5]]),
    )


BEFORE = """\
network net: 1 x u4
  fc1 = linear(input) 1x2 weights 0..1 shift 0 -> u4 #24b05d05
  fc2 = linear(fc1) 2x1 weights 1..3 shift 2 -> u4 #8221c745
  fc3 = linear(fc2) 1x1 weights 5..5 shift 0 -> i32 #8a37da03
"""
AFTER = """\
network net: 1 x u4
  fc1 = linear(input) 1x1 weights 1..1 shift 0 -> u4 #8fd014a7
  fc2 = linear(fc1) 1x1 weights 1..1 shift 1 -> u4 #99b02d0c
  fc3 = linear(fc2) 1x1 weights 5..5 shift 0 -> i32 #8a37da03
"""


def test_printed() -> None:
    assert ir.show(folded()) == BEFORE
    assert ir.show(passes.rewrite(folded())) == AFTER


def test_every_pass_has_a_name_of_its_own() -> None:
    assert [p.NAME for p in passes.PASSES] == ["dead-units", "small-constants"]


@pytest.mark.parametrize("seed", range(30))
def test_random_networks(seed: int) -> None:
    before = frozen(random_network(seed))
    after = passes.rewrite(before)
    assert (ir.run(after, inputs(before)) == ir.run(before, inputs(before))).all()
    assert ir.show(passes.rewrite(after)) == ir.show(after)
    assert ir.show(before) == ir.show(random_network(seed))


@pytest.mark.parametrize("trims", [False, True])
@pytest.mark.parametrize("seed", range(30))
def test_random_networks_of_images(seed: int, trims: bool) -> None:
    before = image_network(seed, trims)
    after = passes.rewrite(before)
    assert (ir.run(after, inputs(before)) == ir.run(before, inputs(before))).all()
    assert ir.show(passes.rewrite(after)) == ir.show(after)
    assert ir.show(before) == ir.show(image_network(seed, trims))


def test_illegal_networks_reach_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[ir.Network] = []
    monkeypatch.setattr(pipeline, "PASSES", (SimpleNamespace(apply=called.append),))
    bad = folded()
    bad.nodes[1].requant.mult[0] = 1 << 20
    with pytest.raises(InputError, match=r"layer fc2: mult must be 1 signed 16-bit integers"):
        passes.rewrite(bad)
    assert not called


@pytest.mark.parametrize("at", [0, 1])
def test_a_pass_that_breaks_a_rule_is_stopped_there(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever pass it is, no later one sees the broken network."""
    seen: list[str] = []

    def honest(net: Network) -> Network:
        seen.append("honest")
        return net

    def broken(net: Network) -> Network:
        seen.append("broken")
        nodes = (replace(net.nodes[0], weight=np.zeros((7, 2), np.int32)), *net.nodes[1:])
        return replace(net, nodes=nodes)

    order = [honest, honest, honest]
    order[at] = broken
    monkeypatch.setattr(pipeline, "PASSES", tuple(SimpleNamespace(apply=f) for f in order))
    with pytest.raises(InputError, match=r"layer fc1: has 7 inputs but input gives 1"):
        passes.rewrite(folded())
    assert seen == ["honest"] * at + ["broken"]
