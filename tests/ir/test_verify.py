"""Every rule of a legal network, and what it says when it is broken."""

from dataclasses import replace

import numpy as np
import pytest

from codesign.errors import InputError
from codesign.fixed import IntType
from codesign.ir import Network, verify
from ir.networks import hidden, linear, raw, toy

FC1, FC2 = toy().nodes


def with_first(**changes: object) -> Network:
    return toy(nodes=(replace(FC1, **changes), FC2))  # type: ignore[arg-type]


def with_requant(**changes: object) -> Network:
    return with_first(requant=replace(FC1.requant, **changes))  # type: ignore[arg-type]


def with_last(**changes: object) -> Network:
    return toy(nodes=(FC1, replace(FC2, requant=replace(FC2.requant, **changes))))  # type: ignore[arg-type]


RULES = [
    (toy(nodes=()), "network toy: has no layers; add at least one linear layer"),
    (toy(input=IntType(9)), "network toy: input type must have 1..8 bits, got u9"),
    (with_first(name="fc2"), "layer fc2: the name is used twice; give every layer its own"),
    (with_first(name="input"), "layer input: the name is used twice; give every layer its own"),
    (with_first(source="fc2"), "layer fc1: reads 'fc2', which is not computed before it"),
    (toy(nodes=(FC1,)), "layer fc1: the last layer must leave raw accumulators"),
    (
        toy(nodes=(linear("fc1", "input", 5, 4, raw(4)), FC2)),
        "layer fc1: only the last layer may leave raw accumulators",
    ),
    (with_first(weight=np.ones(4, np.int32)), "layer fc1: weight must be (inputs, outputs), got shape (4,)"),
    (
        with_first(weight=np.ones((5, 0), np.int32), requant=hidden(0)),
        "layer fc1: weight must be (inputs, outputs), got shape (5, 0)",
    ),
    (toy(features=6), "layer fc1: has 5 inputs but input gives 6"),
    (with_first(weight=np.ones((5, 4))), "layer fc1: weights must be integers, got float64"),
    (
        with_requant(mult=np.array([1, 2, 3, 32768])),
        "layer fc1: mult must be 4 signed 16-bit integers, got shape (4,), 1..32768",
    ),
    (with_requant(mult=np.array([1, 2])), "layer fc1: mult must be 4 signed 16-bit integers, got shape (2,), 1..2"),
    (
        with_requant(bias=np.array([0, 0, 0, -(2**31) - 1])),
        "layer fc1: bias must be 4 signed 32-bit integers, got shape (4,), -2147483649..0",
    ),
    (with_requant(shift=32), "layer fc1: shift must be 0..31, got 32"),
    (with_requant(shift=-1), "layer fc1: shift must be 0..31, got -1"),
    (with_requant(out=IntType(9)), "layer fc1: activations must have 1..8 bits, got u9"),
    (with_last(shift=1), "layer fc2: a raw output must have mult 1 and shift 0"),
    (with_last(mult=np.array([1, 1, 2])), "layer fc2: a raw output must have mult 1 and shift 0"),
]


@pytest.mark.parametrize(("network", "expected"), RULES, ids=[m for _, m in RULES])
def test_broken_rule(network: Network, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        verify(network)
    assert str(caught.value) == expected


def test_a_legal_network_comes_back() -> None:
    network = toy()
    assert verify(network) is network
