from pathlib import Path

import pytest

from codesign.chip.description import Chip
from tests.hdl.geometries import walked, widths
from tests.hdl.harness import run_bench

PARAMETERS = (
    "LANES",
    "FIELD",
    "GROUP_BITS",
    "ARRAY_BITS",
    "STEP_BITS",
    "TILE_BITS",
    "CONSTANT_BITS",
    "UNITS",
    "UNIT_BITS",
    "ACTIVATION_BITS",
)
CHIPS = walked("one-array")


@pytest.mark.parametrize(("chip", "sizes"), CHIPS, ids=[chip.name for chip, _ in CHIPS])
def test_drain(chip: Chip, sizes: list[int], tmp_path: Path) -> None:
    parameters = {name: widths(chip)[name] for name in PARAMETERS}
    env = {"CHIP": chip.model_dump_json(), "SIZES": str(sizes)}
    run_bench("bench_drain", "xb_drain", ["xb_drain.v"], tmp_path, parameters, env)
