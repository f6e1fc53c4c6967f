"""A command that is killed: run again it comes to the end of one that was not, and repeats no training."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import codesign
from tests.cli.calls import Call
from tests.search.toy import TOY

SETS = ("train.epochs=2", "search.rungs=[1]", "search.trials=4", "search.finalists=1", "search.seeds=[1]",
        "simulate.images=2", "limits.arrays=6")  # fmt: skip


def command(file: Path, out: Path) -> list[str]:
    return ["optimize", str(file), "--out", str(out), "--json", *(a for s in SETS for a in ("--set", s))]


def ended(call: Call, file: Path, out: Path) -> tuple[str, set[str]]:
    """What is printed; which trainings there are."""
    status, text, mistakes = call(*command(file, out))
    assert (status, mistakes) == (0, "")
    return text, {p.parent.name for p in out.glob("jobs/*/result.json")}


@pytest.mark.slow  # test_resume.py kills at every line, without trainings
def test_killed(call: Call, tmp_path: Path) -> None:
    file, out = tmp_path / "toy.toml", tmp_path / "out"
    file.write_text(TOY.replace("[uniform]\nhidden = [16]\n", ""))
    root, quiet = Path(codesign.__file__).parents[1], subprocess.DEVNULL
    argv = [sys.executable, "-m", "codesign", *command(file, out)]
    run = subprocess.Popen(argv, cwd=root, start_new_session=True, stdout=quiet, stderr=quiet)
    deadline = time.monotonic() + 60
    while len(done := list(out.glob("jobs/*/result.json"))) < 2 and time.monotonic() < deadline:
        assert run.poll() is None
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert not (out / "toy.json").exists()
    done = list(out.glob("jobs/*/result.json"))
    written = {p: p.stat().st_mtime_ns for p in done}
    assert len(written) >= 2
    text, trainings = ended(call, file, out)
    assert {p: p.stat().st_mtime_ns for p in done} == written
    whole = ended(call, file, tmp_path / "whole")
    assert (text, trainings) == whole
    assert json.loads(text)["budgets"][0]["certificate"]["search"]["trained"] == 4
    assert len(trainings) > len(written)
