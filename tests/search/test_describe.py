"""Question files: every mistake in its own words, settings, quick forms, presets."""

from pathlib import Path

import pytest

from codesign.errors import ConfigError
from codesign.search import load
from codesign.search.describe import Widths
from tests.search.toy import TOY, opened, toy

AXES = '"network.hidden" = { depth = [1, 2], most = 24 }\n"data.downsample" = [1, 2]\n'


def message(folder: Path, *sets: str, text: str = TOY) -> str:
    with pytest.raises(ConfigError) as caught:
        toy(folder, *sets, text=text)
    return str(caught.value).replace(f"{folder}/toy.toml: ", "")


class TestMistakes:
    @pytest.mark.parametrize(
        ("setting", "expected"),
        [
            ("free.network.hidden={depth=[]}", "free.network.hidden.depth: at least one is required"),
            ("free.network.hidden={widths=[]}", "free.network.hidden.widths: at least one is required"),
            ("free.data.downsample=[]", "free.data.downsample: at least one value is required"),
            ("free.data.downsample=[1,2,1]", "free.data.downsample: 1 is listed twice; remove one"),
            ("search.trial=3", "search.trial: unknown key; did you mean trials?"),
            ("limits.array=3", "limits.array: unknown key; did you mean arrays?"),
            ("serch.trials=3", "serch: unknown key; did you mean search?"),
            ("evaluate.cells={variaton=0.1}", "evaluate.cells.variaton: unknown key; did you mean variation?"),
            ("network.hidden=[3]", "free.network.hidden: is also in [network]; remove one of them"),
            ("free.hidden=[1]", "free.hidden: must be a key of the recipe or the chip, such as network.hidden"),
            (
                "free.simulate.images=[1]",
                "free.simulate.images: must be a key of the recipe or the chip, such as network.hidden",
            ),
            *(
                (
                    f"free.{key}=[1]",
                    f"free.{key}: is the same for all candidates; set it in [{table}] or [search]",
                )
                for key, table in (
                    ("train.epochs", "train"),
                    ("train.seed", "train"),
                    ("data.validation", "data"),
                    ("data.dataset", "data"),
                    ("machine.threads", "machine"),
                    ("machine.device", "machine"),
                )
            ),
            ("free.network.hidden={least=30,most=24}", "free.network.hidden.least: must be at most most = 24, got 30"),
            ("search.seeds=[]", "search.seeds: must list at least one seed, each once"),
            ("search.seeds=[1,1]", "search.seeds: must list at least one seed, each once"),
            ("search.trials=0", "search.trials: must be at least 1, got 0"),
            ("limits.arrays=1.5", "limits.arrays: must be an integer, got 1.5"),
            ("search.validation=none", "search.validation: must be an integer, got 'none'"),
            ("search.trials.x=3", "search.trials.x: search.trials is a value, not a table; set search.trials itself"),
            ("search", "--set search: must be KEY=VALUE, for example train.epochs=5"),
        ],
    )
    def test_in_its_own_words(self, tmp_path: Path, setting: str, expected: str) -> None:
        assert message(tmp_path, setting) == expected

    def test_in_layers(self, tmp_path: Path) -> None:
        assert message(tmp_path, "free.network.hidden={depht=[1], least=0}").splitlines() == [
            "free.network.hidden.least: must be at least 1, got 0",
            "free.network.hidden.depht: unknown key; did you mean depth?",
        ]
        assert message(tmp_path, "free.network.hidden=3") == (
            "free.network.hidden: must be a list of values, or layers such as { depth = [1, 2] }, got 3"
        )
        assert message(tmp_path, "free=3") == "free: must be a table, got 3"

    def test_rungs_rise(self, tmp_path: Path) -> None:
        assert message(tmp_path, "search.rungs=[3,3,2]").splitlines() == [
            "search.rungs.1: must be more epochs than the rung before (3), got 3",
            "search.rungs.2: must be more epochs than the rung before (3), got 2",
        ]

    def test_nothing_free(self, tmp_path: Path) -> None:
        text = TOY.replace(AXES, "")
        assert message(tmp_path, text=text) == "free: nothing is free; list at least one key, such as network.hidden"

    def test_all_mistakes_at_once(self, tmp_path: Path) -> None:
        found = message(tmp_path, "network.hidden=[3]", "search.seeds=[]", "free.train.seed=[1]").splitlines()
        assert [line.split(":")[0] for line in found] == ["free.network.hidden", "free.train.seed", "search.seeds"]

    def test_what_is_missing(self, tmp_path: Path) -> None:
        found = message(tmp_path, text='name = "x"\n').splitlines()
        assert found == [f"{key}: missing; it is required" for key in ("question", "free", "search")]

    def test_not_toml(self, tmp_path: Path) -> None:
        assert message(tmp_path, text="x =") == "is not TOML (Invalid value (at end of document))"

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            load(tmp_path / "none.toml")
        file = tmp_path / "none.toml"
        assert str(caught.value) == (
            f"question {file}: cannot be read (No such file or directory); "
            "give a .toml file or one of the presets cifar, digits, mnist"
        )


class TestValues:
    """What only a flow or the data refuse."""

    @pytest.mark.parametrize(
        ("setting", "expected"),
        [
            ("free.network.hiden=[1]", "network.hiden: unknown key; did you mean hidden?"),
            ("free.chip.adc.lanes=[4,9]", "chip.adc.lanes: must be at most arrays.columns/2 = 8, got 9"),
            ("train.lr=-1", "train.lr: must be more than 0, got -1"),
            (
                "chip=tinny",
                "chip tinny: cannot be read (No such file or directory); give a .toml "
                "file or one of the presets cnn-128, lenet-128, reference-128, tiny; did you mean tiny?",
            ),
        ],
    )
    def test_refused(self, tmp_path: Path, setting: str, expected: str) -> None:
        with pytest.raises(ConfigError) as caught:
            opened(toy(tmp_path, setting), tmp_path / "out")
        assert str(caught.value).replace(f"{tmp_path}/toy.toml: ", "") == expected


class TestSettings:
    def test_dotted_keys_of_dotted_tables(self, tmp_path: Path) -> None:
        question = toy(tmp_path, "free.data.downsample=[4]", "set.chip.adc.lanes=2", "search.rungs=[2, 4]")
        assert question.free["data.downsample"] == [4]
        assert question.base().chip.adc.lanes == 2
        assert question.search.rungs == (2, 4)
        question = toy(tmp_path, "uniform.set.data.downsample=4")
        assert question.uniform is not None
        assert question.uniform.set == {"data.downsample": 4}

    def test_quick_form_and_settings_on_top(self, tmp_path: Path) -> None:
        file = tmp_path / "toy.toml"
        toy(tmp_path)
        assert load(file, quick=True).search.rungs == (1,)
        assert load(file, ["search.rungs=[5]"], quick=True).search.rungs == (5,)
        assert load(file, quick=True).train["epochs"] == 2
        assert load(file).train["epochs"] == 9

    def test_presets_by_name(self) -> None:
        question = load("mnist", quick=True)
        assert (question.name, question.chip, question.where) == ("mnist", "reference-128", "question mnist")
        assert question.data["dataset"] == "digits"
        assert question.free["data.downsample"] == [1, 2]
        assert isinstance(load("digits").free["network.hidden"], Widths)

    def test_a_chip_file_beside_the_question(self, tmp_path: Path) -> None:
        (tmp_path / "mine.toml").write_text(
            'name = "mine"\n[arrays]\ncount = 3\nrows = 4\ncolumns = 4\n[device]\n'
            "levels = 2\ncode_bits = 1\n[adc]\nbits = 6\nlanes = 2\n"
            "[bus]\nstream_bytes = 4\n"
        )
        assert toy(tmp_path, "chip=mine.toml").base().chip.arrays.count == 3
