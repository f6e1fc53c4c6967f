"""Activations that clamp inside their type: the untiled reference, the tiled one and the Verilog say the same."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codesign import ir
from codesign.chip.description import Chip
from codesign.fixed import INT32, Ints, IntType, requant_constants, shift_right
from codesign.ir import Linear, Network, Requant, verify
from codesign.mapping import layers, place
from codesign.program import Program
from codesign.sim import simulate

TINY = Chip.load("tiny")
ADC = TINY.adc.model_copy(update={"bits": 8})  # 16 rows of at most 3 cannot clip
EXACT = TINY.model_copy(update={"adc": ADC, "arrays": TINY.arrays.model_copy(update={"count": 8})})
IMAGES = 8


@dataclass(frozen=True)
class Case:
    """A network, and inputs that drive its activations over both ends of their ranges."""

    network: Network
    x: Ints

    def beyond(self, layer: str) -> tuple[bool, bool]:
        """Whether some activation of `layer` would lie below or above its range, were it not clamped."""
        node = next(n for n in self.network.nodes if n.name == layer)
        assert isinstance(node, Linear)
        q = node.requant
        acc = ir.edges(self.network, self.x)[node.source] @ node.weight.astype(np.int64)
        free = shift_right(acc * q.mult + q.bias, q.shift)
        return bool((free < q.out.lo).any()), bool((free > q.out.hi).any())


def case(sizes: list[int], input: IntType, hidden: list[IntType], seed: int) -> Case:
    """Random weights; each hidden layer is scaled from its accumulators: a fifth of them leave the range."""
    rng = np.random.default_rng(seed)
    x = rng.integers(input.lo, input.hi + 1, (IMAGES, sizes[0]))
    nodes: list[Linear] = []
    source, values = "input", x
    for k, (inputs, outputs) in enumerate(pairwise(sizes)):
        weight = rng.choice(EXACT.device.weights, size=(inputs, outputs)).astype(np.int32)
        requant = Requant(np.ones(outputs, np.int64), rng.integers(-50, 50, outputs), 0, INT32)
        if k < len(hidden):
            acc, out = values @ weight.astype(np.int64), hidden[k]
            low, high = np.percentile(acc, [10, 90], axis=0)
            scale = (out.hi - out.lo + 1) / np.maximum(high - low, 1)
            requant = Requant(*requant_constants(scale, (out.hi + out.lo) / 2 - (low + high) / 2 * scale), out)
        nodes.append(Linear(f"fc{k}", source, weight, requant))
        source = f"fc{k}"
        values = ir.edges(Network("part", sizes[0], input, tuple(nodes)), x)[source]
    return Case(verify(Network("narrow", sizes[0], input, tuple(nodes))), x)


@st.composite
def kinds(draw: st.DrawFn) -> IntType:
    """An integer type, and a range inside it."""
    kind = IntType(draw(st.integers(1, EXACT.activation.bits)), draw(st.booleans()))
    lo = draw(st.integers(kind.lo, kind.hi))
    return IntType(kind.bits, kind.signed, (lo, draw(st.integers(lo, kind.hi))))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    hidden = draw(st.lists(kinds(), min_size=1, max_size=2))
    sizes = [draw(st.integers(4, 20)), *(draw(st.integers(2, 10)) for _ in hidden), 3]
    return case(sizes, draw(kinds()), hidden, draw(st.integers(0, 2**32)))


def agree(c: Case) -> None:
    """Untiled == tiled, edge by edge, and every activation inside its range."""
    untiled, tiled = ir.edges(c.network, c.x), layers(place(c.network, EXACT), c.x)
    for name, values in tiled.items():
        assert (values == untiled[name]).all()
        assert c.network.type_of(name).holds(values)


@given(cases())
@settings(max_examples=150, deadline=None)
def test_untiled_is_tiled(c: Case) -> None:
    agree(c)


TERNARY, RELU, BYTE = IntType(2, True, (-1, 1)), IntType(8, True, (0, 100)), IntType(8, True, (-127, 127))
ABOVE, BELOW = IntType(4, within=(3, 9)), IntType(4, True, (-7, -2))
CHAINS = {
    "signed": (TERNARY, [RELU, BELOW, BYTE, TERNARY]),
    "unsigned": (IntType(4, within=(1, 14)), [IntType(4, within=(0, 6)), ABOVE, IntType(3, within=(0, 4))]),
}


@pytest.mark.parametrize("name", CHAINS)
def test_the_chip_clamps_to_the_range(name: str) -> None:
    input, hidden = CHAINS[name]
    c = case([20, *[9, 8, 7, 6][: len(hidden)], 3], input, hidden, seed=3)
    agree(c)
    for node in c.network.nodes[:-1]:
        assert all(c.beyond(node.name)), "a layer that both ends cut"
        found = ir.edges(c.network, c.x)[node.name]
        assert {node.requant.out.lo, node.requant.out.hi} <= set(found.ravel().tolist())
    result = simulate(Program(place(c.network, EXACT)), c.x, load="backdoor")
    assert result.mismatches == () and result.timing_errors == 0
    assert (result.outputs == ir.run(c.network, c.x)).all()
    assert len(np.unique(result.outputs, axis=0)) > 1


@given(cases())
@settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_untiled_is_tiled_is_verilog(c: Case) -> None:
    agree(c)
    result = simulate(Program(place(c.network, EXACT)), c.x, load="backdoor")
    assert result.mismatches == () and result.timing_errors == 0
    assert (result.outputs == ir.run(c.network, c.x)).all()
