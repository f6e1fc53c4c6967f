"""The folder of a simulation: any name works, and a file that cannot be read there ends it."""

from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.errors import ToolError
from codesign.image import render
from codesign.mapping import Die
from codesign.program import Program
from codesign.sim import job, simulate
from tests.hdl.programs import images, program

TINY = Chip.load("tiny")
LONG = "/".join("d" * 200 for _ in range(8))  # longer than what a simulator keeps of a plusarg


def die(p: Program) -> Die:
    rng = np.random.default_rng(5)
    shape = (TINY.arrays.rows, TINY.arrays.columns)
    return Die({u.array: rng.integers(0, 4, shape).astype(np.int32) for u in p.mapping.arrays})


@pytest.mark.parametrize(
    "name", ["ü/o", pytest.param("a b", marks=pytest.mark.slow), "line\nbreak", LONG, "quo\"te' $x"], ids=ascii
)
def test_a_folder_of_any_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    p = program([30, 11, 5], TINY)
    x = images(3, p.network)
    result = simulate(p, x, folder=name, load="backdoor", die=die(p), waves=True)
    assert result.mismatches == () and result.timing_errors == 0
    assert (result.outputs != p.run(x)).any(), "a die that matters"
    assert {"chip.fst", "chip.gtkw", "simulation.log"} <= {f.name for f in (tmp_path / name).iterdir()}
    assert [f.name for f in tmp_path.iterdir()] == [Path(name).parts[0]], "nothing beside it"


@pytest.mark.parametrize(
    "lost",
    [
        "array_1_trim.hex",
        "loads.hex",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("array_0.hex", "program.hex")),
    ],
)
def test_a_backdoor_file_that_is_lost_ends_the_simulation(
    lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = program([30, 11, 5], TINY)
    monkeypatch.setattr(job, "render", lambda m: {k: v for k, v in render(m).items() if k != lost})
    with pytest.raises(ToolError) as caught:
        simulate(p, images(2, p.network), folder=tmp_path, load="backdoor")
    assert str(caught.value) == (
        f"simulation of tiny_top_sim: cannot open backdoor/{lost}; log: {tmp_path / 'simulation.log'}"
    )


def test_a_die_file_that_is_lost_ends_the_simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    p = program([30, 11, 5], TINY)
    write = job.write_die

    def lose(of: Die, with_: Program, folder: Path) -> None:
        write(of, with_, folder)
        (folder / "array_1.hex").unlink()

    monkeypatch.setattr(job, "write_die", lose)
    with pytest.raises(ToolError) as caught:
        simulate(p, images(2, p.network), folder=tmp_path, die=die(p))
    assert "cannot open die/array_1.hex; log: " in str(caught.value)
