"""The benchmark of large programs, in its small form."""

import subprocess
import sys
from pathlib import Path

import pytest

from flows.benchmarks import front_door, programs


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
