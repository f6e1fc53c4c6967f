"""The benchmark of large programs, in its small form."""

import subprocess
import sys
from pathlib import Path

import pytest

from flows.benchmarks import front_door, programs
from tests.frontend.onnx.build import published


@pytest.mark.slow
def test_large_programs() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "flows.benchmarks.programs", "--size", "small"],
        check=True,  # exit 1: past its limits
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(programs.__file__).parents[2],
    )
    rows = [line.split() for line in ran.stdout.splitlines()]
    assert [r[0] for r in rows[1:]] == [*programs.PARTS, "files"]
    assert all(float(r[1]) >= 0 and float(r[2]) > 0 for r in rows[1:-1])


@pytest.mark.slow
def test_post_training_loses_no_more_than_allowed() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "flows.benchmarks.front_door", "--quick", "--part", "post-training"],
        check=True,  # exit 1: a network loses more than allowed
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(programs.__file__).parents[2],
    )
    rows = [line.split() for line in ran.stdout.splitlines()[1:-1]]
    cases = [(row[0], row[1], row[2]) for row in rows]
    assert len(cases) == len(set(cases)) == len(front_door.NETS) * len(front_door.LEVELS) * len(front_door.EFFORTS)
    assert all(90 < float(row[3]) <= 100 for row in rows)


@pytest.mark.slow
def test_a_published_file_loses_nothing() -> None:
    published("TFC_1W1A.onnx")  # skips where it is absent
    ran = subprocess.run(
        [sys.executable, "-m", "flows.benchmarks.front_door_onnx", "--quick"],
        check=True,  # exit 1: a point is lost or a word differs
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(programs.__file__).parents[2],
    )
    rows = [line.split() for line in ran.stdout.splitlines()]
    assert [row[-1] for row in rows[:3]] == ["92.96"] * 3 and [row[-1] for row in rows[4:8]] == ["0"] * 4
    assert rows[3] == ["certificate", "202", "columns", "x", "59,210", "values,", "0", "differ"]
