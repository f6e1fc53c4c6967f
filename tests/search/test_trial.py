"""Which candidates are trained, and how far: nothing that does not fit, nothing twice, bad ones only a little."""

from itertools import product
from pathlib import Path

import pytest

from codesign.errors import InputError
from codesign.search.context import Context
from codesign.search.run import Found, search
from codesign.search.shared import quiet
from codesign.search.site import Site
from codesign.search.trial import tried as known
from codesign.search.trial import try_one
from codesign.train.recipe import Recipe
from codesign.workers import Workers
from tests.search.toy import opened, pretend, searched, smooth, toy

HIDDEN = "free.network.hidden="
FULL = 9


def found(folder: Path, *sets: str, **limits: float) -> Found:
    return search(*opened(toy(folder, *sets), folder / "out", **limits), Workers())


def by_width(recipe: Recipe) -> float:
    return 50.0 + sum(recipe.network.hidden) / 10


class TestWhat:
    def test_nothing_that_does_not_fit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch)
        here = found(tmp_path)
        assert here.infeasible > 0
        price, (_, site) = here.context.pricer, opened(toy(tmp_path), tmp_path / "out")
        for candidate in here.context.space:
            if not price(candidate).fits:
                tasks = [site.task(here.context, candidate, e, s, True).home for e, s in product((1, 3, 9), (1, 2))]
                assert not set(tasks) & {t.home for t in asked}

    def test_as_many_as_wanted_each_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch)
        here = found(tmp_path)
        assert here.fitting == 19
        six_and_one = 6 + 1  # a neighbour of the best, with more weights, that fits when packed
        assert six_and_one == len({t.candidate for t in here.tried}) == len(here.tried)
        assert not here.exhaustive
        assert len(asked) == len({t.home for t in asked})

    @pytest.mark.parametrize("trials", [6, 24])
    def test_all_when_no_more_fit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trials: int) -> None:
        pretend(monkeypatch)
        here = found(tmp_path, f"search.trials={trials}", arrays=5)
        price = here.context.pricer
        assert {t.candidate for t in here.tried} == {c for c in here.context.space if price(c).fits}
        assert here.fitting == len(here.tried) == 6
        assert here.exhaustive

    def test_what_training_does_not_see_is_trained_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch)
        here = found(tmp_path, HIDDEN + "{widths=[8, 16]}", "free.chip.adc.lanes=[1, 2, 4, 8]", "search.trials=99")
        assert len(here.tried) == 16 and here.exhaustive
        assert len({(f.network.hidden, f.data.downsample) for f in (t.job.flow for t in asked)}) == 4
        assert {t.home.name for t in asked} == {p.parent.name for p in (tmp_path / "out").glob("jobs/*/result.json")}
        assert len(asked) == len({t.home for t in asked})
        assert here.winner["chip.adc.lanes"] == 8  # as good as the others, and the fastest

    def test_what_training_sees_is_not(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch)
        found(tmp_path, "free.chip.device.levels=[2, 4]", HIDDEN + "{widths=[8]}", "search.trials=99")
        assert len({t.home for t in asked if t.job.flow.train.epochs == 1}) == 4

    def test_a_training_that_fails_is_told_and_another_tried(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def score(recipe: Recipe) -> float:
            if recipe.network.hidden == (16,):
                raise InputError("training: epoch 1: loss is nan")
            return smooth(recipe)

        pretend(monkeypatch, score)
        here = found(tmp_path, HIDDEN + "{widths=[8, 16, 24]}", arrays=8)
        assert here.fitting == 4
        assert len(here.tried) == 3
        assert here.failed == ("hidden 16, downsample 2, 1 epochs, seed 1: training: epoch 1: loss is nan",)
        assert not here.exhaustive

    def test_all_trainings_fail(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def score(recipe: Recipe) -> float:
            raise InputError("training: epoch 1: loss is nan")

        asked = pretend(monkeypatch, score)
        with pytest.raises(InputError) as caught:
            found(tmp_path, HIDDEN + "{widths=[8]}", "free.data.downsample=[2]")
        assert str(caught.value) == (
            f"{tmp_path}/toy.toml: every training failed; the first: hidden 8, downsample 2, 1 epochs, seed 1: "
            "training: epoch 1: loss is nan"
        )
        assert len(asked) == 1

    def test_drawn_dies_decide_where_cells_deviate(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch)
        here = found(tmp_path, "evaluate.cells={variation=0.1}", HIDDEN + "{widths=[8]}")
        assert {t.scores[-1] for t in here.tried} == {75.0}


class TestHowFar:
    def test_bad_ones_stop_after_the_first_rung(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each candidate worse than the ones before it: all stop at once, but for the first."""
        asked = pretend(monkeypatch, lambda r: 90.0 - sum(r.network.hidden) / 10)
        sets = (HIDDEN + "{widths=[8, 16, 24, 32, 40, 48]}", "free.data.downsample=[2]")
        found(tmp_path, *sets, "search.trials=99", "search.floor=3", arrays=1000)
        first = searched(asked)
        assert [w for (w,), _, epochs in first if epochs == FULL] == [8, 16, 24]
        assert [w for (w,), _, epochs in first if epochs == 1] == [8, 16, 24, 32, 40, 48]
        assert len(first) == 3 * 3 + 3

    def test_good_ones_go_on(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch, by_width)
        here = found(tmp_path, HIDDEN + "{widths=[8, 16, 24, 32]}", "search.trials=99", "search.floor=1", arrays=1000)
        assert max(w for (w,), _, epochs in searched(asked) if epochs == FULL) == 32
        assert here.winner["network.hidden"] == (32,)
        assert here.finalists[0].values == (53.2, 53.2)
        assert here.finalists[0].seeds == (1, 2)

    def test_rungs_above_the_full_training_are_left_out(self, tmp_path: Path) -> None:
        assert opened(toy(tmp_path, "search.rungs=[2, 9, 20]"), tmp_path / "out")[0].rungs == (2, 9)

    def test_none_is_left(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch)
        here = found(tmp_path, "search.trials=99", arrays=4)
        with quiet():
            assert try_one(here.context, opened(toy(tmp_path), tmp_path / "out")[1]) is None


class TestWhich:
    def listed(self, context: Context, site: Site) -> list[tuple[object, ...]]:
        return [(t.candidate, t.scores) for t in search(context, site, Workers()).tried]

    @pytest.mark.slow
    @pytest.mark.parametrize("sampler", ["tpe", "random"])
    def test_equal_seeds_propose_the_same(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: str) -> None:
        pretend(monkeypatch)
        sets = (f"search.sampler={sampler}", HIDDEN + "{depth=[1, 2], most=64}", "search.trials=8")
        a, b, c = (
            opened(toy(tmp_path / x, *sets, f"search.seed={seed}"), tmp_path / x / "out", arrays=40)
            for x, seed in (("a", 5), ("b", 5), ("c", 6))
        )
        first = self.listed(*a)
        assert first == self.listed(*b) != self.listed(*c)
        assert first == self.listed(*a)  # nothing new

    def test_later_more(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch)
        four = found(tmp_path, "search.trials=4")
        done = {t.home for t in asked}
        six = found(tmp_path, "search.trials=6")
        assert six.tried[: len(four.tried)] == four.tried
        assert len(four.tried) >= 4 and len(six.tried) >= 6  # and the best one's larger neighbours
        assert done <= {t.home for t in asked}
        assert len(asked) == len({t.home for t in asked})

    @pytest.mark.slow
    def test_the_best_of_many_with_few_trainings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch)
        here = found(tmp_path, HIDDEN + "{depth=[1, 2], most=48}", "search.trials=24", arrays=24)
        context, price = here.context, here.context.pricer
        assert here.fitting == 62
        fit = [c for c in context.space if price(c).fits]
        best = max(smooth(context.flow(c, ("train.epochs", FULL))) for c in fit)
        assert smooth(context.flow(here.winner, ("train.epochs", FULL))) == best
        assert len({r[:2] for r in searched(asked)}) == 24
        with quiet():
            import optuna

            from codesign.search.shared import journal

            _, site = opened(toy(tmp_path), tmp_path / "out")
            study = optuna.load_study(study_name=context.name, storage=journal(site))
        assert tuple(known(context, study)) == here.tried
