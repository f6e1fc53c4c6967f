"""The wheel and an environment that has it, once for all tests of the folder."""

from pathlib import Path

import pytest

from tests.packaging import installed


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def home(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel."""
    home = tmp_path_factory.mktemp("far") / "venv"
    installed.install(wheel, home)
    return home
