"""A saved program, and copies of it to damage."""

import shutil
from pathlib import Path

import pytest

from tests.program.builds import built


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built().save(tmp_path_factory.mktemp("master") / "build")


@pytest.fixture
def build(master: Path, tmp_path: Path) -> Path:
    """A saved program to damage."""
    return Path(shutil.copytree(master, tmp_path / "build"))
