from pathlib import Path

import pytest

from codesign.fixed import clog2
from tests.hdl.harness import run_bench


@pytest.mark.parametrize(
    ("width", "bits", "depth"),
    [(3, 4, 20), (1, 8, 6), (8, 1, 24), pytest.param(4, 8, 128, marks=pytest.mark.slow)],
)
def test_stream_in(width: int, bits: int, depth: int, tmp_path: Path) -> None:
    parameters = {"BYTES": width, "BITS": bits, "DEPTH": depth, "ADDRESS_BITS": clog2(2 * depth)}
    run_bench("bench_stream_in", "xb_stream_in", ["xb_stream_in.v", "xb_planes.v"], tmp_path, parameters)
