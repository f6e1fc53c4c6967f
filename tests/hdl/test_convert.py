from pathlib import Path

from codesign.hardware import Chip
from hdl.harness import run_bench

TINY = Chip.load("tiny")


def test_convert(tmp_path: Path) -> None:
    parameters = {"ARRAYS": TINY.arrays.count, "STEP_BITS": 4, "GROUP_BITS": 1}
    env = {"CHIP": TINY.model_dump_json()}
    run_bench("bench_convert", "xb_convert", ["xb_convert.v"], tmp_path, parameters, env)
