"""Requantizer constants: exact where there are any, and the count where there are none."""

from itertools import product

import numpy as np
import pytest

from codesign.fixed import Ints, IntType, requantize
from codesign.frontend.onnx.flow import Edge, Product
from codesign.frontend.onnx.requantizer import Bounds, solve
from codesign.ir.geometry import Window


def solved(columns: list[tuple[Ints, Ints]], out: IntType) -> bool:
    """Whether constants were found; they are then tried."""
    bounds = [Bounds.of(acc, levels) for acc, levels in columns]
    found = solve([b.clamped(out) for b in bounds if b is not None])
    if found is None:
        return False
    mult, bias, shift = found
    for j, (acc, levels) in enumerate(columns):
        assert (requantize(acc, mult[j], bias[j], shift, out) == levels).all()
    return True


@pytest.mark.parametrize("seed", range(20))
def test_what_a_requantizer_gives_is_found(seed: int) -> None:
    """Columns of random constants, rising and falling, flat and steep: what made them is not known."""
    rng = np.random.default_rng(seed)
    out = IntType(int(rng.integers(1, 9)), bool(rng.integers(2)))
    shift, columns = int(rng.integers(8, 20)), []
    for _ in range(12):
        acc = np.arange(-int(rng.integers(1, 3000)), int(rng.integers(1, 3000)), int(rng.integers(1, 4)))
        mult, bias = int(rng.choice([-1, 1]) * 2.0 ** rng.uniform(0, 15)), int(rng.normal() * 2**shift)
        columns.append((acc, requantize(acc, mult, bias, shift, out)))
    assert len({len(np.unique(levels)) for _, levels in columns}) > 1
    assert solved(columns, out)


def test_two_values_take_multipliers_of_one() -> None:
    acc = np.arange(-7, 8)
    columns = [Bounds.of(acc, (acc >= 3).astype(np.int64)), Bounds.of(acc, (acc <= -2).astype(np.int64))]
    found = solve([c.clamped(IntType(1)) for c in columns if c])
    assert found is not None and [v.tolist() if hasattr(v, "tolist") else v for v in found] == [[1, -1], [-2, -1], 0]


def test_signs_take_two() -> None:
    acc = np.arange(-7, 8)
    out = IntType(2, True, (-1, 1))
    assert solved([(acc, np.where(acc >= 3, 1, -1)), (acc, np.where(acc >= -1, -1, 1)), (acc, acc * 0 + 1)], out)


def test_constant_columns() -> None:
    acc, out = np.arange(-30, 30), IntType(3)
    flat = [(acc, np.full(60, v)) for v in (0, 4, 7)]
    assert solved([*flat, (acc, np.clip(acc // 4, 0, 7))], out)


def test_the_smallest_slopes() -> None:
    """A column that must stay below its next step all the way."""
    acc = np.arange(0, 1 << 20)
    assert solved([(acc, (acc >= 5).astype(np.int64) + 1)], IntType(4))


def test_halves_to_even_have_no_constants() -> None:
    acc = np.arange(-64, 64)
    assert not solved([(acc, np.clip(np.rint(acc / 8), -4, 3).astype(np.int64))], IntType(3, True))
    assert solved([(acc, np.clip(np.floor(acc / 8 + 0.5), -4, 3).astype(np.int64))], IntType(3, True))
    assert solved([(acc[1::2], np.clip(np.rint(acc[1::2] / 8), -4, 3).astype(np.int64))], IntType(3, True))  # no halves


def test_uneven_steps_have_no_constants() -> None:
    acc = np.arange(20)
    assert not solved([(acc, (acc >= 2).astype(np.int64) + (acc >= 4) + (acc >= 15))], IntType(2))


def test_neither_rising_nor_falling() -> None:
    assert Bounds.of(np.arange(4), np.array([0, 1, 1, 0])) is None


@pytest.mark.parametrize("padded", [False, True])
def test_every_reachable_accumulator_is_tried(padded: bool) -> None:
    """Against all inputs of a small column: none is left out, and parity is seen."""
    rng = np.random.default_rng(3)
    window = Window((1, 4), (1, 1), (0, 1)) if padded else None
    skipped = 0
    for kind in (IntType(1), IntType(2, True, (-1, 1)), IntType(2), IntType(3, False, (2, 5))):
        w = rng.integers(-3, 4, (3, 4))
        w[2] *= 2  # even sums
        draft = Product("a", Edge("input", kind, 1.0), w, np.ones(3), window)
        values = list(range(kind.lo, kind.hi + 1)) + ([0] if padded else [])
        for j in range(3):
            seen = {sum(a * b for a, b in zip(x, w[j].tolist(), strict=True)) for x in product(values, repeat=4)}
            tried = draft.reached(j)
            assert seen <= set(tried.tolist()) and len(tried) == draft.count(j)
            skipped += int(tried[-1] - tried[0] + 1 - len(tried))
            if not padded or kind.lo <= 0:
                assert {tried[0], tried[-1]} <= seen
    assert skipped > 10


def test_multipliers_that_are_too_coarse() -> None:
    acc = np.arange(1 << 18)
    columns = [(acc, np.clip(np.floor(acc * gain), 0, 255).astype(np.int64)) for gain in (1.3e-3, np.pi / 1300)]
    assert not solved(columns, IntType(8))
    assert solved([(acc[:1000], levels[:1000]) for acc, levels in columns], IntType(8))
