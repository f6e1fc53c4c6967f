"""Searches without waiting for the disk, and with data sets read once."""

import os
from functools import lru_cache

import pytest

from codesign.train.recipe import Data

LOAD = lru_cache(Data.load)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)  # what a power cut would leave is not tested here
    monkeypatch.setattr(Data, "load", lambda self, folder=None: LOAD(self, folder))
