from pathlib import Path

import pytest

from tests.hdl.harness import run_bench


@pytest.mark.parametrize(
    ("depth", "lanes", "lines", "bits"),
    [
        (2, 1, 1, 1),
        (5, 3, 7, 5),
        pytest.param(3, 4, 4, 8, marks=pytest.mark.slow),
        pytest.param(32, 8, 128, 8, marks=pytest.mark.slow),
    ],
)
def test_operand(depth: int, lanes: int, lines: int, bits: int, tmp_path: Path) -> None:
    parameters = {"DEPTH": depth, "LANES": lanes, "LINES": lines, "BITS": bits}
    run_bench("bench_operand", "xb_operand", ["xb_operand.v"], tmp_path, parameters)
