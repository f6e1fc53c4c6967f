"""Where published files are looked for, and foreign words in messages."""

from pathlib import Path

import pytest

import codesign
from codesign.data.files import one_line, places


def test_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODESIGN_DATA", "/data")
    assert places("mnist", Path("here")) == [Path("here"), Path("here/mnist")]
    assert places("mnist", None) == [Path("/data/mnist")]
    for unset in ("", None):
        monkeypatch.delenv("CODESIGN_DATA") if unset is None else monkeypatch.setenv("CODESIGN_DATA", unset)
        assert places("mnist", None) == [Path(codesign.__file__).parents[2] / "shared/data/mnist"]


def test_foreign_words() -> None:
    assert (
        one_line(ValueError("two\n  lines\twith \x1b[31mcolour \udcff é")) == "two lines with \\x1b[31mcolour \\udcff é"
    )
    assert one_line(MemoryError()) == "MemoryError"
