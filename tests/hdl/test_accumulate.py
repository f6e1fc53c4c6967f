from pathlib import Path

import pytest

from codesign.chip.description import Chip
from codesign.fixed import clog2
from tests.hdl.geometries import shaped, smallest
from tests.hdl.harness import run_bench


@pytest.mark.parametrize(
    "chip",
    [
        pytest.param(Chip.load("tiny"), marks=pytest.mark.slow),  # test_sums.py holds it, with what is before it
        smallest(),
        shaped("three-groups", 3, 24, 14, lanes=3, adc={"bits": 9, "lanes": 3}, activation={"bits": 5}),
    ],
    ids=lambda c: c.name,
)
def test_accumulate(chip: Chip, tmp_path: Path) -> None:
    parameters = {
        "ARRAYS": chip.arrays.count,
        "LANES": chip.adc.lanes,
        "GROUPS": chip.groups,
        "GROUP_BITS": max(1, clog2(chip.groups)),
        "ARRAY_BITS": max(1, clog2(chip.arrays.count)),
        "SUM_BITS": chip.sum_bits,
        "FIELD": chip.acc_bits + 1,
    }
    env = {"CHIP": chip.model_dump_json()}
    run_bench("bench_accumulate", "xb_accumulate", ["xb_accumulate.v"], tmp_path, parameters, env)
