from pathlib import Path

import pytest

from codesign.chip.description import RTL_VERSION, Chip
from codesign.chip.layout import CELLS, CONSTANTS, LOADS, STEPS, TILES, TRIMS, WALKS
from codesign.image.words import limits
from codesign.rtl import plan
from tests.hdl.geometries import shaped
from tests.hdl.harness import run_bench

MANY = pytest.param(shaped("forty-arrays", 40), marks=pytest.mark.slow, id="forty-arrays")


@pytest.mark.parametrize("chip", [pytest.param(Chip.load("tiny"), id="tiny"), MANY])
def test_loader(chip: Chip, tmp_path: Path) -> None:
    words = limits(chip)
    parameters = {
        "CHIP_ID": chip.id,
        "FORMAT": RTL_VERSION,
        "ARRAYS": chip.arrays.count,
        "CELL_WORDS": words[CELLS],
        "TRIM_WORDS": words[TRIMS],
        "STEP_WORDS": words[STEPS],
        "LOAD_WORDS": words[LOADS],
        "TILE_WORDS": words[TILES],
        "CONSTANT_WORDS": words[CONSTANTS],
        "WALK_WORDS": words[WALKS],
        "WRITE_BITS": plan(chip).parameters["WRITE_BITS"],
    }
    sources = ["xb_loader.v", "xb_crc32.v"]
    run_bench("bench_loader", "xb_loader", sources, tmp_path, parameters, {"CHIP": chip.model_dump_json()})
