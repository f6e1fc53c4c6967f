"""Where published files are looked for, and foreign words in messages."""

from pathlib import Path

import pytest

from codesign.data import cifar10, mnist
from codesign.data.files import one_line, places
from tests.data.told import told


def test_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODESIGN_DATA", "/data")
    assert places("mnist", Path("here")) == [Path("here"), Path("here/mnist")]
    assert places("mnist", None) == [Path("/data/mnist")]


def test_without_a_folder_both_ways_to_name_one_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for unset in ("", None):
        monkeypatch.delenv("CODESIGN_DATA") if unset is None else monkeypatch.setenv("CODESIGN_DATA", unset)
        for name, load in {"mnist": mnist, "cifar10": cifar10}.items():
            assert told(load) == (
                f"data set {name}: its folder is not given; name it with --data (folder= in Python), "
                f"or set CODESIGN_DATA to the folder that contains {name}/"
            )


def test_foreign_words() -> None:
    assert (
        one_line(ValueError("two\n  lines\twith \x1b[31mcolour \udcff é")) == "two lines with \\x1b[31mcolour \\udcff é"
    )
    assert one_line(MemoryError()) == "MemoryError"
