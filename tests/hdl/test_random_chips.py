"""Random chips, each running random networks: the Verilog is right for any geometry, not just the presets."""

from itertools import pairwise

import numpy as np
import pytest

from codesign.fixed import INT32, IntType, Trim
from codesign.hardware import Chip
from codesign.ir import Linear, Network, Requant, verify
from codesign.mapping import place
from codesign.mapping.capacity import arrays_needed
from codesign.mapping.outline import outline
from codesign.program import Program
from codesign.sim import simulate

Rng = np.random.Generator


def random_chip(rng: Rng) -> Chip:
    lanes = int(rng.integers(1, 7))
    stream = int(rng.integers(1, 5))
    rows = lanes * stream * int(rng.integers(1, 5))
    rows = max(rows, 2 * lanes * stream if rows < 2 else rows)
    pairs = int(rng.integers(lanes, 4 * lanes + 1))
    levels = int(rng.choice([2, 3, 4, 8, 16]))
    return Chip.model_validate(
        {
            "name": "random",
            "arrays": {"count": int(rng.integers(1, 40)), "rows": rows, "columns": 2 * pairs},
            "device": {"levels": levels, "code_bits": int(rng.integers(4, 8))},
            "adc": {"bits": int(rng.integers(2, 10)), "lanes": lanes},
            "activation": {"bits": int(rng.integers(1, 9))},
            "bus": {"stream_bytes": stream},
        }
    )


def random_type(rng: Rng, chip: Chip) -> IntType:
    """Any type, one in three with a range inside it."""
    kind = IntType(int(rng.integers(1, chip.activation.bits + 1)), bool(rng.integers(2)))
    lo, hi = sorted(rng.integers(kind.lo, kind.hi + 1, 2).tolist())
    return IntType(kind.bits, kind.signed, (lo, hi)) if lo < hi and not rng.integers(3) else kind


def random_network(rng: Rng, chip: Chip) -> Network:
    """One to four layers of any width that the chip has arrays and memory for."""
    while True:
        most = 3 * chip.arrays.rows
        sizes = [int(s) for s in rng.integers(1, most, size=int(rng.integers(2, 6)))]
        nodes, source = [], "input"
        for k, (inputs, outputs) in enumerate(pairwise(sizes)):
            weight = rng.choice(chip.device.weights, size=(inputs, outputs)).astype(np.int32)
            if k == len(sizes) - 2:
                requant = Requant(np.ones(outputs, np.int64), rng.integers(-1000, 1000, outputs), 0, INT32)
            else:
                mult = rng.integers(-300, 300, outputs)
                bias = rng.integers(-(2**20), 2**20, outputs)
                requant = Requant(mult, bias, int(rng.integers(0, 16)), random_type(rng, chip))
            nodes.append(Linear(f"fc{k}", source, weight, requant))
            source = f"fc{k}"
        network = verify(Network("random", sizes[0], random_type(rng, chip), tuple(nodes)))
        if arrays_needed(outline(network), chip) <= chip.arrays.count:
            return network


def check(seed: int, networks: int) -> None:
    rng = np.random.default_rng(seed)
    chip = random_chip(rng)
    for _ in range(networks):
        network = random_network(rng, chip)
        trims = {n.name: Trim(1, int(rng.integers(0, 4))) for n in network.nodes if not n.requant.is_raw}
        program = Program(place(network, chip, trims))
        x = rng.integers(network.input.lo, network.input.hi + 1, (4, network.features))
        result = simulate(program, x, load=str(rng.choice(["bus", "backdoor"])))
        assert result.mismatches == () and result.timing_errors == 0, f"seed {seed}: {chip}"
        assert result.images == 4
        paused = simulate(program, x, load="backdoor", input_pause=0.4, output_pause=0.6, seed=seed)
        assert paused.mismatches == (), f"seed {seed}: {chip}"


@pytest.mark.parametrize("seed", range(3))
def test_a_few(seed: int) -> None:
    check(seed, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_many(seed: int) -> None:
    check(seed, 2)
