from pathlib import Path

import pytest

from codesign.fixed import clog2
from tests.hdl.harness import run_bench


@pytest.mark.parametrize(("unit", "units", "bits", "depth"), [(4, 4, 8, 8), (3, 8, 5, 3), (16, 1, 4, 2), (1, 5, 1, 1)])
def test_memory(unit: int, units: int, bits: int, depth: int, tmp_path: Path) -> None:
    parameters = {
        "UNIT": unit,
        "UNITS": units,
        "BITS": bits,
        "DEPTH": depth,
        "ADDRESS_BITS": max(1, clog2(depth)),
        "UNIT_BITS": max(1, clog2(units)),
    }
    run_bench("bench_memory", "xb_memory", ["xb_memory.v"], tmp_path, parameters)
