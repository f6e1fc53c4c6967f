from pathlib import Path

import pytest

from tests.hdl.harness import run_bench

LATER = [pytest.param(*s, marks=pytest.mark.slow) for s in [(3, 8), (4, 5), (16, 8)]]


@pytest.mark.parametrize(("count", "bits"), [(1, 8), (2, 1), (5, 8), (8, 7), (100, 8), *LATER])
def test_planes(count: int, bits: int, tmp_path: Path) -> None:
    run_bench("bench_planes", "xb_planes", ["xb_planes.v"], tmp_path, {"COUNT": count, "BITS": bits})
