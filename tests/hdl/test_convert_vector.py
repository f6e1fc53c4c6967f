from pathlib import Path

from tests.hdl.harness import run_bench


def test_convert_vector(tmp_path: Path) -> None:
    run_bench("bench_convert_vector", "xb_convert", ["xb_convert.v"], tmp_path, {"STEP_BITS": 5})
