from pathlib import Path

import pytest

from codesign.fixed import clog2
from tests.hdl.harness import run_bench


@pytest.mark.parametrize(
    ("count", "word", "bits", "depth"),
    [
        (3, 8, 5, 3),  # writes do not divide a word; one bank is larger
        (16, 16, 8, 2),
        (1, 2, 1, 5),
        *(pytest.param(*s, marks=pytest.mark.slow) for s in [(4, 16, 8, 8), (4, 4, 1, 7), (5, 64, 3, 4)]),
    ],
)
def test_memory(count: int, word: int, bits: int, depth: int, tmp_path: Path) -> None:
    parameters = {
        "COUNT": count,
        "COUNT_BITS": clog2(count + 1),
        "WORD": word,
        "WORD_BITS": clog2(word),
        "BITS": bits,
        "DEPTH": depth,
        "ADDRESS_BITS": clog2(depth) + clog2(word),
    }
    run_bench("bench_memory", "xb_memory", ["xb_memory.v"], tmp_path, parameters)
