"""The printed network is stable: goldens and bug reports rely on it."""

from dataclasses import replace

from codesign.ir import show
from ir.networks import toy


def test_golden() -> None:
    assert show(toy()) == (
        "network toy: 5 x i4\n"
        "  fc1 = linear(input) 5x4 weights -3..3 shift 1 -> u4 #ef793304\n"
        "  fc2 = linear(fc1) 4x3 weights -3..3 shift 0 -> i32 #b92589fb\n"
    )


def test_a_changed_weight_or_bias_shows() -> None:
    fc1, fc2 = toy().nodes
    weight, bias = fc2.weight.copy(), fc2.requant.bias.copy()
    weight[0, 0] += 1
    bias[0] += 1
    texts = {
        show(toy(nodes=(fc1, last)))
        for last in (fc2, replace(fc2, weight=weight), replace(fc2, requant=replace(fc2.requant, bias=bias)))
    }
    assert len(texts) == 3
