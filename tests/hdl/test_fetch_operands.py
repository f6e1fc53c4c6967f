from pathlib import Path

import pytest

from tests.hdl.harness import run_bench


@pytest.mark.parametrize("operands", [2, pytest.param(5, marks=pytest.mark.slow), 32])
def test_fetch_operands(operands: int, tmp_path: Path) -> None:
    parameters = {"OPERANDS": operands, "ACTIVATION_BITS": 11}
    run_bench("bench_fetch_operands", "xb_fetch", ["xb_fetch.v", "xb_walk.v"], tmp_path, parameters)
