from pathlib import Path

import pytest

from tests.hdl.harness import run_bench

WIDTHS = [
    (4, 18, 8, 4),
    *(pytest.param(*w, marks=pytest.mark.slow) for w in ((1, 6, 1, 3), (3, 31, 5, 9), (8, 20, 8, 6))),
]


@pytest.mark.parametrize(("lanes", "field", "bits", "tag"), WIDTHS)
def test_requant(lanes: int, field: int, bits: int, tag: int, tmp_path: Path) -> None:
    parameters = {"LANES": lanes, "FIELD": field, "BITS": bits, "TAG": tag}
    run_bench("bench_requant", "xb_requant", ["xb_requant.v", "xb_planes.v"], tmp_path, parameters)
