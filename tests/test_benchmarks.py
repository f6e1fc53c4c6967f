"""The benchmarks in their small forms."""

import subprocess
import sys
from pathlib import Path

import pytest

from flows.benchmarks import programs
from flows.benchmarks.front_door.digits import NETS, name_of
from flows.benchmarks.front_door.post_training import EFFORTS, LEVELS
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
def test_front_door_loses_no_more_than_allowed() -> None:
    parts = ("post-training", "prepare")
    ran = subprocess.run(
        [sys.executable, "-m", "flows.benchmarks.front_door", "--quick", *(f"--part={p}" for p in parts)],
        check=True,  # exit 1: a network loses more than allowed
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(programs.__file__).parents[2],
    )
    rows = [line.split() for line in ran.stdout.splitlines()[:-1] if "points lost" not in line]
    rounded = [r for r in rows if len(r) == 7]  # those of post-training tell the effort
    assert len({tuple(r[:3]) for r in rounded}) == len(rounded) == len(NETS) * len(LEVELS) * len(EFFORTS)
    prepared = [r for r in rows if len(r) == 6]
    assert [r[0] for r in prepared] == [name_of(sizes) for sizes in NETS]
    assert all(90 < float(r[-4]) <= 100 for r in (*rounded, *prepared))


@pytest.mark.slow
def test_a_published_file_loses_nothing() -> None:
    published("TFC_1W1A.onnx")  # skips where it is absent
    ran = subprocess.run(
        [sys.executable, "-m", "flows.benchmarks.front_door", "--quick", "--part", "published"],
        check=True,  # exit 1: a point is lost or a word differs
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(programs.__file__).parents[2],
    )
    rows = [line.split() for line in ran.stdout.splitlines()[1:]]
    assert [row[-1] for row in rows[:3]] == ["92.96"] * 3 and [row[-1] for row in rows[4:8]] == ["0"] * 4
    assert rows[3] == ["certificate", "202", "columns", "x", "59,210", "values,", "0", "differ"]


@pytest.mark.slow
def test_a_hidden_die_is_found() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "flows.benchmarks.characterize", "--images", "20"],
        check=True,  # exit 1: it missed its goal, or the ideal die would not
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(programs.__file__).parents[2],
    )
    assert [line[52:] for line in ran.stdout.splitlines() if "on code" in line] == ["100.00"] * 2


@pytest.mark.slow
def test_formats_lists_and_dies_lose_nothing() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "flows.benchmarks.lists", "--programs", "2", "--images", "20"],
        check=True,  # exit 1: something was lost, or damage was missed
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(programs.__file__).parents[2],
    )
    found = {" ".join(line[:44].split()): line[44:] for line in ran.stdout.splitlines()}
    assert [found[k] for k in ("files whose bytes differ", "arrays whose cells differ", "not listed")] == ["0"] * 3
    assert int(found["damages"].split()[0]) > 100
