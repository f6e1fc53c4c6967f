"""Keys that are set together, and values that do not go together."""

import json
from pathlib import Path

import pytest
from optuna.trial import FixedTrial

from codesign.errors import CapacityError, ConfigError
from codesign.search import optimize, screen, screen_record, screen_table
from codesign.search.answer import scaled
from codesign.search.axes import Choice
from codesign.search.describe import Limits
from codesign.search.site import opened as read
from codesign.search.space import Candidate, space
from codesign.search.sweep import limits_of
from codesign.views.tried import candidates
from tests.search.test_describe import message
from tests.search.toy import TOY, opened, pretend, toy

CELL = (
    'free.cell=[{"chip.device.levels" = 2, "chip.device.code_bits" = 1}, '
    '{"chip.device.code_bits" = 2, "chip.device.levels" = 4}]'
)
LEVELS, BITS = "free.chip.device.levels=[2, 4]", "free.chip.device.code_bits=[1, 2]"
HIDDEN = "free.network.hidden={depth=[1], widths=[8, 16]}"


class TestTogether:
    def test_each_value_sets_all_its_keys(self, tmp_path: Path) -> None:
        question = toy(tmp_path, HIDDEN, CELL)
        context, _ = opened(question, tmp_path / "out", arrays=1024)
        chips = {(d.levels, d.code_bits) for c in context.space for d in [context.pricer.chip(c).device]}
        assert chips == {(2, 1), (4, 2)}
        assert context.space.size == 2 * 2 * 2 == sum(context.pricer(c).fits for c in context.space)
        for candidate in context.space:
            assert context.space.ask(FixedTrial(context.space.parameters(candidate))) == candidate
            assert context.space.made(json.loads(json.dumps(candidate.plain()))) == candidate
            flow = context.flow(candidate)
            assert flow.chip.device == context.pricer.chip(candidate).device
            assert flow.network.hidden == candidate["network.hidden"]

    def test_their_names(self, tmp_path: Path) -> None:
        first, *_, last = space(toy(tmp_path, HIDDEN, CELL))
        assert first.label == "hidden 8, downsample 1, cell levels=2 code_bits=1"
        assert last.label == "hidden 16, downsample 2, cell levels=4 code_bits=2"
        assert last.changes[2:] == (("chip.device.levels", 4), ("chip.device.code_bits", 2))

    def test_neighbours_are_the_other_values(self, tmp_path: Path) -> None:
        found = space(toy(tmp_path, HIDDEN, CELL))
        near = [c for key, c in found.beside(next(iter(found))) if key == "cell"]
        assert [c.label for c in near] == ["hidden 8, downsample 1, cell levels=4 code_bits=2"]

    def test_a_search(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch)
        (point,) = optimize(toy(tmp_path, HIDDEN, CELL, "search.trials=99", "search.seeds=[1]"), tmp_path / "out")
        assert point.answer is not None
        record = json.loads((tmp_path / "out/toy.json").read_text())["budgets"][0]
        cells = {json.dumps(t["candidate"]["cell"]) for t in record["tried"]}
        assert cells == {f'{{"chip.device.levels": {n}, "chip.device.code_bits": {n // 2}}}' for n in (2, 4)}
        assert {n["key"] for n in record["certificate"]["neighbours"]} >= {"cell", "network.hidden"}
        assert "cell levels=" in (tmp_path / "out/report.html").read_text()
        assert candidates(record["tried"])

    def test_uniform_scaling_has_the_usual_values(self, tmp_path: Path) -> None:
        context, _ = opened(toy(tmp_path, HIDDEN, CELL), tmp_path / "out")
        usual = context.base.chip.device
        found = scaled(context)
        assert found is not None
        assert found["cell"] == {"chip.device.levels": usual.levels, "chip.device.code_bits": usual.code_bits}
        fewer = toy(tmp_path, HIDDEN, CELL, "uniform.set.chip.device.levels=2", "uniform.set.chip.device.code_bits=1")
        found = scaled(opened(fewer, tmp_path / "fewer")[0])
        assert found is not None and len(found.settings) == 3
        assert found["cell"] == {"chip.device.levels": 2, "chip.device.code_bits": 1}

    def test_arrays_and_pictures_set_together(self, tmp_path: Path) -> None:
        """What else the search reads of free keys: the chip's arrays, the factors of images."""
        both = (
            'free.size=[{"chip.arrays.count" = 6, "data.downsample" = 2}, '
            '{"chip.arrays.count" = 20, "data.downsample" = 1}]'
        )
        text = TOY.replace('"data.downsample" = [1, 2]\n', "")
        question = toy(tmp_path, HIDDEN, both, text=text)
        context, site = read(question, tmp_path / "out", None)
        assert sorted(context.facts) == [1, 2]
        assert {(data.downsample, data.validation) for data in site.images} == {(1, 0), (1, 300), (2, 0), (2, 300)}
        counts = {context.under(question.limits).pricer.chip(c).arrays.count for c in context.space}
        assert counts == {6, 20}
        endless = question.model_copy(update={"limits": Limits()})
        assert limits_of(endless, []) == [Limits()]
        assert limits_of(toy(tmp_path, HIDDEN).model_copy(update={"limits": Limits()}), []) != [Limits()]

    def test_edges_of_every_size_that_is_set_together(self, tmp_path: Path) -> None:
        both = (
            'free.size=[{"chip.arrays.columns" = 8, "chip.arrays.count" = 9}, '
            '{"chip.arrays.columns" = 16, "chip.arrays.count" = 8}]'
        )
        found = space(toy(tmp_path, both, "free.network.hidden={most=20}"))
        assert found.axes[0].widths == (4, 8, 12, 16, 20)  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("setting", "expected"),
        [
            (
                "free.cell=[{levels=2}]",
                'free.cell.levels: must be a key of the recipe or the chip, in quotes, such as "chip.device.levels"',
            ),
            (
                "free.cell=[{chip.device.levels=2}]",
                'free.cell.chip: must be a key of the recipe or the chip, in quotes, such as "chip.device.levels"',
            ),
            ("free.cell=[1]", "free.cell: must be a key of the recipe or the chip, such as network.hidden"),
            (
                'free.cell=[{"chip.adc.bits"=4, "chip.adc.lanes"=4}, {"chip.adc.bits"=6}]',
                "free.cell.1: also set chip.adc.lanes, as the other values do",
            ),
            (
                'free.cell=[{"data.downsample"=1}, {"data.downsample"=2}]',
                "free.cell.data.downsample: is free in data.downsample, too; remove one of them",
            ),
            (
                'free.cell=[{"train.epochs"=1}]',
                "free.cell.train.epochs: is the same for all candidates; set it in [train] or [search]",
            ),
            (
                'free.cell=[{"quantize.input_bits"=1}]',
                "free.cell.quantize.input_bits: is also in [quantize]; remove one of them",
            ),
        ],
    )
    def test_mistakes(self, tmp_path: Path, setting: str, expected: str) -> None:
        assert message(tmp_path, setting) == expected

    def test_a_value_that_no_flow_takes(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            space(toy(tmp_path, HIDDEN, 'free.cell=[{"chip.device.levels" = 9, "chip.device.code_bits" = 1}]'))
        assert "chip.device.code_bits" in str(caught.value) and str(caught.value).count("\n") == 0


class TestInfeasible:
    """Four levels do not go with codes of one bit: a candidate that does not fit, and no mistake."""

    def test_values_that_others_need(self, tmp_path: Path) -> None:
        question = toy(tmp_path, HIDDEN, LEVELS, BITS, "set.chip.device.levels=2", "set.chip.device.code_bits=1")
        with pytest.raises(ConfigError):
            question.base([("chip.device.levels", 4)])  # alone
        assert space(question).axes[2:] == (
            Choice("chip.device.levels", (2, 4)),
            Choice("chip.device.code_bits", (1, 2)),
        )

    def test_they_are_counted(self, tmp_path: Path) -> None:
        found = screen(toy(tmp_path, HIDDEN, LEVELS, BITS), tmp_path / "out", arrays=40)
        price = found.context.pricer
        wrong = [c for c, cost in found.priced if not cost.fits]
        assert [(c["chip.device.levels"], c["chip.device.code_bits"]) for c in wrong] == [(4, 1)] * 4
        assert len(found.priced) == 16
        assert {price(c).misses[0].limit for c in wrong} == {"placement"}
        note = screen_table(found)[2]
        assert note.startswith("12 of all 16 candidates meet arrays <= 40; 4 cannot be built")
        bad = [c for c in screen_record(found)["candidates"] if c["misses"]]
        assert len(bad) == 4 and all("code_bits" in c["misses"][0] for c in bad)

    def test_a_search_goes_on(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch)
        sets = ("search.trials=99", "search.seeds=[1]", "limits.arrays=40")
        (point,) = optimize(toy(tmp_path, HIDDEN, LEVELS, BITS, *sets), tmp_path / "out")
        assert point.answer is not None
        assert point.answer.found.fitting == 12 and asked
        assert all("code_bits" in str(n.cost.misses[0]) for n in point.answer.certificate.neighbours if not n.cost.fits)

    def test_sizes_of_arrays(self, tmp_path: Path) -> None:
        """Eight converters need sixteen columns; edges come from the sizes that go together."""
        sizes = ("free.chip.arrays.columns=[8, 16]", "free.chip.adc.lanes=[4, 8]")
        found = space(toy(tmp_path, *sizes, "free.network.hidden={most=20}"))
        assert found.axes[0].widths == (4, 8, 12, 16, 20)  # type: ignore[union-attr]
        cannot = [c for c, cost in screen(toy(tmp_path, HIDDEN, *sizes), tmp_path / "out").priced if cost.is_impossible]
        assert {(c["chip.arrays.columns"], c["chip.adc.lanes"]) for c in cannot} == {(8, 8)}

    def test_nothing_else(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            space(toy(tmp_path, HIDDEN, "free.chip.device.levels=[4]", "free.chip.device.code_bits=[1]"))
        assert set(str(caught.value).replace(f"{tmp_path}/toy.toml: ", "").partition(":")[0].split()) == {
            "chip.device.code_bits"
        }

    def test_tables_of_a_chip(self, tmp_path: Path) -> None:
        """Values that are tables are priced like others."""
        context, _ = opened(
            toy(tmp_path, HIDDEN, "free.chip.adc=[{bits=6, lanes=4}, {bits=6, lanes=8}]"), tmp_path / "out"
        )
        assert {context.pricer.chip(c).adc.lanes for c in context.space} == {4, 8}

    def test_nothing_fits_at_all(self, tmp_path: Path) -> None:
        context, _ = opened(toy(tmp_path, HIDDEN, LEVELS, BITS), tmp_path / "out", arrays=1)
        with pytest.raises(CapacityError, match="none of 16 candidates meets arrays <= 1; the closest is hidden 8, "):
            screen(context.question, tmp_path / "screen", arrays=1)
        assert Candidate(()).changes == ()
