"""Commands as tests call them."""

import math
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from codesign.cli import main, progress
from tests.cli.calls import Call
from tests.holder import Hold, hold

_DATA = Path(__file__).parents[2] / "shared" / "data"
if _DATA.is_dir():  # published data sets beside the checkout; tests that need them skip without
    os.environ.setdefault("CODESIGN_DATA", str(_DATA))


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No lines of progress on stderr, however slow the machine is."""
    monkeypatch.setattr(progress, "EVERY", math.inf)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command; (exit status, stdout, stderr)."""

    def run(*argv: object) -> tuple[int, str, str]:
        status = main([str(a) for a in argv])
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def holder() -> Iterator[Hold]:
    """Starts processes that write in a folder until they are killed."""
    started = []

    def start(how: str, folder: Path) -> "subprocess.Popen[str]":
        started.append(hold(how, folder))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()
