"""Small random networks and programs for a chip."""

from itertools import pairwise

import numpy as np

from codesign.chip.description import Chip
from codesign.fixed import INT32, Ints, IntType, Trim
from codesign.ir import Linear, Network, Requant, verify
from codesign.mapping import place
from codesign.program import Program

U8 = IntType(8)


def net(sizes: list[int], chip: Chip, kind: IntType = U8, hidden: IntType = U8, seed: int = 0) -> Network:
    """Fully connected layers fc1, fc2, ... of these sizes; their scale spreads activations over `hidden`."""
    rng = np.random.default_rng(seed)
    nodes: list[Linear] = []
    source, span = "input", kind.hi
    for k, (inputs, outputs) in enumerate(pairwise(sizes)):
        weight = rng.choice(chip.device.weights, size=(inputs, outputs)).astype(np.int32)
        if k == len(sizes) - 2:
            requant = Requant(np.ones(outputs, np.int64), rng.integers(-50, 50, outputs), 0, INT32)
        else:
            reach = max(1.0, span * inputs**0.5 * float(np.abs(weight).mean()))
            scale = (hidden.hi + 1) / reach  # a typical accumulator reaches the clamp
            mult = np.rint(scale * 2.0**14 * rng.uniform(0.5, 1.0, outputs)).clip(1, 32767).astype(np.int64)
            requant = Requant(mult, rng.integers(-5000, 5000, outputs), 14, hidden)
        nodes.append(Linear(f"fc{k + 1}", source, weight, requant))
        source, span = f"fc{k + 1}", hidden.hi
    return verify(Network(f"net{seed}", sizes[0], kind, tuple(nodes)))


def program(sizes: list[int], chip: Chip, trims: dict[str, Trim] | None = None, **options: object) -> Program:
    """A program of `net`."""
    return Program(place(net(sizes, chip, **options), chip, trims))  # type: ignore[arg-type]


def alternating() -> Program:
    """A chip so small that its images take turns: converting takes hardly longer than passing results on."""
    chip = Chip.model_validate(
        {
            "name": "alternating",
            "arrays": {"count": 22, "rows": 2, "columns": 2},
            "device": {"levels": 4, "code_bits": 5},
            "adc": {"bits": 5, "lanes": 1},
            "activation": {"bits": 8},
            "bus": {"stream_bytes": 2},
        }
    )
    return program([4, 1], chip, kind=IntType(3))


def images(count: int, network: Network, seed: int = 0, zeros: float = 0.5) -> Ints:
    """Random inputs, the first two all lowest and all highest, the rest mostly 0 like pictures."""
    rng = np.random.default_rng(seed)
    kind = network.input
    x = rng.integers(kind.lo, kind.hi + 1, (count, network.features))
    x[rng.random(x.shape) < zeros] = 0
    x[0], x[1 % count] = kind.lo, kind.hi
    return x
