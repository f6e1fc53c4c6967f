from pathlib import Path

import pytest

from codesign.fixed import clog2
from tests.hdl.harness import run_bench


@pytest.mark.parametrize(("width", "units", "bits", "words"), [(4, 4, 8, 8), (3, 5, 4, 3), (1, 3, 8, 2), (8, 1, 5, 3)])
def test_stream_in(width: int, units: int, bits: int, words: int, tmp_path: Path) -> None:
    parameters = {
        "BYTES": width,
        "UNITS": units,
        "UNIT_BITS": max(1, clog2(units)),
        "BITS": bits,
        "WORDS": words,
        "ADDRESS_BITS": clog2(2 * words),
    }
    run_bench("bench_stream_in", "xb_stream_in", ["xb_stream_in.v", "xb_planes.v"], tmp_path, parameters)
