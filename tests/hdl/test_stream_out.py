from pathlib import Path

import pytest

from tests.hdl.harness import run_bench


@pytest.mark.parametrize("lanes", [1, 3, pytest.param(8, marks=pytest.mark.slow)])
def test_stream_out(lanes: int, tmp_path: Path) -> None:
    run_bench("bench_stream_out", "xb_stream_out", ["xb_stream_out.v"], tmp_path, {"LANES": lanes})
