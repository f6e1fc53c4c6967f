from pathlib import Path

import pytest

from tests.hdl.harness import run_bench


@pytest.mark.parametrize(("count", "bits"), [(1, 8), (2, 1), (3, 8), (4, 5), (5, 8), (8, 7), (16, 8), (100, 8)])
def test_planes(count: int, bits: int, tmp_path: Path) -> None:
    run_bench("bench_planes", "xb_planes", ["xb_planes.v"], tmp_path, {"COUNT": count, "BITS": bits})
