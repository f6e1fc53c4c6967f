from pathlib import Path

import pytest

from tests.hdl.cases import CASES
from tests.hdl.geometries import widths
from tests.hdl.harness import run_bench
from tests.hdl.walked import WALKS

PARAMETERS = ("ARRAYS", "STEP_BITS", "GROUP_BITS")


@pytest.mark.parametrize("name", CASES)
def test_convert(name: str, tmp_path: Path) -> None:
    parameters = {p: widths(WALKS[name].chip)[p] for p in PARAMETERS}
    run_bench("bench_convert", "xb_convert", ["xb_convert.v"], tmp_path, parameters, {"WALK": name})
