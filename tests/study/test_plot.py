"""Plots: which lines, at which places, with which words; the same bytes each time."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from codesign.study import Study, jobs, plot
from codesign.study.plot import svg
from codesign.study.table import Row, rows
from tests.study.toy import TOY, result, toy

LEVELS = '[vary]\n"chip.device.levels" = [2, 4]\n[plot]\nx = "chip.device.levels"\nlog = true\n'
DIES = """
[[die]]
name = "worn"
cells = { stuck_on = 0.1 }
[[die]]
name = "worn out"
cells = { stuck_on = 0.2 }
[[die]]
name = "coarse"
cells = { variation = 0.1 }
[plot]
x = "die"
"""


def table(
    study: Study, accuracy: Callable[..., float] = lambda case, value, seed: 90.0 + seed, **more: Any
) -> list[Row]:
    """Rows of `accuracy`(case, first value of vary, seed)."""
    made = jobs(study)
    firsts = [job.values[0][1] if job.values else None for job in made]
    found = [result(accuracy(job.case, v, job.seed), **more) for job, v in zip(made, firsts, strict=True)]
    return rows(study, made, found)


def words(picture: bytes) -> list[str]:
    """Every text in it."""
    return re.findall(r"<text [^>]*>([^<]*)</text>", picture.decode())


class TestLines:
    def test_one_a_case_and_equal_twins_are_one(self, tmp_path: Path) -> None:
        study = toy(tmp_path, TOY + LEVELS)
        solid, dashed = plot.lines(study, table(study, lambda case, value, seed: 90 + value + seed, baseline=99.0))
        assert [(n.name, n.place, n.mean) for n in solid] == [
            ("plain", [2, 4], [93.5, 95.5]),
            ("wide", [2, 4], [93.5, 95.5]),
        ]
        assert solid[0].sd == pytest.approx([math.sqrt(0.5)] * 2)
        assert {k: (n.name, n.place, n.mean) for k, n in dashed.items()} == {
            "plain": ("full precision", [2, 4], [99, 99])
        }

    def test_twins_that_differ(self, tmp_path: Path) -> None:
        study = toy(tmp_path, TOY.replace("against", "#") + LEVELS)
        made = jobs(study)
        found = rows(study, made, [result(90, 95.0 if job.case == "plain" else 96.0) for job in made])
        assert [n.name for n in plot.lines(study, found)[1].values()] == [
            "plain, full precision",
            "wide, full precision",
        ]

    def test_what_else_varies_is_in_the_name(self, tmp_path: Path) -> None:
        text = TOY + LEVELS.replace("[plot]", '"train.lr" = [0.5, 0.25]\n[plot]')
        study = toy(tmp_path, text)
        names = [n.name for n in plot.lines(study, table(study))[0]]
        assert names == ["plain, lr 0.5", "plain, lr 0.25", "wide, lr 0.5", "wide, lr 0.25"]
        single = toy(tmp_path, text[: text.rindex("[[case]]")] + text[text.index("[vary]") :])
        assert [n.name for n in plot.lines(single, table(single))[0]] == ["lr 0.5", "lr 0.25"]

    def test_imperfections_after_the_ideal_in_the_studys_order(self, tmp_path: Path) -> None:
        study = toy(tmp_path, TOY + DIES)
        dies = {"coarse": [70.0], "worn": [80.0, 82.0], "worn out": [60.0]}
        solid, dashed = plot.lines(study, table(study, dies=dies))
        assert (solid[0].place, solid[0].mean) == (["ideal", "worn", "worn out", "coarse"], [91.5, 81, 60, 70])
        assert dashed == {}

    def test_a_gap_where_another_kind_of_imperfection_begins(self, tmp_path: Path) -> None:
        study = toy(tmp_path, TOY + DIES)
        line = plot.Line("x", ["ideal", "worn", "worn out", "coarse"], [4.0, 3.0, 2.0, 1.0], [0.0] * 4)
        at = {repr(p): float(k) for k, p in enumerate(line.place)}
        x, mean, sd = plot._interrupted(study, line, at)
        assert (x[:3], x[4:]) == ([0, 1, 2], [3])
        assert (mean[:3], mean[4:]) == ([4, 3, 2], [1])
        assert all(math.isnan(v[3]) for v in (x, mean, sd))


class TestPicture:
    def test_words(self, tmp_path: Path) -> None:
        study = toy(tmp_path, TOY + LEVELS)
        found = words(svg(study, table(study, baseline=99.0)))
        for word in ("2", "4", "levels", "test accuracy, percent", "Does it work?", "full precision", "plain", "wide"):
            assert found.count(word) == 1, word

    def test_float_lines_are_dashed_and_spread_is_drawn(self, tmp_path: Path) -> None:
        study = toy(tmp_path, TOY + LEVELS)
        assert b"stroke-dasharray" in svg(study, table(study, baseline=99.0))
        assert b"stroke-dasharray" not in svg(study, table(study, baseline=None))
        assert b"LineCollection" in svg(study, table(study))
        assert b"LineCollection" not in svg(study, table(study, lambda case, value, seed: 90.0))

    def test_same_bytes_whatever_the_users_style(self, tmp_path: Path) -> None:
        study = toy(tmp_path, TOY + LEVELS)
        first = svg(study, table(study))
        with mpl.rc_context({"lines.linewidth": 9, "font.size": 20, "svg.fonttype": "path"}):
            assert svg(study, table(study)) == first
            assert mpl.rcParams["lines.linewidth"] == 9

    def test_errors_that_differ_much_are_even_in_their_logarithm(self, tmp_path: Path) -> None:
        study = toy(tmp_path, TOY.replace("[1, 2]", "[1]") + LEVELS)
        wide = words(svg(study, table(study, lambda case, value, seed: 99.0 if value == 4 else 20.0, baseline=None)))
        assert [w for w in wide if re.fullmatch(r"[\d.]+", w)] == ["2", "4", "99", "98", "95", "90", "80", "50"]
        close = words(svg(study, table(study, lambda case, value, seed: 94.0 + value, baseline=None)))
        assert {"97.00", "97.50"} <= set(close)

    @pytest.mark.parametrize("worst", [0.0, 100.0])
    def test_extremes(self, tmp_path: Path, worst: float) -> None:
        study = toy(tmp_path, TOY + LEVELS)
        assert svg(study, table(study, lambda case, value, seed: 100.0 if value == 2 else worst))

    def test_imperfections_are_categories(self, tmp_path: Path) -> None:
        study = toy(tmp_path, TOY + DIES)
        dies = {"coarse": [70.0], "worn": [80.0, 82.0], "worn out": [60.0]}
        found = words(svg(study, table(study, dies=dies)))
        assert found[:5] == ["ideal", "worn", "worn out", "coarse", "imperfection"]

    def test_any_values_and_names(self, tmp_path: Path) -> None:
        text = (
            TOY.replace("plain", "$x$ of 値 <&>")
            + '[vary]\n"network.hidden" = [[4], [4, 2], []]\n[plot]\nx = "network.hidden"\n'
        )
        study = toy(tmp_path, text.replace('"network.hidden" = [16]', ""))
        found = words(svg(study, table(study)))
        assert {"4", "4-2", "none", "$x$ of 値 &lt;&amp;&gt;"} <= set(found)

    def test_many_places_leave_the_ticks_to_matplotlib(self, tmp_path: Path) -> None:
        rates = [round(0.01 * k, 2) for k in range(1, 21)]
        study = toy(tmp_path, TOY + f'[vary]\n"train.lr" = {rates}\n[plot]\nx = "train.lr"\n')
        found = words(svg(study, table(study)))
        assert "0.17" not in found
        assert "0.100" in found
