"""Networks small enough to work out by hand."""

from typing import Any

import numpy as np

from codesign.fixed import INT32, IntType
from codesign.ir import Add, AvgPool, Conv, Linear, MaxPool, Network, Requant

U4, I5 = IntType(4), IntType(5, signed=True)


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


def conv(name: str, source: str, shape: tuple[int, ...], requant: Requant, seed: int = 0, **options: Any) -> Conv:
    weight = np.random.default_rng(seed).integers(-3, 4, shape).astype(np.int32)
    return Conv(name, source, weight, requant, **options)


def residual(**changes: Any) -> Network:
    """An image of 2x4x4, every kind of node, an edge with two readers: 32 of u4 -> 3 raw."""
    content: dict[str, Any] = {
        "name": "residual",
        "features": 32,
        "input": U4,
        "nodes": (
            conv("conv1", "input", (4, 2, 3, 3), hidden(4, shift=5), padding=1),
            conv("conv2", "conv1", (4, 1, 3, 3), hidden(4, I5, 4), seed=1, padding=1, groups=4),
            Add("add", "conv1", "conv2", np.array([2, -1, 4, 3]), hidden(4, shift=2)),
            MaxPool("pool", "add", 2, 2),
            conv("conv3", "pool", (6, 4, 1, 1), hidden(6, shift=4), seed=2),
            AvgPool("avg", "conv3", 2, 2, hidden(6, shift=3)),
            linear("fc", "avg", 6, 3, raw(3, [5, 0, -5]), seed=3),
        ),
        "step": 0.5,
        "shape": (2, 4, 4),
    }
    return Network(**(content | changes))
