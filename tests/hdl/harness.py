"""How a pytest file runs a cocotb bench: build once per parameter set, run, raise when a test failed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from codesign.rtl.library import HEADERS, text
from codesign.sim.simulators import icarus

HERE = Path(__file__).parent


def run_bench(
    bench: str,
    top: str,
    sources: Sequence[str],
    folder: Path,
    parameters: Mapping[str, object] | None = None,
    env: Mapping[str, str] | None = None,
    plusargs: Sequence[str] = (),
    only: str | None = None,
    **arrays: np.ndarray,
) -> None:
    """Run the tests of tests/hdl/BENCH.py on module `top`.

    sources: names in the rtl folder of a chip, or file names beside this one. arrays: written to job.npz, which
    the bench finds through $JOB. only: regular expression of the tests to run. Raises ToolError on a failure.
    """
    files = {name: (HERE / name).read_text() if (HERE / name).is_file() else text(name) for name in sources}
    files |= {name: text(name) for name in HEADERS}
    simulator = icarus.build(files, list(sources), top, parameters)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "job.npz", **arrays)
    environment = {
        "JOB": str(folder / "job.npz"),
        "COCOTB_RANDOM_SEED": "1",
        "COCOTB_REWRITE_ASSERTION_FILES": "bench_*.py",  # failed asserts show both sides
        **(env or {}),
    }
    icarus.run(simulator, top, f"tests.hdl.{bench}", folder, environment, plusargs, filter=only)
