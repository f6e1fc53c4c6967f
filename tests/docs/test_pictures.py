"""The pictures of the documents are those that the code makes, and each stands in a document."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from codesign.ir.geometry import Window
from codesign.mapping.outline import Places
from codesign.mapping.walk import walk_of
from tests.docs.documents import ROOT, documents

FOLDER = ROOT / "docs" / "pictures"
NAMES = sorted(p.stem for p in FOLDER.glob("*.svg"))


@pytest.fixture(scope="module")
def make() -> dict[str, Any]:
    return runpy.run_path(str(FOLDER / "make.py"))


@pytest.mark.parametrize("name", NAMES)
def test_made_again_it_is_the_same(make: dict[str, Any], tmp_path: Path, name: str) -> None:
    make["write"](name, tmp_path)
    again = (tmp_path / f"{name}.svg").read_bytes()
    assert again == (FOLDER / f"{name}.svg").read_bytes(), "run python docs/pictures/make.py"
    assert len(again) <= 50_000 and b"<script" not in again and b"<image" not in again


def test_every_picture_is_made_and_shown(make: dict[str, Any]) -> None:
    assert sorted(make["FIGURES"]) == NAMES
    shown = re.findall(r"!\[[^]]*\]\(\S*?pictures/(\S+)\)", "".join(documents().values()))
    assert sorted(shown) == sorted(p.name for p in FOLDER.iterdir() if p.suffix in (".svg", ".png"))
    assert (FOLDER / "report.png").stat().st_size <= 150_000


def test_places_of_the_walk_are_a_convolution_and_its_pools(make: dict[str, Any]) -> None:
    """Its picture shows what the chip does: every place once, the four of a pooling window one after another."""
    places = Places(picture=(1, 6, 6), window=Window.square(3, padding=1), pool=(2, 2))
    found = make["visited"](walk_of(places, 1, is_input=True))
    assert found[:5] == [(-1, -1), (-1, 0), (0, -1), (0, 0), (-1, 1)]
    assert sorted(found) == [(r - 1, c - 1) for r in range(6) for c in range(6)]
