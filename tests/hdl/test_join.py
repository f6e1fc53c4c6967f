from pathlib import Path

import pytest

from tests.hdl.harness import run_bench


@pytest.mark.parametrize("pieces", [0, 1])
@pytest.mark.parametrize(
    ("arrays", "lanes", "local", "across"),
    [(4, 8, 1, 1), (1, 1, 1, 3), pytest.param(3, 2, 1, 2, marks=pytest.mark.slow), (16, 3, 2, 3)],
)
def test_join(arrays: int, lanes: int, local: int, across: int, pieces: int, tmp_path: Path) -> None:
    parameters = {"ARRAYS": arrays, "LANES": lanes, "FIELD": 11, "LOCAL": local, "ACROSS": across, "PIECES": pieces}
    run_bench("bench_join", "xb_join", ["xb_join.v"], tmp_path, parameters)
