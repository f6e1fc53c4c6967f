from pathlib import Path

from codesign.hardware import Chip
from hdl.harness import run_bench

TINY = Chip.load("tiny")


def test_fetch(tmp_path: Path) -> None:
    parameters = {
        "ARRAYS": TINY.arrays.count,
        "STEP_BITS": 4,
        "LOAD_BITS": 6,
        "INPUT_WORDS": TINY.memory.input_words,
        "INPUT_BITS": 4,
        "ACTIVATION_BITS": 3,
    }
    env = {"CHIP": TINY.model_dump_json()}
    run_bench("bench_fetch", "xb_fetch", ["xb_fetch.v"], tmp_path, parameters, env)
