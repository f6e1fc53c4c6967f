"""The cells of a run's page: levels alone, and beside them what a measured die holds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codesign import flow
from codesign.mapping import Die
from codesign.page import page_of
from codesign.page.blocks import Page, Text
from codesign.page.figures import Crossbars
from codesign.page.parts.cells import cells
from codesign.page.render import html
from codesign.page.run import run_page
from codesign.views.held import by_layer, held
from tests.page.pages import found, run_of
from tests.page.test_picture import decoded
from tests.program.builds import built

RUN = run_of(built(), shape=(1, 4, 5))
MAP = "array,wordline,bitline,state\n0,0,0,stuck_on\n0,1,1,stuck_on\n0,2,2,stuck_off\n0,3,3,stuck_off\n0,0,5,stuck_on\n"


def drawn(page: Page) -> Crossbars:
    (here,) = (s for s in page.sections if s.name == "cells")
    return next(b for b in here.blocks if isinstance(b, Crossbars))


def stuck(seed: int = 0) -> Die:
    """About one cell in ten is stuck at the highest or the lowest level."""
    p, rng = RUN.program, np.random.default_rng(seed)
    assert p is not None
    top, shape = p.chip.device.codes[-1], (p.chip.arrays.rows, p.chip.arrays.columns)
    return Die(
        {u.array: rng.choice([-1, 0, top], shape, p=[0.9, 0.05, 0.05]).astype(np.int32) for u in p.mapping.arrays}
    )


def test_levels_alone_where_no_die_is_known() -> None:
    figure = drawn(run_page(RUN))
    assert len(figure.scales) == 1 and all([name for name, _ in a.pictures] == ["levels"] for a in figure.arrays)
    assert "die" not in [t.name for t in run_page(RUN).tables]


def test_stuck_cells_stand_out_beside_the_levels() -> None:
    die, p = stuck(), RUN.program
    assert p is not None
    page = run_page(replace(RUN, die=die))
    figure, arrays = drawn(page), held(p.mapping, die)
    colours = {meaning: tuple(bytes.fromhex(css[1:])) for css, meaning in figure.scales[1]}
    assert set(colours) == {"more than 1/4 less", "more than 1/4 more", "in the map, at its level", "healthy"}
    for a, one in zip(figure.arrays, arrays, strict=True):
        assert [name for name, _ in a.pictures] == ["levels", "the die"]
        pixels = np.asarray(decoded(a.pictures[1][1]).convert("RGBA"))
        assert ((pixels[..., 3] > 0) == one.used).all()
        for meaning, where in {
            "more than 1/4 more": one.deviation > 0,
            "more than 1/4 less": one.deviation < 0,
            "in the map, at its level": one.known & (one.deviation == 0),
            "healthy": ~one.known,
        }.items():
            here = (pixels[..., :3] == colours[meaning]).all(axis=2)
            assert (here == (where & one.used)).all() and here.any() == (where & one.used).any()
    (table,) = (t for t in page.tables if t.name == "die")
    assert [r[0] for r in table.rows] == [c.layer for c in by_layer(p.mapping, arrays)]
    reader = found(html(page))
    assert reader.wrong == [] and reader.unnamed == [] and len(set(reader.ids)) == len(reader.ids)


def test_currents_are_those_of_the_die() -> None:
    ideal, other = (
        next(t for t in run_page(r).tables if t.name == "currents") for r in (RUN, replace(RUN, die=stuck()))
    )
    assert ideal.rows != other.rows


def test_a_run_on_a_measured_die(tmp_path: Path) -> None:
    """From the map of a test floor to the page, which says no path."""
    (tmp_path / "floor.csv").write_text(MAP)
    sets = ["train.epochs=1", "simulate.images=2", f'die.map="{tmp_path}/floor.csv"']
    flow.run(flow.Flow.load("digits_mlp", sets), tmp_path / "out")
    page = page_of(tmp_path / "out")
    assert "prove it in Verilog on the measured die floor.csv." in page.asked
    assert page.facts[0].label == "Accuracy on the die" and str(tmp_path) not in html(page).partition("Reproduce")[0]
    (table,) = (t for t in page.tables if t.name == "die")
    assert sum(int(str(r[2])) for r in table.rows) == 5
    (here,) = (s for s in page.sections if s.name == "cells")
    assert any(isinstance(b, Text) and "5 are in the map of the die" in b.lines[0] for b in here.blocks)
    (tmp_path / "out/04_simulate/die.npz").unlink()
    assert "die" not in [t.name for t in page_of(tmp_path / "out").tables]


@pytest.mark.parametrize("fraction", [0, 4])
def test_deviations_everywhere_stay_small(fraction: int) -> None:
    """A map that tells of every cell compresses least: its picture stays near half a byte a cell."""
    p, rng = built(), np.random.default_rng(1)
    top = (1 << p.chip.device.code_bits + fraction) - 1
    shape = (p.chip.arrays.rows, p.chip.arrays.columns)
    die = Die({u.array: rng.integers(0, top + 1, shape, dtype=np.int32) for u in p.mapping.arrays}, fraction)
    made = cells(p.mapping, die)
    assert made is not None
    figure = next(b for b in made.blocks if isinstance(b, Crossbars))
    assert len(figure.scales[1]) >= 2
    assert all(len(uri) < 400 + 0.75 * shape[0] * shape[1] for a in figure.arrays for _, uri in a.pictures)
