"""The array model: packed and readable version, and codesign.fixed.convert, on several geometries."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.image import render
from codesign.mapping import Die, place
from codesign.program import Program
from codesign.rtl import plan
from codesign.sim.job import write_die
from tests.hdl.harness import run_bench
from tests.hdl.mutants import Mutant
from tests.hdl.programs import net

SOURCES = ("model/xb_array_packed.v", "model/xb_array.v", "model/xb_array_cells.v", "array_pair.v")


def chip(rows: int, columns: int, lanes: int, adc: int, **device: Any) -> Chip:
    return Chip.model_validate(
        {
            "name": "bench",
            "arrays": {"count": 1, "rows": rows, "columns": columns},
            "device": device,
            "adc": {"bits": adc, "lanes": lanes},
            "memory": {"input_words": 2, "activation_words": 2},
            "bus": {"stream_bytes": 1},
        }
    )


CHIPS = {
    "tiny": chip(16, 16, 4, 6, levels=4, code_bits=2),
    "two-levels-padded": chip(8, 12, 4, 2, levels=2, code_bits=1),
    "three-levels-off-cells-conduct": chip(9, 10, 3, 5, levels=3, code_bits=4, on_off_ratio=4.0),
    "levels-straddle-words": chip(24, 44, 8, 7, levels=6, code_bits=5),
    "sixteen-levels-one-group": chip(9, 18, 9, 8, levels=16, code_bits=8, spacing="resistance", on_off_ratio=20.0),
    "one-converter": chip(7, 6, 1, 5, levels=4, code_bits=3, spacing="table", table=(0.0, 1.0, 2.5, 7.0)),
    "wide-converter": chip(12, 8, 2, 8, levels=4, code_bits=2),
}
QUICK = ("tiny", "three-levels-off-cells-conduct", "levels-straddle-words", "one-converter")  # over the bus
BUS = [pytest.param(c, id=n, marks=() if n in QUICK else pytest.mark.slow) for n, c in CHIPS.items()]


def run(chip: Chip, folder: Path, only: str, plusargs: tuple[str, ...] = (), **arrays: np.ndarray) -> None:
    parameters = {**plan(chip).array, "INDEX": 0}
    env = {"CHIP": chip.model_dump_json()}
    run_bench("bench_array", "array_pair", SOURCES, folder, parameters, env, plusargs, only, **arrays)


def levels(chip: Chip, seed: int) -> np.ndarray:
    """Random levels; columns 0 and 1 hold the largest current and its negative."""
    size = (chip.arrays.rows, chip.arrays.columns)
    result = np.random.default_rng(seed).integers(0, chip.device.levels, size).astype(np.uint8)
    top = chip.device.levels - 1
    result[:, :4] = 0, top, top, 0
    return result


@pytest.mark.parametrize("chip", BUS)
def test_programmed_over_the_bus(chip: Chip, tmp_path: Path) -> None:
    run(chip, tmp_path, "bus", levels=levels(chip, 1), others=levels(chip, 2))


@pytest.mark.parametrize("chip", BUS)
def test_conversion_by_groups(chip: Chip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a compiled simulator has it, which has no benches."""
    Mutant("model/xb_array_packed.v", "WIDE = 1 ", "WIDE = 0 ").install(monkeypatch, tmp_path)
    run(chip, tmp_path, "bus", levels=levels(chip, 1), others=levels(chip, 2))


IDEAL = [
    pytest.param(c, False, id=f"{n}-ideal", marks=() if n == "tiny" else pytest.mark.slow) for n, c in CHIPS.items()
]
DIES = [  # of what the bus does not program by default
    pytest.param(c, True, id=f"{n}-die", marks=pytest.mark.slow if n in QUICK[1:] else ()) for n, c in CHIPS.items()
]


@pytest.mark.parametrize(("chip", "with_die"), [*IDEAL, *DIES])
def test_programmed_from_files(chip: Chip, with_die: bool, tmp_path: Path) -> None:
    from_files(chip, with_die, tmp_path)


def from_files(chip: Chip, with_die: bool, tmp_path: Path, fraction: int = 0) -> None:
    rng = np.random.default_rng(3)
    mapping = place(net([chip.arrays.rows, chip.columns], chip), chip)
    wanted = levels(chip, 1)
    wanted[2:4] = 0  # wordlines that hold level 0 throughout
    offset = rng.integers(-20, 21, chip.columns)
    mapping = replace(mapping, arrays=(replace(mapping.arrays[0], levels=wanted, offset=offset),))
    for name, data in render(mapping).items():
        (tmp_path / name).write_bytes(data)
    plusargs = [f"+backdoor={tmp_path}"]
    job: dict[str, Any] = {"levels": wanted, "others": levels(chip, 2), "offset": offset}
    if with_die:
        job["die"] = rng.integers(0, 1 << chip.device.code_bits + fraction, wanted.shape).astype(np.int32)
        job["die"][:, :4] = 0, job["die"].max(), job["die"].max(), 0
        job["fraction"] = np.array(fraction)
        write_die(Die({0: job["die"]}, fraction), Program(mapping), tmp_path / "die")
        plusargs += [f"+die={tmp_path / 'die'}", f"+die_fraction={fraction}"]
    run(chip, tmp_path / "run", "files", tuple(plusargs), **job)


FINE = [
    ("tiny", 4),
    ("tiny", 8),
    ("two-levels-padded", 1),
    ("three-levels-off-cells-conduct", 3),
    ("levels-straddle-words", 4),
    ("sixteen-levels-one-group", 8),
    ("one-converter", 5),
]


@pytest.mark.parametrize(
    ("name", "fraction"),
    [pytest.param(n, f, id=f"{n}-{f}", marks=pytest.mark.slow if k > 2 else ()) for k, (n, f) in enumerate(FINE)],
)
def test_a_die_that_counts_fractions_of_a_code(name: str, fraction: int, tmp_path: Path) -> None:
    from_files(CHIPS[name], True, tmp_path, fraction)


@pytest.mark.parametrize("name", ["tiny", "one-converter"])
def test_fractions_by_groups(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Mutant("model/xb_array_packed.v", "WIDE = 1 ", "WIDE = 0 ").install(monkeypatch, tmp_path)
    from_files(CHIPS[name], True, tmp_path, 4)
