from pathlib import Path

import pytest

from codesign.fixed import clog2
from tests.hdl.harness import run_bench


def stages(arrays: int) -> int:
    return max(1, (clog2(arrays) + 1) // 2)


SIZES = [(1, 1, 2), (1, 4, 6), (3, 2, 5), (6, 4, 6), (16, 8, 6), (16, 3, 4), (40, 5, 12)]
QUICK = {0: SIZES[::2], 1: [SIZES[0], SIZES[3], SIZES[6]]}  # by wires: the ends and some between


@pytest.mark.parametrize(
    ("arrays", "lanes", "adc", "wires"),
    [pytest.param(*s, w, marks=() if s in QUICK[w] else pytest.mark.slow) for w in QUICK for s in SIZES],
)
def test_reduce(arrays: int, lanes: int, adc: int, wires: int, tmp_path: Path) -> None:
    """The wiring of codes to fields in both forms: as wires, which is synthesized, and in moves, for Icarus."""
    field = adc + clog2(arrays) + 1
    parameters = {
        "ARRAYS": arrays,
        "LANES": lanes,
        "ADC_BITS": adc,
        "FIELD": field + 3,
        "STAGES": stages(arrays),
        "WIRES": wires,
    }
    run_bench("bench_reduce", "xb_reduce", ["xb_reduce.v", "xb_scan.v"], tmp_path, parameters)


@pytest.mark.parametrize("pieces", [0, 1])
@pytest.mark.parametrize(
    ("arrays", "lanes"),
    [(1, 2), (3, 1), *(pytest.param(*s, marks=pytest.mark.slow) for s in [(6, 4), (16, 2)]), (40, 3)],
)
def test_scan(arrays: int, lanes: int, pieces: int, tmp_path: Path) -> None:
    bits = 7
    parameters = {
        "ARRAYS": arrays,
        "LANES": lanes,
        "FIELD": bits + clog2(arrays) + 1,
        "STAGES": stages(arrays),
        "PIECES": pieces,
    }
    run_bench("bench_reduce", "xb_scan", ["xb_scan.v"], tmp_path, parameters, {"VALUE_BITS": str(bits)})
