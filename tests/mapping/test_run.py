"""The tiled reference, against the untiled one and against a slow loop over DESIGN's integer contract."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from codesign import ir
from codesign.chip.description import Arrays, Chip
from codesign.errors import InputError
from codesign.fixed import Ints, IntType, Trim
from codesign.mapping import Die, Mapping, layers, place, run
from codesign.mapping.run import BATCH, cannot_clip
from tests.hdl.programs import images, net
from tests.mapping.sliced import sliced_net

TINY = Chip.load("tiny")


def with_adc(bits: int) -> Chip:
    return TINY.model_copy(update={"adc": TINY.adc.model_copy(update={"bits": bits})})


def clamp(value: int, kind: IntType) -> int:
    return max(kind.lo, min(kind.hi, value))


def rounded(value: int, shift: int) -> int:
    return (value + (1 << (shift - 1) if shift else 0)) >> shift


def slow(mapping: Mapping, image: list[int], die: Die) -> list[int]:
    """One image in plain Python integers; deliberately written anew from the contract."""
    edges: dict[str, list[int]] = {"input": image}
    base = mapping.chip.device.levels
    for node, step in zip(mapping.network.nodes, mapping.steps, strict=True):
        x, bits, signed = edges[node.source], step.input.bits, step.input.signed
        result = []
        for j in range(node.outputs):
            total = int(step.bias[j])
            for use in mapping.arrays:
                for p in use.pieces:
                    if p.layer != node.name or not p.column <= j < p.column + p.columns:
                        continue
                    g = die.codes[use.array].tolist()
                    column = p.at + j - p.column
                    for b in range(bits):
                        current = 0
                        for r in range(p.rows):
                            if (x[p.row + r] >> b) & 1:
                                current += g[p.wordline + r][2 * column] - g[p.wordline + r][2 * column + 1]
                        scaled = current * step.trim.gain + int(use.offset[column])
                        code = clamp(rounded(scaled, step.trim.shift), mapping.chip.code)
                        plane = -(1 << b) if signed and b == bits - 1 else 1 << b
                        total += plane * code * int(step.mult[j]) * base**p.slice
            result.append(clamp(rounded(total, step.shift), step.out))
        edges[node.name] = result
    return edges[mapping.network.nodes[-1].name]


CASES: dict[str, tuple[list[int], dict[str, Any], dict[str, Trim]]] = {
    "u8": ([20, 9, 3], {}, {}),
    "i8-hidden-i4": ([7, 13, 6], {"kind": IntType(8, True), "hidden": IntType(4, True)}, {}),
    "u1": ([40, 10], {"kind": IntType(1)}, {}),
    "i1-hidden-u2": ([18, 5, 2], {"kind": IntType(1, True), "hidden": IntType(2)}, {}),
    "trimmed": ([33, 8, 5], {"kind": IntType(5)}, {"fc1": Trim(1, 2), "fc2": Trim(7, 3)}),
}


@pytest.mark.parametrize("adc", [3, 6])
@pytest.mark.parametrize("ideal", [True, False], ids=["ideal", "die"])
@pytest.mark.parametrize("name", CASES)
def test_against_the_contract(name: str, ideal: bool, adc: int) -> None:
    sizes, options, trims = CASES[name]
    chip = with_adc(adc)
    mapping = place(net(sizes, chip, **options), chip, trims)
    rng = np.random.default_rng(4)
    if name == "trimmed":  # offsets as well
        uses = tuple(replace(u, offset=rng.integers(-20, 21, chip.columns)) for u in mapping.arrays)
        mapping = replace(mapping, arrays=uses)
    die = Die.ideal(mapping)
    if not ideal:
        die = Die({a: rng.integers(0, 4, c.shape).astype(np.int32) for a, c in die.codes.items()})
    x = images(12, mapping.network)
    want = [slow(mapping, image, die) for image in x.tolist()]
    assert run(mapping, x, None if ideal else die).tolist() == want
    if adc == 3:
        assert (run(mapping, x, die) != run(mapping, x, die, adc=False)).any(), "converters that clip"


def packed(seed: int, chip: Chip) -> Mapping:
    """Sliced layers that share arrays, in words that are no multiple of an array's rows."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(5, 20))
    memory = chip.memory.model_copy(update={"loads": 512, "tiles": 128, "constants": 512})
    chip = chip.model_copy(update={"arrays": Arrays(count=60, rows=rows, columns=18), "memory": memory})
    sizes, slices = rng.integers(2, 24, 4).tolist(), rng.permutation([1, 2, int(rng.integers(1, 4))]).tolist()
    kind, hidden = IntType(int(rng.integers(1, 6)), bool(seed % 2)), IntType(int(rng.integers(2, 6)))
    network = sliced_net(sizes, slices, chip, seed, kind=kind, hidden=hidden)
    mapping = place(network, chip, objective="arrays")
    assert any(len({p.layer for p in use.pieces}) > 1 for use in mapping.arrays), "layers share arrays"
    return mapping


@pytest.mark.parametrize("seed", range(4))
def test_packed_against_the_contract(seed: int) -> None:
    mapping = packed(seed, with_adc(3))
    rng = np.random.default_rng(seed)
    uses = tuple(replace(u, offset=rng.integers(-20, 21, mapping.chip.columns)) for u in mapping.arrays)
    trims = [Trim(), Trim(1, 1), Trim(2, 2)]
    steps = tuple(replace(s, trim=t) for s, t in zip(mapping.steps, trims, strict=True))
    mapping = replace(mapping, arrays=uses, steps=steps)
    codes = {a: rng.integers(0, 4, c.shape).astype(np.int32) for a, c in Die.ideal(mapping).codes.items()}
    x = images(6, mapping.network)
    for die in (Die.ideal(mapping), Die(codes)):
        found = run(mapping, x, die)
        assert found.tolist() == [slow(mapping, image, die) for image in x.tolist()]
        assert (found != run(mapping, x, die, adc=False)).any(), "converters that clip"


@pytest.mark.parametrize("seed", range(8))
def test_packed_is_untiled_when_nothing_clips(seed: int) -> None:
    mapping = packed(seed, with_adc(10))  # 19 rows of at most 3
    x = images(20, mapping.network)
    found = layers(mapping, x)
    assert (found["fc3"] == ir.run(mapping.network, x)).all() and len(np.unique(found["fc3"])) > 3
    assert all(len(np.unique(edge)) > 1 for edge in found.values())
    assert (run(mapping, x, adc=False) == found["fc3"]).all()


@pytest.mark.parametrize("name", ["u8", "i8-hidden-i4", "u1", "i1-hidden-u2"])
def test_tiled_is_untiled_when_nothing_clips(name: str) -> None:
    sizes, options, _ = CASES[name]
    chip = with_adc(9)  # 16 rows of at most 3: within -48..48, far from clipping
    network = net(sizes, chip, **options)
    mapping = place(network, chip)
    x = images(20, network)
    tiled = layers(mapping, x)
    assert (tiled[network.nodes[-1].name] == ir.run(network, x)).all()
    assert (run(mapping, x, Die.ideal(mapping)) == ir.run(network, x)).all()


@pytest.mark.parametrize("name", ["u8", "i8-hidden-i4"])
def test_without_converters_tiled_is_untiled(name: str) -> None:
    sizes, options, _ = CASES[name]
    network = net(sizes, TINY, **options)
    mapping = place(network, TINY, {"fc1": Trim(2, 3)})
    x = images(20, network)
    assert (run(mapping, x, adc=False) == ir.run(network, x)).all()


@pytest.mark.parametrize(("total", "safe"), [(31, True), (32, False), (-32, True), (-33, False)])
def test_cannot_clip_is_exact(total: int, safe: bool) -> None:
    mapping = place(net([16, 1], TINY), TINY)
    weight = np.zeros((16, 1), np.int32)
    weight[: abs(total) // 3] = 3 if total > 0 else -3
    weight[15] = total - weight.sum()
    step, use = mapping.steps[0], mapping.arrays[0]
    assert cannot_clip(weight, step, 0, mapping) is safe
    assert cannot_clip(weight, replace(step, trim=Trim(1, 1)), 0, mapping) is False
    moved = replace(mapping, arrays=(replace(use, offset=use.offset + 1),))
    assert cannot_clip(weight, step, 0, moved) is False
    currents: Ints = weight.sum(axis=0)
    assert bool(TINY.code.holds(currents)) is safe


def test_batches_do_not_show() -> None:
    mapping = place(net([20, 9, 3], TINY), TINY)
    x = images(BATCH + 3, mapping.network)
    whole = run(mapping, x)
    assert (whole == np.concatenate([run(mapping, x[:100]), run(mapping, x[100:])])).all()


def test_inputs_are_checked() -> None:
    mapping = place(net([20, 3], TINY), TINY)
    with pytest.raises(InputError, match=r"shape must be \(images, 20\)"):
        run(mapping, np.zeros((2, 19), np.int64))
    with pytest.raises(InputError, match=r"values must lie in 0\.\.255"):
        run(mapping, np.full((2, 20), 256))
