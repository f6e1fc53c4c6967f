from pathlib import Path

import pytest

from tests.hdl.cases import CASES
from tests.hdl.geometries import widths
from tests.hdl.harness import run_bench
from tests.hdl.walked import WALKS

PARAMETERS = (
    "LANES",
    "FIELD",
    "GROUP_BITS",
    "ARRAY_BITS",
    "STEP_BITS",
    "TILE_BITS",
    "CONSTANT_BITS",
    "ACTIVATION_BITS",
)


@pytest.mark.parametrize("name", [c for c in CASES if c != "one-array"])
def test_drain(name: str, tmp_path: Path) -> None:
    parameters = {p: widths(WALKS[name].chip)[p] for p in PARAMETERS}
    run_bench("bench_drain", "xb_drain", ["xb_drain.v", "xb_walk.v"], tmp_path, parameters, {"WALK": name})
