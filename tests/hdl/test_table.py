from pathlib import Path

import pytest

from tests.hdl.harness import run_bench


@pytest.mark.parametrize(
    ("words_log2", "depth", "address_bits", "reads"),
    [(0, 8, 3, 1), (1, 5, 3, 1), (3, 16, 4, 3), (2, 1, 1, 2)],
    ids=["one-word", "odd-depth", "three-ports", "one-entry"],
)
def test_table(words_log2: int, depth: int, address_bits: int, reads: int, tmp_path: Path) -> None:
    parameters = {"WORDS_LOG2": words_log2, "DEPTH": depth, "ADDRESS_BITS": address_bits, "READS": reads}
    run_bench("bench_table", "xb_table", ["xb_table.v"], tmp_path, parameters)
