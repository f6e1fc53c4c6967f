"""Networks small enough to work out by hand."""

from typing import Any

import numpy as np

from codesign.fixed import INT32, IntType
from codesign.ir import Linear, Network, Requant

U4 = IntType(4)


def raw(outputs: int, bias: list[int] | None = None) -> Requant:
    return Requant(np.ones(outputs, np.int64), np.array(bias or [0] * outputs, np.int64), 0, INT32)


def hidden(outputs: int, out: IntType = U4, shift: int = 1) -> Requant:
    return Requant(np.arange(1, outputs + 1, dtype=np.int64), np.full(outputs, 3, np.int64), shift, out)


def linear(name: str, source: str, inputs: int, outputs: int, requant: Requant, seed: int = 0) -> Linear:
    weight = np.random.default_rng(seed).integers(-3, 4, (inputs, outputs)).astype(np.int32)
    return Linear(name, source, weight, requant)


def toy(**changes: Any) -> Network:
    """5 inputs of i4 -> 4 of u4 -> 3 raw."""
    content: dict[str, Any] = {
        "name": "toy",
        "features": 5,
        "input": IntType(4, signed=True),
        "nodes": (
            linear("fc1", "input", 5, 4, hidden(4)),
            linear("fc2", "fc1", 4, 3, raw(3, [10, -20, 30]), seed=1),
        ),
        "step": 0.25,
    }
    return Network(**(content | changes))
