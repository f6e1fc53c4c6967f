"""Figures for notebooks: what is drawn, what is refused, and that nothing heavy loads before it is needed."""

import io
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.patches import Rectangle

import codesign
from codesign import plot
from codesign.devices import Cells
from codesign.errors import InputError
from codesign.mapping import Die
from codesign.views.floor import floor
from codesign.views.spread import currents
from tests.program.builds import TINY, built

PROGRAM = built()
X = np.random.default_rng(0).integers(0, PROGRAM.network.input.hi + 1, (9, 20))
LABELS = np.random.default_rng(1).integers(0, 4, 9)


def test_the_facade_is_lazy() -> None:
    code = (
        "import codesign, sys; codesign.plot.floorplan.__name__; names = set(sys.modules);"
        "print('matplotlib' in names, 'torch' in names)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
    assert codesign.plot is plot and set(plot.__all__) == set(dir(plot))
    assert not hasattr(plot, "pie")
    for name in plot.__all__:
        assert getattr(plot, name).__doc__


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot.floorplan(PROGRAM),
        lambda: plot.floorplan(PROGRAM.mapping, across=2),
        lambda: plot.heatmap(PROGRAM, 0),
        lambda: plot.histogram(PROGRAM, "fc1"),
        lambda: plot.histogram(PROGRAM, "fc2", X),
        lambda: plot.timeline(PROGRAM),
        lambda: plot.confusion(PROGRAM.run(X), LABELS),
        lambda: plot.front([(1, 50), (2, 40)]),
    ],
)
def test_every_figure_can_be_written(draw: Callable[[], object]) -> None:
    from matplotlib.figure import Figure

    made = draw()
    assert isinstance(made, Figure)
    out = io.BytesIO()
    made.savefig(out, format="svg")
    assert out.getvalue().startswith(b"<?xml")


def test_the_floorplan_has_every_piece() -> None:
    found = floor(PROGRAM.mapping)
    axes = [a for a in plot.floorplan(PROGRAM, across=2).axes if a.axison]
    assert len(axes) == found.used
    boxes = [[p.get_bbox().bounds for p in a.patches if isinstance(p, Rectangle)] for a in axes]
    used = [s for s in found.squares if s.pieces]
    assert boxes == [[(2 * p.at, p.wordline, 2 * p.columns, p.rows) for p in s.pieces] for s in used]


def test_the_heat_map_shows_levels_or_a_dies_codes() -> None:
    use = next(u for u in PROGRAM.mapping.arrays if sum(p.rows * p.columns for p in u.pieces) < TINY.columns * 16)
    shown = plot.heatmap(PROGRAM, use.array).axes[0].images[0].get_array()
    assert (shown.data == use.levels).all() and 0 < shown.mask.sum() < shown.mask.size
    assert not use.levels[shown.mask].any()
    die = Die.draw(PROGRAM.mapping, Cells(stuck_off=0.3), 1)
    shown = plot.heatmap(PROGRAM, use.array, die).axes[0].images[0].get_array()
    assert (shown.data == die.codes[use.array]).all() and (shown.data != use.levels).any()


def test_the_heat_map_of_a_die_in_finer_steps_of_which_most_cells_are_healthy() -> None:
    use = PROGRAM.mapping.arrays[0]
    codes = {u.array: np.full(u.levels.shape, -1, np.int32) for u in PROGRAM.mapping.arrays}
    top = (1 << TINY.device.code_bits + 2) - 1
    codes[use.array][0, :4] = 0, 1, 5, top
    made = plot.heatmap(PROGRAM, use.array, Die(codes, 2))
    shown = made.axes[0].images[0]
    held = np.array(TINY.device.codes)[use.levels] << 2
    held[0, :4] = 0, 1, 5, top
    assert (np.asarray(shown.get_array().data) == held).all()
    assert shown.get_clim() == (0, top) and made.axes[1].get_ylabel() == "2^-2 conductance codes"


def test_currents_against_the_range() -> None:
    axes = plot.histogram(PROGRAM, "fc1", X).axes[0]
    found = currents(PROGRAM.mapping, X)[0]
    heights = [p.get_height() for p in axes.patches if isinstance(p, Rectangle)]
    assert heights == pytest.approx([100 * n / found.total for n in found.counts])
    assert [np.asarray(line.get_xdata())[0] for line in axes.lines] == [-32.5, 31.5]


def test_the_front_is_what_none_beats() -> None:
    axes = plot.front([("a", 1, 50), ("b", 2, 40), ("c", 3, 60)], "arrays", "percent").axes[0]
    assert [t.get_text() for t in axes.texts] == ["a", "c"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("arrays", "percent")
    assert axes.lines[0].get_xydata().tolist() == [[2, 40]]


@pytest.mark.parametrize(
    ("draw", "told"),
    [
        (lambda: plot.heatmap(PROGRAM, 5), "array 5: the program does not use it; give one of 0, 1, 2, 3, 4"),
        (lambda: plot.histogram(PROGRAM, "fc9"), "layer fc9: has no matrix on the chip; give one of fc1, fc2"),
        (
            lambda: plot.confusion([1, 2], [0]),
            "outputs: must be (images, classes), got shape (2,); give what Program.run returns",
        ),
        (lambda: plot.front([]), "points: there are none; give (cost, score) pairs"),
    ],
)
def test_what_is_refused(draw: Callable[[], object], told: str) -> None:
    with pytest.raises(InputError) as caught:
        draw()
    assert str(caught.value) == told
