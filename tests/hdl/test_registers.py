from pathlib import Path

from codesign.chip.description import RTL_VERSION, Chip
from tests.hdl.harness import run_bench


def test_registers(tmp_path: Path) -> None:
    parameters = {"VERSION": RTL_VERSION, "CHIP_ID": Chip.load("tiny").id}
    run_bench("bench_registers", "xb_registers", ["xb_registers.v"], tmp_path, parameters)
