"""Searches without waiting for the disk, and with data sets read once."""

import os
from functools import lru_cache

import pytest

from cli.calls import Call
from codesign.cli import main
from codesign.train.recipe import Images

LOAD = lru_cache(Images.load)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)  # what a power cut would leave is not tested here
    monkeypatch.setattr(Images, "load", lambda self, folder=None: LOAD(self, folder))


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command; (exit status, stdout, stderr)."""

    def run(*argv: object) -> tuple[int, str, str]:
        status = main([str(a) for a in argv])
        out, err = capsys.readouterr()
        return status, out, err

    return run
