from pathlib import Path

import pytest

from codesign.chip.description import Chip
from tests.hdl.geometries import walked, widths
from tests.hdl.harness import run_bench

PARAMETERS = ("ARRAYS", "STEP_BITS", "LOAD_BITS", "INPUT_WORDS", "INPUT_BITS", "ACTIVATION_BITS")
CHIPS = walked("three-units")


@pytest.mark.parametrize(("chip", "sizes"), CHIPS, ids=[chip.name for chip, _ in CHIPS])
def test_fetch(chip: Chip, sizes: list[int], tmp_path: Path) -> None:
    parameters = {name: widths(chip)[name] for name in PARAMETERS}
    env = {"CHIP": chip.model_dump_json(), "SIZES": str(sizes)}
    run_bench("bench_fetch", "xb_fetch", ["xb_fetch.v"], tmp_path, parameters, env)
