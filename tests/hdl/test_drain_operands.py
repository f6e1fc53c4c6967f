from pathlib import Path

import pytest

from tests.hdl.harness import run_bench


@pytest.mark.parametrize(
    ("lanes", "bits", "field"),
    [(4, 8, 18), *(pytest.param(*w, marks=pytest.mark.slow) for w in ((3, 1, 9), (1, 5, 12)))],
)
def test_drain_operands(lanes: int, bits: int, field: int, tmp_path: Path) -> None:
    parameters = {"LANES": lanes, "BITS": bits, "FIELD": field, "GROUP_BITS": 3, "ACTIVATION_BITS": 9, "TILE_BITS": 6}
    run_bench("bench_drain_operands", "xb_drain", ["xb_drain.v", "xb_walk.v"], tmp_path, parameters)
