from pathlib import Path

import pytest

from tests.hdl.harness import run_bench


@pytest.mark.parametrize(
    ("arrays", "rows", "bits"), [(1, 4, 1), (3, 5, 3), (9, 7, 8), pytest.param(6, 16, 8, marks=pytest.mark.slow)]
)
def test_wordlines(arrays: int, rows: int, bits: int, tmp_path: Path) -> None:
    parameters = {"ARRAYS": arrays, "ROWS": rows, "BITS": bits}
    run_bench("bench_wordlines", "xb_wordlines", ["xb_wordlines.v"], tmp_path, parameters)
