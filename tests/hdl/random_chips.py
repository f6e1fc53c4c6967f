"""Random chips, and random networks for them."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from codesign.chip.description import Chip
from codesign.fixed import INT32, MAX_SHIFT, Ints, IntType, Trim
from codesign.ir import Linear, Network, Requant, verify
from codesign.mapping import Die, layers, place
from codesign.mapping.capacity import arrays_needed
from codesign.mapping.outline import outline
from codesign.program import Program
from codesign.sim import Pauses, simulate

Rng = np.random.Generator


def random_chip(rng: Rng) -> Chip:
    lanes = int(rng.integers(1, 9))
    stream = int(rng.integers(1, 5))
    rows = lanes * stream * int(rng.integers(1, 5))
    rows = max(rows, 2 * lanes * stream if rows < 2 else rows)
    pairs = int(rng.integers(lanes, 4 * lanes + 1))
    levels = int(rng.choice([2, 3, 4, 8, 16]))
    return Chip.model_validate(
        {
            "name": "random",
            "arrays": {"count": int(rng.integers(1, 49)), "rows": rows, "columns": 2 * pairs},
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


def scaled(rng: Rng, acc: Ints, out: IntType) -> Requant:
    """Spreads accumulators (images, outputs), shifted to the middle, over `out` and sometimes past its ends."""
    mean, deviation = acc.mean(0), np.maximum(acc.std(0), 0.5)
    sign = rng.choice([-1, 1], len(mean))
    slope = sign * rng.uniform(0.7, 1.5, len(mean)) * (out.hi - out.lo) / (3 * deviation)
    middle = (out.hi + out.lo) / 2 - slope * mean
    room = min(2.0**12 / np.abs(slope).max(), 2.0**30 / (1 + np.abs(middle).max()))
    shift = int(np.clip(np.floor(np.log2(room)) - rng.integers(0, 3), 0, MAX_SHIFT))
    mult = np.rint(slope * 2.0**shift).astype(np.int64)
    mult[mult == 0] = sign[mult == 0]
    return Requant(mult, np.rint(middle * 2.0**shift).astype(np.int64), shift, out)


def random_program(rng: Rng, chip: Chip, count: int) -> tuple[Program, Ints]:
    """One to four layers of any width that the chip has arrays and memory for, and images that tell units apart.

    A hidden layer's requantizer follows from what its converters give on these images: random constants
    would saturate it, and the layers behind would compute nothing.
    """
    while True:
        most = 3 * chip.arrays.rows
        sizes = [int(s) for s in rng.integers(1, most, size=int(rng.integers(2, 6)))]
        kind = random_type(rng, chip)
        x = rng.integers(kind.lo, kind.hi + 1, (count, sizes[0]))
        nodes: list[Linear] = []
        trims = {}
        for k, (inputs, outputs) in enumerate(pairwise(sizes)):
            source = nodes[-1].name if nodes else "input"
            weight = rng.choice(chip.device.weights, size=(inputs, outputs)).astype(np.int32)
            bias = rng.integers(-1000, 1000, outputs)
            nodes.append(Linear(f"fc{k}", source, weight, Requant(np.ones(outputs, np.int64), bias, 0, INT32)))
            network = verify(Network("random", sizes[0], kind, tuple(nodes)))
            if arrays_needed(outline(network), chip) > chip.arrays.count:
                break
            if k < len(sizes) - 2:
                trims[f"fc{k}"] = Trim(1, int(rng.integers(0, 4)))
                acc = layers(place(network, chip, trims), x)[f"fc{k}"] - bias
                nodes[-1] = replace(nodes[-1], requant=scaled(rng, acc, random_type(rng, chip)))
        else:
            mapping = place(network, chip, trims)
            shifted = (replace(u, offset=rng.integers(-2, 3, chip.columns)) for u in mapping.arrays)
            program = Program(replace(mapping, arrays=tuple(shifted)))
            if telling(program, x):
                return program, x


def telling(program: Program, x: Ints) -> bool:
    """Whether the outputs, and half of the units of every hidden layer, depend on the image."""
    *hidden, last = layers(program.mapping, x).values()
    units = all((h != h[0]).any(0).mean() >= 0.5 for h in hidden)
    return units and len(np.unique(last, axis=0)) > 1


def random_die(rng: Rng, program: Program) -> Die:
    """A die on which every cell may be a code off."""
    top = (1 << program.chip.device.code_bits) - 1
    ideal = Die.ideal(program.mapping).codes
    return Die({a: (c + rng.integers(-1, 2, c.shape)).clip(0, top).astype(np.int32) for a, c in ideal.items()})


def check(rng: Rng, program: Program, x: Ints, simulator: str) -> None:
    """Words and cycles are those of the reference, also on a die, and words also with stalls."""
    where = f"{simulator}, {program.chip}, {program.network}"
    assert telling(program, x), "hardware that computes nothing would pass"
    assert any(u.offset.any() for u in program.mapping.arrays)
    result = simulate(program, x, simulator, load=str(rng.choice(["bus", "backdoor"])))
    assert result.mismatches == () and result.timing_errors == 0 and result.images == len(x), where
    pauses = Pauses(0.4, 0.6, int(rng.integers(1000)))
    assert simulate(program, x, simulator, load="backdoor", pauses=pauses).mismatches == (), where
    die = random_die(rng, program)
    result = simulate(program, x, simulator, load="backdoor", die=die)
    assert result.mismatches == () and result.timing_errors == 0 and (result.outputs == program.run(x, die)).all(), (
        where
    )
