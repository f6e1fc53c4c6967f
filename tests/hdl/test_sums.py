from pathlib import Path

import pytest

from codesign.chip.description import Chip
from codesign.fixed import clog2
from tests.hdl.geometries import shaped, smallest
from tests.hdl.harness import run_bench
from tests.hdl.test_reduce import stages

SOURCES = ["xb_sums.v", "xb_block.v", "xb_reduce.v", "xb_scan.v", "xb_join.v", "xb_accumulate.v"]
NARROW = {"adc": {"bits": 3, "lanes": 2}, "activation": {"bits": 2}}


@pytest.mark.parametrize(
    ("chip", "block_log4"),
    [
        (Chip.load("tiny"), 1),  # two blocks, the second one smaller
        (smallest(), 1),
        (shaped("one-block", 4, **NARROW), 1),
        pytest.param(shaped("sixteen", 16), 1, marks=pytest.mark.slow),
        pytest.param(shaped("forty", 40, **NARROW), 1, marks=pytest.mark.slow),
        (shaped("forty", 40, **NARROW), 2),
        (shaped("seventy", 70, **NARROW), 1),  # runs through eighteen blocks
    ],
    ids=lambda x: x.name if isinstance(x, Chip) else f"log4-{x}",
)
def test_sums(chip: Chip, block_log4: int, tmp_path: Path) -> None:
    parameters = {
        "ARRAYS": chip.arrays.count,
        "LANES": chip.adc.lanes,
        "GROUPS": chip.groups,
        "GROUP_BITS": max(1, clog2(chip.groups)),
        "ARRAY_BITS": max(1, clog2(chip.arrays.count)),
        "ADC_BITS": chip.adc.bits,
        "SUM_BITS": chip.sum_bits,
        "FIELD": chip.acc_bits + 1,
        "STAGES": stages(chip.arrays.count),
        "BLOCK_LOG4": block_log4,
    }
    run_bench("bench_sums", "xb_sums", SOURCES, tmp_path, parameters, {"CHIP": chip.model_dump_json()})
