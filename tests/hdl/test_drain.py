from pathlib import Path

from codesign.hardware import Chip
from hdl.harness import run_bench

TINY = Chip.load("tiny")


def test_drain(tmp_path: Path) -> None:
    units = TINY.arrays.rows // TINY.adc.lanes
    parameters = {
        "LANES": TINY.adc.lanes,
        "FIELD": TINY.acc_bits + 1,
        "GROUP_BITS": 1,
        "ARRAY_BITS": 3,
        "STEP_BITS": 4,
        "TILE_BITS": 5,
        "CONSTANT_BITS": 6,
        "UNITS": units,
        "UNIT_BITS": 2,
        "ACTIVATION_BITS": 3,
    }
    env = {"CHIP": TINY.model_dump_json()}
    run_bench("bench_drain", "xb_drain", ["xb_drain.v"], tmp_path, parameters, env)
