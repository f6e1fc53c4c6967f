"""Energy and programming time by hand, and as networks grow."""

from itertools import pairwise, product

import pytest

from codesign.chip.description import Chip
from codesign.fixed import INT32, IntType
from codesign.mapping import LayerSize, Outline, plan
from codesign.mapping.energy import Estimate, estimate


def of(*sizes: int, bits: int = 6) -> Estimate:
    """On a chip of 16 x 8-column arrays with 6-bit converters: 4-bit inputs, 3-bit activations."""
    data = Chip.load("tiny").model_dump()
    data |= {"arrays": {"count": 999, "rows": 16, "columns": 16}, "adc": {"bits": bits, "lanes": 4}}
    layers = []
    for k, (inputs, outputs) in enumerate(pairwise(sizes)):
        out = INT32 if k == len(sizes) - 2 else IntType(3)
        layers.append(LayerSize(f"fc{k + 1}", f"fc{k}" if k else "input", inputs, outputs, out))
    return estimate(plan(Outline("x", sizes[0], IntType(4), tuple(layers)), Chip.model_validate(data)))


def test_by_hand() -> None:
    """20 -> 9 -> 3: two rows of two arrays, then one array; 4 planes of the inputs, 3 of the activations."""
    drives = 4 * 20 * 2 + 3 * 9 * 1
    conversions = 4 * 9 * 2 + 3 * 3 * 1
    reads = 4 * 2 * 20 * 9 + 3 * 2 * 9 * 3
    found = of(20, 9, 3)
    assert found.energy_low_nj == pytest.approx((conversions * 0.17 + reads * 0.0018 + drives * 0.417) / 1000)
    assert found.energy_high_nj == pytest.approx((conversions * 1.20 + reads * 0.1 + drives * 0.417) / 1000)
    assert found.programming_s == pytest.approx(2 * (20 * 9 + 9 * 3) * 8.52e-6)


def test_wider_takes_more() -> None:
    widths = range(1, 40, 3)
    for a, b in product(widths, widths):
        here = of(20, a, b, 3)
        for more in (of(20, a + 3, b, 3), of(20, a, b + 3, 3), of(21, a, b, 3), of(20, a, b, 4)):
            assert here.energy_low_nj < more.energy_low_nj
            assert here.energy_high_nj < more.energy_high_nj
            assert here.programming_s < more.programming_s


def test_converters() -> None:
    """Finer ones take more; beyond the table's ends nothing changes."""
    high = [of(20, 9, 3, bits=b).energy_high_nj for b in range(2, 13)]
    assert high == sorted(high)
    assert len(set(high[:3])) == 1 == len(set(high[6:]))
    assert len(set(high)) == 5
    assert all(of(20, 9, 3, bits=b).energy_low_nj < e for b, e in zip(range(2, 13), high, strict=True))
