"""The workflow file: it parses, runs what a person runs, and its Pythons are those that the package takes."""

import os
import tomllib
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[1]
JOBS: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_job_runs_ci_run() -> None:
    assert len(JOBS) == 2
    for name, job in JOBS.items():
        commands = [step["run"] for step in job["steps"] if "run" in step]
        assert commands == [".ci/run"], name
        assert job["steps"][0]["uses"].startswith("actions/checkout@"), name
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_pythons_are_those_of_the_package() -> None:
    for name, job in JOBS.items():
        versions = job["strategy"]["matrix"]["python"]
        assert all(type(v) is str for v in versions), f"{name}: 3.10 is not 3.1; quote versions"
        minors = [int(v.removeprefix("3.")) for v in versions]
        assert minors == list(range(minors[0], minors[-1] + 1)), f"{name}: a version is left out"
        assert PROJECT["requires-python"] == f">={versions[0]}", name
        assert len(minors) > 1 and versions == JOBS["icarus-11"]["strategy"]["matrix"]["python"], name
        prefix = "Programming Language :: Python :: 3."
        named = {c.removeprefix(prefix) for c in PROJECT["classifiers"] if c.startswith(prefix)}
        assert named <= set(map(str, minors)), f"{name}: a version that pyproject.toml names is not run"
