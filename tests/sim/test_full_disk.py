"""A full disk, played by a limit on the size of files: one line, and nothing half-written."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.sim.job import OF_A_RUN, build
from tests.hdl.programs import images, program
from tests.search.toy import toy as question
from tests.study.toy import toy as study

pytestmark = pytest.mark.slow

pytest.importorskip("resource", reason="needs limits on the size of files")

COMMAND = """\
import resource, sys
from codesign.cli import main, progress
progress.EVERY = float("inf")  # no lines of progress, however slow the machine is
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    p = program([30, 11, 15], Chip.load("tiny"))
    p.save(home / "p")
    np.save(home / "x.npy", images(40, p.network).astype(np.uint8))
    build(p)
    return home


def full(limit: int, folder: Path, *argv: object) -> tuple[int, str, str]:
    """(exit status, stdout, stderr) of a command where files end at so many bytes."""
    command = [sys.executable, "-c", COMMAND, str(limit), *map(str, argv)]
    (folder / "tmp").mkdir(exist_ok=True)
    env = {**os.environ, "TMPDIR": str(folder / "tmp")}
    ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    return ran.returncode, ran.stdout, ran.stderr


# Bytes: job.npz has 2,956, result.npz 4,284, outputs.npy 4,928.
@pytest.mark.parametrize(
    ("limit", "kept"),
    [pytest.param(2500, [], marks=pytest.mark.slow), (4000, []), (4600, ["result.npz"])],
)
def test_results_of_simulate_are_whole_or_absent(limit: int, kept: list[str], home: Path, tmp_path: Path) -> None:
    status, out, err = full(limit, tmp_path, "simulate", home / "p", "--inputs", home / "x.npy", "--out", "o")
    assert (status, out) == (1, "")
    assert err.startswith("error: ") and err.count("\n") == 1, err
    found = {f.name for f in (tmp_path / "o").iterdir()}
    assert [name for name in ("result.npz", "outputs.npy") if name in found] == kept
    assert not list((tmp_path / "o").glob(".*.tmp"))


@pytest.mark.parametrize("how", ["full disk", "no compiler"])
def test_a_failed_run_keeps_nothing_of_an_earlier_one(how: str, home: Path, tmp_path: Path) -> None:
    """Else who looks into the folder takes the old outputs for its own."""
    ask = ("simulate", home / "p", "--inputs", home / "x.npy", "--out", "o")
    assert full(1 << 30, tmp_path, *ask, "--images", "2", "--waves")[0] == 0
    assert {f.name for f in (tmp_path / "o").iterdir()} >= set(OF_A_RUN) - {"result.partial.npz"}
    if how == "full disk":
        assert full(2500, tmp_path, *ask)[0] == 1
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", "")
            assert full(1 << 30, tmp_path, *ask)[0] == 1
    assert not {f.name for f in (tmp_path / "o").iterdir()} & set(OF_A_RUN)


@pytest.mark.slow
def test_a_run_without_waves_keeps_none_of_an_earlier_one(home: Path, tmp_path: Path) -> None:
    ask = ("simulate", home / "p", "--inputs", home / "x.npy", "--images", "2", "--out", "o")
    for waves in (["--waves"], []):
        assert full(1 << 30, tmp_path, *ask, *waves)[0] == 0
        assert (tmp_path / "o" / "chip.fst").exists() == (tmp_path / "o" / "chip.gtkw").exists() == bool(waves)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "make", "limit"), [("study", study, 60), ("optimize", question, 3000)], ids=["study", "optimize"]
)
def test_long_work_resumes_when_there_is_room(
    command: str, make: Callable[[Path], object], limit: int, tmp_path: Path
) -> None:
    make(tmp_path)
    ask = (command, "toy.toml", "--out", "o", "--json")
    status, out, err = full(limit, tmp_path, *ask)
    assert (status, out) == (1, "")
    assert err.startswith("error: ") and err.count("\n") == 1 and "cannot be written (File too large)" in err, err
    status, out, err = full(1 << 30, tmp_path, *ask)
    assert (status, err) == (0, "") and json.loads(out)
    assert not list((tmp_path / "o").rglob("*.tmp"))


def test_the_temporary_folder_is_named_with_its_setting(home: Path, tmp_path: Path) -> None:
    status, out, err = full(2500, tmp_path, "simulate", home / "p", "--inputs", home / "x.npy")
    assert (status, out) == (1, "")
    place, _, why = err.partition(": cannot be written (File too large); ")
    assert place.startswith(f"error: {tmp_path / 'tmp' / 'codesign-'}")
    assert why == "make it writable or choose another; temporary files go where TMPDIR points\n"
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["chip", "new", "my.toml"], "my.toml: cannot be written (File too large); choose another place"),
        (
            ["chip", "emit", "tiny", "--out", "o"],
            "{}/o: cannot be written (File too large); make it writable or choose another",
        ),
        (
            ["compile", "{home}/p/network.safetensors", "--chip", "tiny", "--out", "o"],
            "{}/o: cannot be written (File too large); make it writable or choose another",
        ),
    ],
    ids=["chip new", "chip emit", "compile"],
)
def test_other_commands_leave_nothing(argv: list[str], error: str, home: Path, tmp_path: Path) -> None:
    ran = full(100, tmp_path, *(a.format(home=home) for a in argv))
    assert ran == (1, "", f"error: {error.format(tmp_path)}\n")
    assert [f.name for f in tmp_path.iterdir()] == ["tmp"]
