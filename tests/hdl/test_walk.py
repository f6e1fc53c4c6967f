from pathlib import Path

import pytest

from tests.hdl.harness import run_bench


@pytest.mark.parametrize(("values", "bits"), [(3, 24), (1, 7), pytest.param(4, 5, marks=pytest.mark.slow)])
def test_walk(values: int, bits: int, tmp_path: Path) -> None:
    run_bench("bench_walk", "xb_walk", ["xb_walk.v"], tmp_path, {"VALUES": values, "BITS": bits})
