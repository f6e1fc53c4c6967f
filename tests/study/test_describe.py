"""Study files in words: what they may not say, and which trainings they stand for."""

from pathlib import Path

import pytest

from codesign.errors import ConfigError
from codesign.study import Study, check, jobs, load
from tests.study.toy import TOY, toy

FLOWS = Path(__file__).parents[2] / "flows" / "iscas2018"


def mistakes(folder: Path, text: str) -> list[str]:
    """What loading the text says, without the file's name."""
    with pytest.raises(ConfigError) as caught:
        toy(folder, text)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{folder}/toy.toml: ") for line in lines)
    return [line.removeprefix(f"{folder}/toy.toml: ") for line in lines]


def refused(study: Study, *sets: str) -> list[str]:
    """What expanding says."""
    with pytest.raises(ConfigError) as caught:
        jobs(study, sets)
    return str(caught.value).splitlines()


class TestFile:
    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            ('name = "toy"', 'name = "Toy"', "name: must match ^[a-z][a-z0-9_-]{0,40}$, got 'Toy'"),
            ("question", "qestion", "question: missing; it is required|qestion: unknown key; did you mean question?"),
            ('"Does it work?"', '""', "question: must be at least 1 long, got ''"),
            ("[train]", "[trian]", "trian: unknown key; did you mean train?"),
            ("seeds = [1, 2]", "seeds = []", "seeds: at least one is required"),
            ("seeds = [1, 2]", "seeds = [1, 2, 1]", "seeds: 1 is listed twice; remove one"),
            ("seeds = [1, 2]", "seeds = [-1]", "seeds.0: must be at least 0, got -1"),
            ("seeds = [1, 2]", 'seeds = ["1"]', "seeds.0: must be an integer, got '1'"),
            ("seeds = [3]", "seeds = []", "quick.seeds: at least one is required"),
            ("seeds = [3]", "seeds = [3, 3]", "quick.seeds: 3 is listed twice; remove one"),
            ("epochs = 1", "seed = 1", "train: train.seed: is set by the study's seeds; list it there"),
            ('"wide"', '"plain"', "case: name 'plain' is used twice; give each its own"),
            (
                'against = "plain"',
                'against = "plian"',
                "case wide: against 'plian' is not a case; use one of plain, wide",
            ),
            ('headline = "plain"', 'headline = "no"', "headline: 'no' is not a case; use one of plain, wide"),
            (
                '"network.hidden" = [16]',
                '"train.seed" = 4',
                "case wide: train.seed: is set by the study's seeds; list it there",
            ),
            (
                '"network.hidden" = [16]',
                '"simulate.images" = 4',
                "case wide: simulate.images: has no effect, because a study only trains; remove it",
            ),
            (
                "seeds = [3]",
                'set = { name = "x" }',
                "quick.set: name: has no effect, because a study only trains; remove it",
            ),
            (
                "seeds = [3]",
                'vary = { "train.lr" = [1.0] }',
                "quick.vary.train.lr: does not vary in the study; use quick.set",
            ),
        ],
    )
    def test_says_what_is_wrong(self, tmp_path: Path, old: str, new: str, expected: str) -> None:
        assert old in TOY
        assert mistakes(tmp_path, TOY.replace(old, new)) == expected.split("|")

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ('[vary]\n"train.lr" = []', "vary.train.lr: at least one is required"),
            ('[vary]\n"train.lr" = [0.1, 0.2, 0.1]', "vary.train.lr: 0.1 is listed twice; remove one"),
            ('[vary]\n"train.seed" = [1]', "vary: train.seed: is set by the study's seeds; list it there"),
            (
                '[vary]\n"network.hidden" = [[4]]',
                "case wide: network.hidden: is also in vary, which overrides it; remove one",
            ),
            (
                '[vary]\n"train.lr" = [0.1]\n[quick.vary]\n"train.epochs" = [1]',
                "quick.vary.train.epochs: does not vary in the study; use train.lr",
            ),
            (
                '[vary]\n"train.lr" = [0.1]\n[quick.vary]\n"train.lr" = []',
                "quick.vary.train.lr: at least one is required",
            ),
            ('[[die]]\nname = "a"\ncells = {}\n' * 2, "die: name 'a' is used twice; give each its own"),
            (
                '[[die]]\nname = "ideal"\ncells = {}',
                "die: name 'ideal' is taken by the die without imperfections; choose another",
            ),
            (
                '[[die]]\nname = "a"\ncells = { variation = 3 }',
                "die.0.cells.variation: must be at most 2, got 3",
            ),
            (
                '[[die]]\nname = "a"\ncells = {}\ndraws = 0',
                "die.0.draws: must be at least 1, got 0",
            ),
            ('[plot]\nx = "die"', "plot.x: 'die' does not vary; remove the plot"),
            (
                '[plot]\nx = "train.lr"\n[vary]\n"train.epochs" = [1]',
                "plot.x: 'train.lr' does not vary; use train.epochs",
            ),
            (
                '[plot]\nx = "train.lr"\n[[die]]\nname = "a"\ncells = {}',
                "plot.x: 'train.lr' does not vary; use die",
            ),
            (
                '[plot]\nx = "die"\nlog = true\n[[die]]\nname = "a"\ncells = {}',
                "plot.log: needs positive numbers along die; remove it",
            ),
            (
                '[plot]\nx = "train.method"\nlog = true\n[vary]\n"train.method" = ["lsq"]',
                "plot.log: needs positive numbers along train.method; remove it",
            ),
            (
                '[plot]\nx = "train.dropout"\nlog = true\n[vary]\n"train.dropout" = [0.1]\n'
                '[quick.vary]\n"train.dropout" = [0]',
                "plot.log: needs positive numbers along train.dropout; remove it",
            ),
        ],
    )
    def test_says_what_is_wrong_with_an_addition(self, tmp_path: Path, text: str, expected: str) -> None:
        assert mistakes(tmp_path, f"{TOY}\n{text}\n") == [expected]

    def test_every_mistake_at_once(self, tmp_path: Path) -> None:
        text = TOY.replace("[1, 2]", "[]").replace('against = "plain"', 'against = "no"')
        assert mistakes(tmp_path, text) == [
            "case wide: against 'no' is not a case; use one of plain, wide",
            "seeds: at least one is required",
        ]

    def test_no_case_at_all(self, tmp_path: Path) -> None:
        text = TOY[: TOY.index("[[case]]")].replace('headline = "plain"\n', "")
        assert [c.name for c in toy(tmp_path, text).case] == ["base"]
        expected = ["case: the list is empty; leave it out, or give at least one"]
        assert mistakes(tmp_path, "case = []\n" + text) == expected

    def test_not_toml(self, tmp_path: Path) -> None:
        assert mistakes(tmp_path, "name = ") == ["is not TOML (Invalid value (at end of document))"]


class TestLoad:
    def test_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            load(tmp_path / "none.toml")
        assert str(caught.value) == (
            f"study {tmp_path}/none.toml: cannot be read (No such file or directory); "
            "give a .toml file or a folder of them"
        )

    def test_not_text(self, tmp_path: Path) -> None:
        (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
        with pytest.raises(ConfigError) as caught:
            load(tmp_path)
        assert str(caught.value).startswith(f"study {tmp_path}/a.toml: cannot be read (UTF-16 text; save it as UTF-8)")

    def test_a_folder_without_studies(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            load(tmp_path)
        assert str(caught.value) == f"study {tmp_path}: the folder holds no .toml file; give one that does, or a file"

    def test_a_folder_in_order_of_file_names(self, tmp_path: Path) -> None:
        for name in ("b", "c", "a"):
            (tmp_path / f"{name}.toml").write_text(TOY.replace('"toy"', f'"of-{name}"'))
        assert [s.name for s in load(tmp_path)] == ["of-a", "of-b", "of-c"]

    def test_names_are_unique_and_every_file_is_judged(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            (tmp_path / f"{name}.toml").write_text(TOY)
        (tmp_path / "c.toml").write_text(TOY.replace("[1, 2]", "[]"))
        with pytest.raises(ConfigError) as caught:
            load(tmp_path)
        assert str(caught.value).splitlines() == [
            f"{tmp_path}/b.toml: name: 'toy' is also the name of {tmp_path}/a.toml; give each its own",
            f"{tmp_path}/c.toml: seeds: at least one is required",
        ]


class TestJobs:
    def test_cases_then_values_then_seeds(self, tmp_path: Path) -> None:
        study = toy(tmp_path, TOY + '[vary]\n"train.lr" = [0.5, 0.25]\n"chip.adc.bits" = [4]\n')
        made = jobs(study)
        assert [job.label for job in made] == [
            f"{case}, lr {lr}, bits 4, seed {seed}"
            for case in ("plain", "wide")
            for lr in (0.5, 0.25)
            for seed in (1, 2)
        ]
        flow = made[5].flow
        assert (flow.network.hidden, flow.train.lr, flow.train.seed, flow.train.epochs) == ((16,), 0.5, 2, 1)
        assert (flow.chip.name, flow.chip.adc.bits, flow.name) == ("tiny", 4, "toy")

    def test_changes_to_all_of_them(self, tmp_path: Path) -> None:
        made = jobs(toy(tmp_path), ["network.hidden=[4]", "chip=reference-128", "chip.adc.bits=7"])
        assert {(job.flow.network.hidden, job.flow.chip.name, job.flow.chip.adc.bits) for job in made} == {
            ((4,), "reference-128", 7)
        }

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("train.seed=3", "--set train.seed: is set by the study's seeds; list it there"),
            ("name=other", "--set name: has no effect, because a study only trains; remove it"),
            ("simulate.images=3", "--set simulate.images: has no effect, because a study only trains; remove it"),
            ("train.epochs", "--set train.epochs: must be KEY=VALUE, for example train.epochs=5"),
            ("train.epoch=5", "{file}: train.epoch: unknown key; did you mean epochs?"),
        ],
    )
    def test_changes_that_cannot_be(self, tmp_path: Path, text: str, expected: str) -> None:
        assert refused(toy(tmp_path), text) == [expected.format(file=tmp_path / "toy.toml")]

    def test_misspelt_keys_by_file_and_case(self, tmp_path: Path) -> None:
        text = TOY.replace('"network.hidden" = [16]', '"network.hiden" = [16], "chip.adc.bit" = 3')
        assert refused(toy(tmp_path, text + '[vary]\n"train.epoch" = [1, 2]\n')) == [
            f"{tmp_path}/toy.toml: train.epoch: unknown key; did you mean epochs?",
            f"{tmp_path}/toy.toml, case wide: network.hiden: unknown key; did you mean hidden?",
            f"{tmp_path}/toy.toml, case wide: chip.adc.bit: unknown key; did you mean bits?",
        ]

    def test_mistakes_of_one_case_alone(self, tmp_path: Path) -> None:
        text = TOY[: TOY.rindex("[[case]]")] + 'set = { "network.hidden.x" = 1 }\n'
        assert refused(toy(tmp_path, text)) == [
            f"{tmp_path}/toy.toml, case plain: network.hidden.x: network.hidden is a value, not a table; "
            "set network.hidden itself"
        ]

    def test_a_chip_beside_the_file(self, tmp_path: Path) -> None:
        tiny = (FLOWS.parent / "chips" / "tiny.toml").read_text()
        for name, count in (("mine", 32), ("other", 64)):
            text = tiny.replace('"tiny"', f'"{name}"').replace("count = 6", f"count = {count}")
            (tmp_path / f"{name}.toml").write_text(text)
        text = TOY.replace('"tiny"', '"mine.toml"').replace('"network.hidden" = [16]', 'chip = "other.toml"')
        made = jobs(toy(tmp_path, text, "study.toml"))
        assert [(job.flow.chip.name, job.flow.chip.arrays.count) for job in made] == [
            *[("mine", 32)] * 2,
            *[("other", 64)] * 2,
        ]

    def test_unknown_chips(self, tmp_path: Path) -> None:
        study = toy(tmp_path, TOY.replace('"tiny"', '"tinny"').replace('"network.hidden" = [16]', 'chip = "x.toml"'))
        rest = "give a .toml file or one of the presets cnn-128, lenet-128, reference-128, tiny"
        assert refused(study) == [
            f"{tmp_path}/toy.toml, case plain: chip tinny: cannot be read (No such file or directory); {rest}"
            "; did you mean tiny?",
            f"{tmp_path}/toy.toml, case wide: chip {tmp_path}/x.toml: cannot be read "
            f"(No such file or directory); {rest}",
        ]

    def test_one_job_leaves_no_trace_in_another(self, tmp_path: Path) -> None:
        cells = '"quantize.cells" = { variation = 0.1 }'
        text = TOY.replace('"network.hidden" = [16]', f'{cells}, "quantize.cells.stuck_on" = 0.1')
        study = toy(tmp_path, text.replace("[train]\nepochs = 1", "[quantize]\ncells = { wire = 0.1 }"))
        first = [job.flow.quantize.cells for job in jobs(study)]
        assert [(c.wire, c.variation, c.stuck_on) for c in first] == [(0.1, 0, 0)] * 2 + [(0, 0.1, 0.1)] * 2
        assert [job.flow.quantize.cells for job in jobs(study)] == first
        assert study.case[1].set["quantize.cells"] == {"variation": 0.1}

    def test_a_comparison_needs_a_baseline_and_equal_images(self, tmp_path: Path) -> None:
        text = TOY.replace('name = "plain"\n', 'name = "plain"\nset = { "train.baseline" = false }\n')
        assert refused(toy(tmp_path, text)) == [
            f"{tmp_path}/toy.toml, case wide: against 'plain' trains no baseline; set train.baseline = true there"
        ]
        text = TOY.replace('"network.hidden" = [16]', '"data.validation" = 100')
        assert refused(toy(tmp_path, text)) == [
            f"{tmp_path}/toy.toml, case wide: against 'plain' is tested on different images; "
            "give both the same data.dataset and data.validation"
        ]

    def test_without_a_file_it_goes_by_its_name(self) -> None:
        study = Study(name="x", question="?", train={"epoch": 1})
        assert refused(study) == ["study x, case base: train.epoch: unknown key; did you mean epochs?"]

    def test_all_studies_are_judged_before_the_first_is_run(self, tmp_path: Path) -> None:
        good = toy(tmp_path, TOY, "good.toml")
        bad = [toy(tmp_path, TOY.replace("epochs", wrong), f"{wrong}.toml") for wrong in ("epoch", "epochz")]
        check([good])
        with pytest.raises(ConfigError) as caught:
            check([bad[0], good, bad[1]])
        assert str(caught.value).splitlines() == [
            f"{tmp_path}/epoch.toml: train.epoch: unknown key; did you mean epochs?",
            f"{tmp_path}/epochz.toml: train.epochz: unknown key; did you mean epochs?",
        ]
        with pytest.raises(ConfigError) as caught:
            check([good, good], ["train.seed=1"])
        assert str(caught.value) == "--set train.seed: is set by the study's seeds; list it there"


class TestQuick:
    def test_changes(self, tmp_path: Path) -> None:
        more = 'set = { "train.epochs" = 2, "network.hidden" = [4] }\nvary = { "train.lr" = [0.5] }\n'
        more += '[vary]\n"train.lr" = [0.1, 0.2]\n"chip.adc.bits" = [4, 5]\n'
        more += '[[die]]\nname = "a"\ncells = {}\n[[die]]\nname = "b"\ncells = {}\ndraws = 1\n'
        quick = toy(tmp_path, TOY + more).quickly()
        assert [d.draws for d in quick.die] == [2, 1]
        assert [job.label for job in jobs(quick)] == [
            f"{case}, lr 0.5, bits {bits}, seed 3" for case in ("plain", "wide") for bits in (4, 5)
        ]
        assert {(job.flow.train.epochs, job.flow.network.hidden) for job in jobs(quick)} == {(2, (4,))}

    def test_it_knows_its_file(self, tmp_path: Path) -> None:
        text = TOY + 'set = { "train.epoch" = 2 }\n'
        assert refused(toy(tmp_path, text).quickly()) == [
            f"{tmp_path}/toy.toml: train.epoch: unknown key; did you mean epochs?"
        ]


@pytest.mark.parametrize("file", sorted(FLOWS.glob("*.toml")), ids=lambda p: p.stem)
def test_the_studies_that_travel_with_codesign(file: Path) -> None:
    (study,) = load(file)
    assert study.name == file.stem
    for form in (study, study.quickly()):
        made = jobs(form)
        assert len({(job.case, repr(job.values), job.seed) for job in made}) == len(made) > 0
    assert {job.flow.data.dataset for job in made} == {"digits"}
