"""The benchmarks in their small forms."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from flows.benchmarks import front_door, front_door_prepare, programs


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
def test_a_users_loop_loses_at_most_a_point_and_is_as_fast_as_our_own() -> None:
    torch.set_num_threads(1)
    found = list(front_door_prepare.losses(seeds=1, most=2))
    assert len(found) == 2 * len(front_door_prepare.NETS)
    assert np.mean([r.exact for r in found]) > 95 and np.mean([r.lost for r in found]) <= 1.0
    for hidden in front_door_prepare.NETS:
        ratios = (users / ours for ours, users in (front_door_prepare.step_times(hidden) for _ in range(3)))
        assert any(ratio <= 1.1 for ratio in ratios), "in one of three measurements, on a machine that others use, too"
