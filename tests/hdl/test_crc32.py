from pathlib import Path

from tests.hdl.harness import run_bench


def test_crc32(tmp_path: Path) -> None:
    run_bench("bench_crc32", "xb_crc32", ["xb_crc32.v"], tmp_path)
