"""The wheel, installed far from the checkout: templates and flows travel with it."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return next(out.glob("codesign-*.whl"))


@pytest.fixture(scope="module")
def home(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; third-party packages are borrowed from the running one."""
    home = tmp_path_factory.mktemp("far") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True, text=True)
    # A path in a .pth file brings packages but not the editable install, which needs a .pth read of its own.
    site = next(home.glob("lib/python*/site-packages"))
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home


def run(home: Path, *command: str) -> str:
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    env |= {"PATH": f"{home / 'bin'}{os.pathsep}{env['PATH']}", "CODESIGN_CACHE": str(home / "cache")}
    done = subprocess.run(command, cwd=home, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


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
