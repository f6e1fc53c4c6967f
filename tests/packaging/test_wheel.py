"""The wheel, installed far from the checkout: templates and flows travel with it."""

import json
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.packaging.installed import ROOT, run

pytestmark = pytest.mark.slow


def test_everything_travels(wheel: Path) -> None:
    inside = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    folders = ["codesign", "hdl_templates", "flows"]
    listed = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    stays = ("flows/results/", "flows/iscas2018/results/", "flows/benchmarks/", "flows/front_door.ipynb")
    tracked = {
        re.sub("^hdl_templates/", "codesign/_hdl/", re.sub("^flows/", "codesign/_flows/", name))
        for name in listed.stdout.split()
        if not name.startswith(stays)
    }
    assert inside == tracked
    assert {".v", ".vh", ".j2", ".toml", ".py", ".typed"} <= {Path(n).suffix for n in inside}


def test_it_is_the_wheel_that_runs(home: Path) -> None:
    where = run(home, "python", "-c", "import codesign; print(codesign.__file__)").strip()
    assert Path(where).is_relative_to(home)


def test_help(home: Path) -> None:
    assert "simulate" in run(home, "codesign", "--help")


def test_presets_and_templates_are_found(home: Path) -> None:
    assert "reference-128" in run(home, "codesign", "chip", "check", "reference-128")
    run(home, "codesign", "chip", "emit", "reference-128", "--out", "rtl")
    assert (home / "rtl" / "xb_chip.v").is_file()
    assert "of all 24 candidates" in run(home, "codesign", "optimize", "digits", "--screen", "--out", "screen")


def test_the_demo(home: Path) -> None:
    run(home, "codesign", "run", "digits_mlp", "--out", "demo")
    summary = json.loads((home / "demo" / "summary.json").read_text())
    assert summary["mismatches"] == 0
    assert summary["accuracy"]["rtl"]["images"] > 0
