"""Screening: every candidate priced, the analytic front against going through all pairs, nothing trained."""

import csv
from pathlib import Path

import pytest

from codesign.errors import CapacityError, ConfigError, InputError
from codesign.search import optimize, screen, screen_table
from codesign.search.cost import Cost, Facts
from codesign.search.screen import Screened
from codesign.views.cloud import COSTS
from tests.search.toy import toy


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("screen")


@pytest.fixture(scope="module")
def screened(folder: Path) -> Screened:
    """The toy's space at its own limits."""
    return screen(toy(folder), folder / "out")


def beats(a: Cost, b: Cost) -> bool:
    """Whether a is nowhere worse than b and somewhere better."""
    pairs = [(-a.cells, -b.cells), *((a.quantities()[k], b.quantities()[k]) for k in COSTS)]
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)  # type: ignore[operator]


def test_the_front_is_what_nothing_beats(screened: Screened) -> None:
    fitting = [cost for _, cost in screened.priced if cost.fits]
    assert 0 < sum(screened.front) < len(fitting) < len(screened.priced) == screened.context.space.size
    for (_, cost), on in zip(screened.priced, screened.front, strict=True):
        assert on == (cost.fits and not any(beats(other, cost) for other in fitting))


def test_the_file_lists_every_candidate(screened: Screened, folder: Path) -> None:
    with (folder / "out/toy-screen.csv").open(newline="") as f:
        rows = list(csv.DictReader(f))
    assert [r["candidate"] for r in rows] == [c.label for c, _ in screened.priced]
    for row, (_, cost), on in zip(rows, screened.priced, screened.front, strict=True):
        assert (row["fits"], row["front"]) == (str(int(cost.fits)), str(int(on)))
        assert int(row["cells"]) == cost.cells and int(row["arrays"]) == cost.arrays
        assert bool(row["misses"]) == (not cost.fits)
        assert (row["interval"] == "") == (cost.interval is None)
    assert not (folder / "out/jobs").exists()


def test_people_see_the_front_most_cells_first(screened: Screened) -> None:
    head, rows, note = screen_table(screened)
    assert head == ["candidate", "cells", "arrays", "interval", "energy_nj"]
    cells = [int(r[1].replace(",", "")) for r in rows]
    assert cells == sorted(cells, reverse=True)
    assert len(rows) == min(20, sum(screened.front))
    assert note.startswith(f"{sum(c.fits for _, c in screened.priced)} of all {len(screened.priced)} candidates meet ")


def test_a_budget(tmp_path: Path) -> None:
    found = screen(toy(tmp_path), tmp_path / "out", arrays=4)
    assert found.context.limits.arrays == 4
    assert all(cost.arrays <= 4 for _, cost in found.priced if cost.fits)


def test_nothing_fits(tmp_path: Path) -> None:
    with pytest.raises(CapacityError, match=r"none of 24 candidates meets arrays <= 1; the closest is hidden 8, "):
        screen(toy(tmp_path), tmp_path / "out", arrays=1)


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_sizes_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The images of known data sets need not be there."""
    monkeypatch.setenv("CODESIGN_DATA", str(tmp_path))
    sets = (f"data.dataset={name}", "set.chip.arrays.count=900", "free.data.downsample=[2, 4]", "limits.arrays=900")
    question = toy(tmp_path, *sets, "set.chip.memory={input_words=4096, loads=4096}")
    found = screen(question, tmp_path / "out")
    planes, side = (1, 28) if name == "mnist" else (3, 32)
    assert found.context.facts == {n: Facts((planes, side // n, side // n), 10) for n in (1, 2, 4)}
    assert any(cost.fits for _, cost in found.priced)
    with pytest.raises(InputError, match=f"data set {name}: .* found in "):
        optimize(question, tmp_path / "out")


def test_an_image_of_known_size_must_be_divided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODESIGN_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"downsample = 3 needs images with sides that it divides, got 28x28"):
        screen(toy(tmp_path, "data.dataset=mnist", "free.data.downsample=[3]"), tmp_path / "out")


def test_own_files_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.npz: no such file"):
        screen(toy(tmp_path, "data.dataset=no.npz"), tmp_path / "out", data=tmp_path)


def test_too_many(tmp_path: Path) -> None:
    wide = "free.network.hidden={ depth = [4], widths = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] }"
    question = toy(tmp_path, wide)
    with pytest.raises(ConfigError) as caught:
        screen(question, tmp_path / "out")
    assert str(caught.value) == (
        f"{question.where}: --screen lists every candidate, and 41,472 are too many (at most 20,000); free fewer values"
    )
