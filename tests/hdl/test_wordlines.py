from pathlib import Path

import pytest

from tests.hdl.harness import run_bench


def run(folder: Path, **parameters: int) -> None:
    run_bench("bench_wordlines", "xb_wordlines", ["xb_wordlines.v"], folder, parameters)


@pytest.mark.parametrize("wide", [0, 1])
@pytest.mark.parametrize(
    ("arrays", "rows", "bits"), [(1, 4, 1), (3, 5, 3), (9, 7, 8), pytest.param(6, 16, 8, marks=pytest.mark.slow)]
)
def test_wordlines(arrays: int, rows: int, bits: int, wide: int, tmp_path: Path) -> None:
    run(tmp_path, ARRAYS=arrays, ROWS=rows, BITS=bits, WIDE=wide)


def test_fewer_wordlines_than_lanes(tmp_path: Path) -> None:
    run(tmp_path, ARRAYS=2, ROWS=3, LINES=5, BITS=4)
