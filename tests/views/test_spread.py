"""Histograms: of weights as they are, of currents as an independent count has them."""

import numpy as np
import pytest

from codesign.fixed import Trim
from codesign.mapping.clipping import clipped
from codesign.program import Program
from codesign.views.spread import BINS, currents, spread, weights
from tests.hdl.programs import program
from tests.program.builds import SIZES, TINY, built


def inputs(p: Program, images: int, seed: int = 0) -> np.ndarray:
    kind = p.network.input
    return np.random.default_rng(seed).integers(kind.lo, kind.hi + 1, (images, SIZES[0]))


def test_weights_are_counted_one_by_one() -> None:
    p = built()
    for found, node in zip(weights(p.mapping), p.network.nodes, strict=True):
        assert found.layer == node.name and found.width == 1 and found.low is None
        for k, count in enumerate(found.counts):
            assert count == np.count_nonzero(node.weight == found.first + k)
        assert found.total == node.weight.size


@pytest.mark.parametrize("seed", range(4))
def test_the_share_beyond_is_what_converters_clip(seed: int) -> None:
    """All images are looked at here, so that the share is that of `clipped`, which counts in another way."""
    narrow = TINY.model_copy(update={"adc": TINY.adc.model_copy(update={"bits": 4})})
    p = program(SIZES, narrow, {"fc1": Trim(1, 0), "fc2": Trim(1, 0)}, seed=seed)
    x = inputs(p, 12, seed)
    share, _ = clipped(p.mapping, x)
    found = {s.layer: s.share for s in currents(p.mapping, x)}
    assert found == pytest.approx(share)
    assert any(share.values())
    assert all((s.low, s.high) == (-8, 7) for s in currents(p.mapping, x))


def test_wide_ranges_are_put_together() -> None:
    values = np.array([-1000, -999, 0, 3000])
    found = spread("fc", values)
    assert len(found.counts) <= BINS and found.total == 4
    assert found.first == -1000 and found.width == -(-4001 // BINS)
    ends = [found.first + found.width * k for k in range(len(found.counts) + 1)]
    assert list(found.counts) == np.histogram(values, ends)[0].tolist()


def test_only_evenly_spaced_images_are_looked_at() -> None:
    p = built()
    x = inputs(p, 400)
    every = currents(p.mapping, x)
    assert every == currents(p.mapping, x[np.unique(np.linspace(0, 399, 16).astype(int))])
    assert every != currents(p.mapping, x[:16])
