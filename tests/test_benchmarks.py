"""The benchmarks in their small forms."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows.benchmarks import programs
from flows.benchmarks.bringup import __main__ as bringup
from flows.benchmarks.front_door.digits import NETS, name_of
from flows.benchmarks.front_door.post_training import EFFORTS, LEVELS
from tests.frontend.onnx.build import published
from tests.tools import needs


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
@needs("iverilog")
@needs("make")
@needs("cc")
def test_bring_up_is_as_good_as_it_must_be() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "flows.benchmarks.bringup", "--quick"],
        check=True,  # exit 1: a figure that is not a speed is worse than it must be
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(programs.__file__).parents[2],
    )
    rows = dict(line.rsplit("  ", 1) for line in ran.stdout.splitlines() if line.startswith("  "))
    found = {label.strip(): value for label, value in rows.items()}
    assert found["the player; stream, transcript and C programs in cocotb"] == "PASS"
    shares = [value.split(" of ") for value in found.values() if re.fullmatch(r"\d+ of \d+", value)]
    assert len([s for s in shares if s[0] == s[1] != "0"]) == 12
    assert len([v for label, v in found.items() if "images" in label and v.count(", ") == 2]) == 4


@pytest.mark.parametrize("broken", ["dies", "lossless", "layers"])
def test_bring_up_tells_what_is_worse(
    broken: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bringup"])
    monkeypatch.setattr(bringup, "PARTS", {name: lambda _, good=name != broken: good for name in bringup.PARTS})
    with pytest.raises(SystemExit) as caught:
        bringup.main()
    assert caught.value.code == 1
    assert capsys.readouterr().out.split()[-1] == broken
