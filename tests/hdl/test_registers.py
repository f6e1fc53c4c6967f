from pathlib import Path

from codesign.chip.description import RTL_VERSION, Chip
from tests.hdl.harness import run_bench


def test_registers(tmp_path: Path) -> None:
    parameters = {"VERSION": RTL_VERSION, "CHIP_ID": Chip.load("tiny").id}
    sources = ["apb_registers.v", "xb_apb.v", "xb_registers.v"]
    run_bench("bench_registers", "apb_registers", sources, tmp_path, parameters)
