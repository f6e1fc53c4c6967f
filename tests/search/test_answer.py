"""Answers without training: baselines, budgets where nothing fits, neighbours of winners from outside the space."""

from pathlib import Path

import pytest

from codesign.errors import CapacityError
from codesign.search import optimize, text_table
from codesign.search.answer import scaled
from codesign.search.space import Candidate
from tests.search.toy import TOY, opened, pretend, toy

LONE = "free.network.hidden={depth=[1], widths=[8]}"  # a space that baselines lie outside
ALONE = TOY.replace("[uniform]\nhidden = [16]\n", "")


class TestBaseline:
    @pytest.mark.parametrize("budgets", [(), (12, 16)])
    def test_one_outside_the_space_may_win(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budgets: tuple[int, ...]
    ) -> None:
        pretend(monkeypatch)
        points = optimize(toy(tmp_path, LONE, "uniform.hidden=[20,10]"), tmp_path / "out", budgets=budgets)
        for point in points:
            assert point.answer is not None
            assert point.answer.uniform is not None
            assert point.answer.winner.candidate == point.answer.uniform.candidate
            neighbours = point.answer.certificate.neighbours
            assert {n.key for n in neighbours} == {"network.hidden", "data.downsample"}
            assert all(n.candidate != point.answer.winner.candidate for n in neighbours)

    @pytest.mark.parametrize(
        ("sets", "limits"),
        [
            (("uniform.hidden=[16]",), {"arrays": 12}),
            (("uniform.hidden=[30, 11]",), {"arrays": 40}),
            (("uniform.hidden=[7]", "uniform.set.data.downsample=2"), {"arrays": 9, "energy_nj": 0.7}),
            (("chip=reference-128", "uniform.hidden=[16]", "quantize.activation_bits=8", "quantize.input_bits=8"),
             {"arrays": 9, "interval": 75}),
        ],
    )  # fmt: skip
    def test_scaled_by_the_largest_factor_that_fits(
        self, tmp_path: Path, sets: tuple[str, ...], limits: dict[str, float]
    ) -> None:
        context, _ = opened(toy(tmp_path, *sets), tmp_path / "out", **limits)
        question = context.question
        assert question.uniform is not None
        start, rest = question.uniform.hidden, question.uniform.set
        fit = []
        for k in range(1, 500):
            hidden = tuple(max(1, round(h * k / max(start))) for h in start)
            settings = {"network.hidden": hidden, "data.downsample": 1} | rest
            if context.pricer(Candidate(tuple(settings.items()))).fits:
                fit.append(settings)
        found = scaled(context)
        assert found is not None
        assert dict(found.settings) == fit[-1]

    def test_of_images_that_the_space_has_none_of(self, tmp_path: Path) -> None:
        for sets, factor in ((), 1), (("uniform.set.data.downsample=4",), 4):
            found = scaled(opened(toy(tmp_path, "free.data.downsample=[2]", *sets), tmp_path / "out")[0])
            assert found is not None
            assert found["data.downsample"] == factor

    def test_none(self, tmp_path: Path) -> None:
        question = toy(tmp_path, text=ALONE)
        assert scaled(opened(question, tmp_path / "out")[0]) is None
        assert scaled(opened(toy(tmp_path), tmp_path / "out", arrays=4)[0]) is None

    def test_is_a_finalist_in_any_case(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch)
        (point,) = optimize(toy(tmp_path, "search.finalists=1"), tmp_path / "out")
        assert point.answer is not None
        names = [s.candidate.label for s in point.answer.found.finalists]
        assert names[1:] == ["hidden 16, downsample 1"]
        assert point.answer.found.finalists[0].mean > point.answer.found.finalists[1].mean


def test_what_is_larger_with_equally_many_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """16 is more than 8, though not by the alphabet."""
    pretend(monkeypatch)
    sets = ("chip=reference-128", "free.chip.adc.lanes=[4, 8, 16]", "free.quantize.scale=['layer', 'column']", LONE)
    (point,) = optimize(toy(tmp_path, *sets, "limits.interval=80", "search.trials=99"), tmp_path / "out")
    assert point.answer is not None
    lanes = point.answer.winner.candidate["chip.adc.lanes"]
    found = {n.candidate["chip.adc.lanes"]: n.larger for n in point.answer.certificate.neighbours}
    assert {k: v for k, v in found.items() if k != lanes} == {k: k > lanes for k in found if k != lanes}
    assert len(found) > 1
    assert not any(n.larger for n in point.answer.certificate.neighbours if n.key == "quantize.scale")


@pytest.mark.parametrize(
    ("free", "uniform"),
    [
        ("quantize.slices=[1, 2, 'free']", "quantize.slices='free'"),
        ("quantize.slices=[1, {fc1=2}]", "quantize.slices={fc1=2}"),
        ("quantize.slices.fc1=[1, 2]", "quantize.slices={fc1=2}"),
        ("compile.objective=['cycles', 'arrays']", "compile.objective='arrays'"),
    ],
)
@pytest.mark.parametrize("usual", [True, False])
def test_slices_and_objectives_may_be_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: str, uniform: str, usual: bool
) -> None:
    pretend(monkeypatch)
    key = free.partition("=")[0]
    sets = ("data.downsample=2", "free={'network.hidden'={depth=[1], widths=[8, 16, 24]}}", f"free.{free}")
    question = toy(tmp_path, *sets, *(() if usual else (f"uniform.set.{uniform}",)), "search.trials=99")
    (point,) = optimize(question, tmp_path / "out", budgets=(5,))
    assert point.answer is not None and point.answer.uniform is not None
    values = {
        t.candidate[key] if isinstance(t.candidate[key], str | int) else "table" for t in point.answer.found.tried
    }
    assert len(values) == len(question.free[key])  # type: ignore[arg-type]
    larger = [n for n in point.answer.certificate.neighbours if n.larger]
    assert larger and all(n.cost.fits or n.cost.misses[0].limit == "arrays" for n in larger)


class TestBudgets:
    def test_where_nothing_fits_is_a_row(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch)
        points = optimize(toy(tmp_path), tmp_path / "out", budgets=(12, 1, 12))
        assert [(p.arrays, p.answer is None) for p in points] == [(1, True), (12, False)]
        _, rows, _ = text_table(points)
        assert rows[0] == ["1", "", "nothing fits", "", "", "", "", ""]
        assert (rows[1][0], rows[1][-1]) == ("12", "0/64")

    def test_nothing_fits_any(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch)
        with pytest.raises(CapacityError) as caught:
            optimize(toy(tmp_path), tmp_path / "out", budgets=(1,))
        assert str(caught.value) == (
            f"{tmp_path}/toy.toml: none of 24 candidates meets arrays <= 1; the closest is hidden 8, downsample 2: "
            "arrays 2, allowed 1; raise limits.arrays to 2, or free smaller choices"
        )
        assert asked == []

    def test_what_no_chip_takes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch)
        with pytest.raises(CapacityError) as caught:
            optimize(toy(tmp_path, "quantize.layers=linear", text=ALONE), tmp_path / "out")
        assert str(caught.value) == (
            f"{tmp_path}/toy.toml: none of 24 candidates meets arrays <= 12; the closest is hidden 8, downsample 1: "
            "quantize.layers: the compiler cannot map real weights to a chip yet, got 'linear'; "
            "free other values"
        )
        assert asked == []

    def test_a_memory_of_the_chip_binds(self, tmp_path: Path) -> None:
        question = toy(tmp_path, "set.chip.memory.constants=4", "limits.arrays=20")  # arrays enough for all
        with pytest.raises(CapacityError) as caught:
            optimize(question, tmp_path / "out")
        assert str(caught.value).endswith(
            "downsample 1: memory.constants 5, allowed 4; raise chip.memory.constants to 5, or free smaller choices"
        )

    def test_trained_once_for_all(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch)
        optimize(toy(tmp_path), tmp_path / "out", budgets=(6, 12))
        assert len(asked) == len({t.home for t in asked})
        done = len(asked)
        optimize(toy(tmp_path), tmp_path / "out", budgets=(12, 6))
        assert len(asked) == done
        first = (tmp_path / "out/toy.json").read_bytes()
        optimize(toy(tmp_path), tmp_path / "out", budgets=(6, 12))
        assert (tmp_path / "out/toy.json").read_bytes() == first
