from pathlib import Path

import pytest

from codesign.fixed import clog2
from tests.hdl.harness import run_bench


@pytest.mark.parametrize(
    ("word", "rows", "bits"),
    [
        (8, 21, 3),  # a word goes round the wordlines more than twice
        (32, 5, 8),
        (2, 3, 1),
        *(pytest.param(*s, marks=pytest.mark.slow) for s in [(16, 16, 8), (4, 24, 1), (64, 100, 8)]),
    ],
)
def test_window(word: int, rows: int, bits: int, tmp_path: Path) -> None:
    parameters = {"WORD": word, "WORD_BITS": clog2(word), "ROWS": rows, "BITS": bits}
    run_bench("bench_window", "xb_window", ["xb_window.v"], tmp_path, parameters)
