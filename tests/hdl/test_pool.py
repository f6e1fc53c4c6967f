from pathlib import Path

import pytest

from tests.hdl.harness import run_bench


@pytest.mark.parametrize(
    ("pools", "lanes", "bits"),
    [
        (6, 4, 8),
        (1, 5, 3),
        pytest.param(5, 1, 1, marks=pytest.mark.slow),
        pytest.param(64, 8, 8, marks=pytest.mark.slow),
    ],
)
def test_pool(pools: int, lanes: int, bits: int, tmp_path: Path) -> None:
    parameters = {"POOLS": pools, "LANES": lanes, "BITS": bits}
    run_bench("bench_pool", "xb_pool", ["xb_pool.v"], tmp_path, parameters)
