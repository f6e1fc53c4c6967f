"""Random chips, and random networks for them."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import INT32, MAX_SHIFT, Ints, IntType, Trim, clog2
from codesign.ir import Linear, Network, Requant, verify
from codesign.mapping import Die, layers, outline, place, plan
from codesign.program import Program
from codesign.sim import Pauses, simulate

Rng = np.random.Generator


def random_chip(rng: Rng) -> Chip:
    """Arrays of any size; memory words wider and narrower than their rows."""
    lanes = int(rng.integers(1, 9))
    stream = int(rng.integers(1, 9))
    pairs = int(rng.integers(lanes, 4 * lanes + 1))
    least = clog2(max(lanes, stream, 2))
    return Chip.model_validate(
        {
            "name": "random",
            "arrays": {"count": int(rng.integers(1, 41)), "rows": int(rng.integers(2, 41)), "columns": 2 * pairs},
            "device": {"levels": int(rng.choice([2, 3, 4, 8, 16])), "code_bits": int(rng.integers(4, 8))},
            "adc": {"bits": int(rng.integers(2, 10)), "lanes": lanes},
            "activation": {"bits": int(rng.integers(1, 9))},
            "memory": {
                "word": 1 << int(rng.integers(least, 7)),
                "input_words": 128,
                "activation_words": int(rng.integers(100, 130)),
                "loads": 1024,
            },
            "bus": {"stream_bytes": stream},
        }
    )


def random_weights(rng: Rng, chip: Chip, size: tuple[int, int], slices: int) -> NDArray[np.int32]:
    """Weights of pairs of cells, `slices` for each."""
    digits = rng.choice(chip.device.weights, (slices, *size))
    weight: NDArray[np.int32] = np.tensordot(chip.device.levels ** np.arange(slices), digits, axes=1).astype(np.int32)
    return weight


def random_slices(rng: Rng, chip: Chip) -> int:
    """One slice mostly, and never more than 14 bits of weight."""
    widest = max(chip.device.weights)
    room = [s for s in (2, 3) if widest * chip.device.levels**s < 1 << 14]
    return int(rng.choice(room)) if room and not rng.integers(3) else 1


def random_type(rng: Rng, chip: Chip) -> IntType:
    """Any type, one in three with a range inside it."""
    kind = IntType(int(rng.integers(1, chip.activation.bits + 1)), bool(rng.integers(2)))
    lo, hi = sorted(rng.integers(kind.lo, kind.hi + 1, 2).tolist())
    return IntType(kind.bits, kind.signed, (lo, hi)) if lo < hi and not rng.integers(3) else kind


def scaled(rng: Rng, acc: Ints, out: IntType, reserve: int) -> Requant:
    """Spreads accumulators (images, outputs), shifted to the middle, over `out` and sometimes past its ends.

    Multipliers leave room for a slice `reserve` times as significant.
    """
    mean, deviation = acc.mean(0), np.maximum(acc.std(0), 0.5)
    sign = rng.choice([-1, 1], len(mean))
    slope = sign * rng.uniform(0.7, 1.5, len(mean)) * (out.hi - out.lo) / (3 * deviation)
    middle = (out.hi + out.lo) / 2 - slope * mean
    room = min(2.0**12 / reserve / np.abs(slope).max(), 2.0**30 / (1 + np.abs(middle).max()))
    shift = int(np.clip(np.floor(np.log2(room)) - rng.integers(0, 3), 0, MAX_SHIFT))
    mult = np.rint(slope * 2.0**shift).astype(np.int64)
    mult[mult == 0] = sign[mult == 0]
    return Requant(mult, np.rint(middle * 2.0**shift).astype(np.int64), shift, out)


def random_program(rng: Rng, chip: Chip, count: int) -> tuple[Program, Ints]:
    """One to four layers of any width that the chip has arrays and memory for, and images that tell units apart.

    A hidden layer's requantizer follows from what its converters give on these images: random constants
    would saturate it, and the layers behind would compute nothing.
    """
    objective = str(rng.choice(["cycles", "arrays"]))
    while True:
        most = min(3 * chip.arrays.rows, 128)
        sizes = [int(s) for s in rng.integers(1, most, size=int(rng.integers(2, 6)))]
        kind = random_type(rng, chip)
        x = rng.integers(kind.lo, kind.hi + 1, (count, sizes[0]))
        nodes: list[Linear] = []
        trims: dict[str, Trim] = {}
        try:
            for k, size in enumerate(pairwise(sizes)):
                source, slices = nodes[-1].name if nodes else "input", random_slices(rng, chip)
                weight = random_weights(rng, chip, size, slices)
                raw = Requant(np.ones(size[1], np.int64), rng.integers(-1000, 1000, size[1]), 0, INT32)
                nodes.append(Linear(f"fc{k}", source, weight, raw, slices=slices))
                network = verify(Network("random", sizes[0], kind, tuple(nodes)))
                plan(outline(network), chip, objective)
                if k < len(sizes) - 2:
                    shift = int(rng.integers(0, 4))
                    trim = Trim((1, 1, 3, 5)[shift], shift)
                    mapping = place(network, chip, trims | {f"fc{k}": trim}, objective)
                    acc = layers(mapping, x)[f"fc{k}"] - raw.bias
                    if rng.integers(2):  # of the layer's own, with the cuts that it was trained with
                        cut = int(rng.integers(chip.arrays.rows))
                        nodes[-1] = replace(nodes[-1], trim=trim, cut=cut)
                    else:
                        trims[f"fc{k}"] = trim
                    reserve = chip.device.levels ** (slices - 1)
                    nodes[-1] = replace(nodes[-1], requant=scaled(rng, acc, random_type(rng, chip), reserve))
            mapping = place(network, chip, trims, objective)
        except CapacityError:
            continue
        shifted = (replace(u, offset=rng.integers(-2, 3, chip.columns)) for u in mapping.arrays)
        program = Program(replace(mapping, arrays=tuple(shifted)))
        if telling(program, x):
            return program, x


def features(program: Program) -> set[str]:
    """What of the layout a program exercises."""
    mapping, rows = program.mapping, program.chip.arrays.rows
    spans = [s for step in mapping.steps for b in step.blocks for s in b.spans]
    terms = [t.terms for step in mapping.steps for t in step.tiles]
    found = {
        "layers share an array": any(len({p.layer for p in u.pieces}) > 1 for u in mapping.arrays),
        "begins inside arrays": any(s.wordline and s.wordline + s.rows == rows for s in spans),
        "begins above column group 0": any(step.first_group for step in mapping.steps),
        "cuts of its training": any(n.cut for n in program.network.nodes if isinstance(n, Linear)),
        "slices": any(len(t) > 1 for t in terms),
        "slices in several arrays": any(len({term.block for term in t}) > 1 for t in terms),
        "words narrower than arrays": program.chip.word < rows,
        "several layers": len(mapping.steps) > 2,
        "ranges with a gain": any(step.trim.gain > 1 for step in mapping.steps),
    }
    return {name for name, has in found.items() if has}


def telling(program: Program, x: Ints) -> bool:
    """Whether the outputs, and half of the units of every hidden layer, depend on the image."""
    *hidden, last = layers(program.mapping, x).values()
    units = all((h != h[0]).any(0).mean() >= 0.5 for h in hidden)
    return units and len(np.unique(last.reshape(len(x), -1), axis=0)) > 1


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
    assert (program.run(x, adc=False) == program.network.run(x)).all(), where
    result = simulate(program, x, simulator, load=str(rng.choice(["bus", "backdoor"])))
    assert result.mismatches == () and result.timing_errors == 0 and result.images == len(x), where
    pauses = Pauses(0.4, 0.6, int(rng.integers(1000)))
    assert simulate(program, x, simulator, load="backdoor", pauses=pauses).mismatches == (), where
    die = random_die(rng, program)
    result = simulate(program, x, simulator, load="backdoor", die=die)
    assert result.mismatches == () and result.timing_errors == 0 and (result.outputs == program.run(x, die)).all(), (
        where
    )
