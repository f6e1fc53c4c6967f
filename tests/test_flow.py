"""Flow files in words, and stages that stop, go on and skip what is done."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from codesign.errors import ConfigError, InputError, OutputError
from codesign.flow import Context, Flow, Stage, presets, run, stages

TOY = """\
name = "toy"
chip = "tiny"

[network]
hidden = [8]

[train]
epochs = 3
"""


def message(call: Any, *args: Any, kind: type[Exception] = ConfigError) -> str:
    with pytest.raises(kind) as caught:
        call(*args)
    return str(caught.value)


def mistakes(text: str, sets: Sequence[str] = ()) -> list[str]:
    return message(Flow.parse, text, "my.toml", sets).splitlines()


class TestFile:
    @pytest.mark.parametrize("name", presets())
    def test_presets_load_under_their_name(self, name: str) -> None:
        assert Flow.load(name).name == name

    @pytest.mark.parametrize("sets", [[], ["train.method=iscas2018"], ["train.method=iscas2018", "train.grid_max=0.5"]])
    def test_written_out_it_is_the_same_flow(self, sets: list[str]) -> None:
        flow = Flow.parse(TOY, "my.toml", sets)
        assert Flow.parse(flow.toml(), "again.toml") == flow

    def test_every_mistake_is_reported_at_once(self) -> None:
        text = TOY.replace("epochs", "epoch").replace("[8]", "[0]").replace('"toy"', '"Toy"') + "[simulation]\n"
        assert mistakes(text) == [
            "my.toml: network.hidden.0: must be at least 1, got 0",
            "my.toml: train.epoch: unknown key; did you mean epochs?",
            "my.toml: name: must match ^[a-z][a-z0-9_-]{0,40}$, got 'Toy'",
            "my.toml: simulation: unknown key; did you mean simulate?",
        ]

    def test_mistakes_of_the_chip_file_too(self, tmp_path: Path) -> None:
        chip = tmp_path / "mine.toml"
        chip.write_text('name = "mine"\n')
        text = TOY.replace('"tiny"', '"mine.toml"').replace("epochs = 3", "epochs = 0")
        (tmp_path / "flow.toml").write_text(text)
        assert message(Flow.load, tmp_path / "flow.toml").splitlines() == [
            f"{chip}: arrays: missing; it is required",
            f"{chip}: device: missing; it is required",
            f"{chip}: adc: missing; it is required",
            f"{tmp_path}/flow.toml: train.epochs: must be at least 1, got 0",
        ]

    def test_unknown_chip(self) -> None:
        assert mistakes(TOY.replace('"tiny"', '"tinny"')) == [
            "chip tinny: cannot be read (No such file or directory); "
            "give a .toml file or one of the presets cnn-128, lenet-128, reference-128, tiny; did you mean tiny?"
        ]

    def test_inline_chip(self) -> None:
        text = Flow.parse(TOY, "my.toml").toml().replace("lanes = 4", "lanez = 4")
        assert mistakes(text) == [
            "my.toml: chip.adc.lanes: missing; it is required",
            "my.toml: chip.adc.lanez: unknown key; did you mean lanes?",
        ]

    def test_recipe_and_chip_must_agree(self) -> None:
        assert mistakes(TOY, ["chip.activation.bits=4", "quantize.input_bits=5", "quantize.activation_bits=6"]) == [
            "my.toml: quantize.input_bits: must be at most chip.activation.bits = 4, got 5",
            "my.toml: quantize.activation_bits: must be at most chip.activation.bits = 4, got 6",
        ]

    def test_the_simulated_images_are_among_the_references(self) -> None:
        assert mistakes(TOY, ["reference.images=3", "simulate.images=4"]) == [
            "my.toml: simulate.images: must be at most reference.images = 3, got 4"
        ]

    def test_not_toml(self) -> None:
        assert mistakes("name = ") == ["my.toml: is not TOML (Invalid value (at end of document))"]

    def test_no_such_flow(self) -> None:
        assert message(Flow.load, "letters") == (
            "flow letters: cannot be read (No such file or directory); "
            "give a .toml file or one of the presets cifar_lenet, cifar_resnet20, digits_cnn, digits_mlp, "
            "mnist_converters, mnist_lenet, mnist_mlp, my_die"
        )


class TestSet:
    def test_values_are_toml_and_bare_words_strings(self) -> None:
        sets = ["train.epochs=5", "network.hidden=[4, 2]", "name=other", "train.lr = 0.5", "simulate.load=backdoor"]
        flow = Flow.parse(TOY, "my.toml", sets)
        assert (flow.name, flow.train.epochs, flow.network.hidden, flow.train.lr) == ("other", 5, (4, 2), 0.5)
        assert flow.simulate.load == "backdoor"

    def test_a_setting_of_the_chip_changes_the_chosen_chip(self) -> None:
        flow = Flow.parse(TOY, "my.toml", ["chip.adc.bits=8", "chip=reference-128"])
        assert (flow.chip.name, flow.chip.adc.bits, flow.chip.arrays.rows) == ("reference-128", 8, 128)

    @pytest.mark.parametrize("value", ['"a\\u001b[31m.npz"', "caf\udce9.npz", "a\nb"])
    def test_names_that_no_terminal_or_file_can_hold(self, value: str) -> None:
        shown = tomllib.loads(f"x = {value}")["x"] if value.startswith('"') else value
        assert mistakes(TOY, [f"data.dataset={value}"]) == [
            f"my.toml: data.dataset: must be one line without control characters, got {shown!r}"
        ]

    def test_misspelt(self) -> None:
        assert mistakes(TOY, ["train.epoch=5"]) == ["my.toml: train.epoch: unknown key; did you mean epochs?"]

    @pytest.mark.parametrize("text", ["train.epochs", "=5", "train..epochs=5"])
    def test_not_a_setting(self, text: str) -> None:
        assert mistakes(TOY, [text]) == [f"--set {text}: must be KEY=VALUE, for example train.epochs=5"]

    def test_below_a_value(self) -> None:
        assert mistakes(TOY, ["train.epochs.x=5", "train.epoch=5"]) == [
            "my.toml: train.epochs.x: train.epochs is a value, not a table; set train.epochs itself",
            "my.toml: train.epoch: unknown key; did you mean epochs?",
        ]

    def test_the_tables_given_stay_as_they_are(self) -> None:
        data = {"name": "toy", "chip": "tiny", "quantize": {"cells": {"variation": 0.1}}}
        changed = {"stuck_on": 0.1}
        settings = [("quantize.cells", changed), ("quantize.cells.stuck_off", 0.2), ("chip.adc.bits", 5)]
        flow = Flow.parse_data(data, "x", settings)
        assert (flow.quantize.cells.stuck_on, flow.quantize.cells.stuck_off, flow.chip.adc.bits) == (0.1, 0.2, 5)
        assert data == {"name": "toy", "chip": "tiny", "quantize": {"cells": {"variation": 0.1}}}
        assert changed == {"stuck_on": 0.1}


class Recorder:
    """Three stages that count themselves: a -> b -> c."""

    def __init__(self) -> None:
        self.fail = ""
        self.content = "a"
        self.stages = (
            Stage("a", (), lambda c: {"epochs": c.flow.train.epochs}, self.work, resumes=True),
            Stage("b", ("a",), lambda c: {"images": c.flow.simulate.images}, self.work),
            Stage("c", ("a", "b"), lambda c: {}, self.work),
        )

    def work(self, context: Context, folder: Path) -> None:
        half = folder / "half"
        half.write_text(half.read_text() + "+" if half.exists() else "half")
        if folder.name.endswith(self.fail or "?"):
            raise KeyboardInterrupt
        (folder / "result").write_text(self.content)
        (folder / "summary.json").write_text(f"{folder.name} {context.flow.train.epochs}")


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(stages, "STAGES", made.stages)
    return made


class TestRun:
    flow = Flow.parse(TOY, "my.toml")

    def test_in_order_then_nothing(self, recorder: Recorder, tmp_path: Path) -> None:
        assert run(self.flow, tmp_path) == ("a", "b", "c")
        assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["01_a", "02_b", "03_c"]
        assert (tmp_path / "summary.json").read_text() == "03_c 3"
        before = {p: p.stat().st_mtime_ns for p in tmp_path.glob("0*/*")}
        assert run(self.flow, tmp_path) == ()
        assert {p: p.stat().st_mtime_ns for p in tmp_path.glob("0*/*")} == before

    def test_the_folder_says_what_was_run(self, recorder: Recorder, tmp_path: Path) -> None:
        run(self.flow, tmp_path)
        assert Flow.load(tmp_path / "flow.toml") == self.flow

    def test_a_changed_setting_runs_only_what_depends_on_it(self, recorder: Recorder, tmp_path: Path) -> None:
        run(self.flow, tmp_path)
        assert run(Flow.parse(TOY, "my.toml", ["simulate.images=5"]), tmp_path) == ("b",)  # c's inputs are equal bytes
        recorder.content = "changed"
        assert run(Flow.parse(TOY, "my.toml", ["simulate.images=6"]), tmp_path) == ("b", "c")

    def test_a_damaged_file_is_made_again(self, recorder: Recorder, tmp_path: Path) -> None:
        run(self.flow, tmp_path)
        (tmp_path / "02_b" / "result").write_text("damaged")
        assert run(self.flow, tmp_path) == ("b",)
        assert (tmp_path / "02_b" / "result").read_text() == "a"
        (tmp_path / "01_a" / "result").unlink()
        assert run(self.flow, tmp_path) == ("a",)

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 3}', "another time"])
    def test_a_damaged_record_is_not_trusted(self, recorder: Recorder, tmp_path: Path, text: str) -> None:
        run(self.flow, tmp_path)
        record = tmp_path / "02_b" / "done.json"
        other = record.read_text().replace('"time_s": ', '"time_s": 1')
        record.write_text(other if text == "another time" else text)
        assert run(self.flow, tmp_path) == ("b",)

    def test_a_record_of_other_inputs_is_not_believed(self, recorder: Recorder, tmp_path: Path) -> None:
        """As two runs that mixed their files in one folder would leave it."""
        other = Flow.parse(TOY, "my.toml", ["train.epochs=4"])
        run(self.flow, tmp_path / "one")
        run(other, tmp_path / "two")
        one, two = tmp_path / "one" / "01_a", tmp_path / "two" / "01_a"
        assert json.loads((one / "done.json").read_text()) != json.loads((two / "done.json").read_text())
        for name in ("result", "summary.json", "half", "done.json"):
            (two / name).write_bytes((one / name).read_bytes())
        assert run(other, tmp_path / "two")[:1] == ("a",)

    def test_a_killed_stage_goes_on_if_it_can(self, recorder: Recorder, tmp_path: Path) -> None:
        recorder.fail = "a"
        with pytest.raises(KeyboardInterrupt):
            run(self.flow, tmp_path)
        recorder.fail = ""
        assert run(self.flow, tmp_path) == ("a", "b", "c")
        assert (tmp_path / "01_a" / "half").read_text() == "half+"

    def test_but_not_with_other_settings(self, recorder: Recorder, tmp_path: Path) -> None:
        recorder.fail = "a"
        with pytest.raises(KeyboardInterrupt):
            run(self.flow, tmp_path)
        recorder.fail = ""
        run(Flow.parse(TOY, "my.toml", ["train.epochs=4"]), tmp_path)
        assert (tmp_path / "01_a" / "half").read_text() == "half"

    def test_others_start_over(self, recorder: Recorder, tmp_path: Path) -> None:
        recorder.fail = "b"
        with pytest.raises(KeyboardInterrupt):
            run(self.flow, tmp_path)
        recorder.fail = ""
        assert run(self.flow, tmp_path) == ("b", "c")
        assert (tmp_path / "02_b" / "half").read_text() == "half"

    def test_a_stale_summary_goes_away(self, recorder: Recorder, tmp_path: Path) -> None:
        run(self.flow, tmp_path)
        run(Flow.parse(TOY, "my.toml", ["train.epochs=4"]), tmp_path, None, "a")
        assert not (tmp_path / "summary.json").exists()

    def test_a_lost_summary_comes_back(self, recorder: Recorder, tmp_path: Path) -> None:
        run(self.flow, tmp_path)
        (tmp_path / "summary.json").unlink()
        assert run(self.flow, tmp_path) == ()
        assert (tmp_path / "summary.json").read_text() == "03_c 3"

    def test_from_and_until(self, recorder: Recorder, tmp_path: Path) -> None:
        assert run(self.flow, tmp_path, None, "b") == ("a", "b")
        assert run(self.flow, tmp_path, "b") == ("b", "c")
        assert run(self.flow, tmp_path, "a", "b") == ("a", "b")

    def test_from_needs_what_comes_before(self, recorder: Recorder, tmp_path: Path) -> None:
        assert message(run, self.flow, tmp_path, "b", kind=InputError) == (
            f"{tmp_path}/01_a: stage a is not finished for this flow; run without --from"
        )

    @pytest.mark.parametrize(
        ("kind", "what"), [("link", "is a link"), ("file", "is not a folder"), ("loose", "is a link")]
    )
    def test_something_in_place_of_a_stages_folder(
        self, recorder: Recorder, tmp_path: Path, kind: str, what: str
    ) -> None:
        out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "mine").write_text("x")
        run(self.flow, out, None, "a")
        if kind == "file":
            (out / "02_b").write_text("x")
        else:
            (out / "02_b").symlink_to(elsewhere if kind == "link" else tmp_path / "nothing")
        assert message(run, self.flow, out, kind=OutputError) == (
            f"{out}/02_b: cannot be replaced ({what}); remove it, or choose another folder"
        )
        assert (elsewhere / "mine").read_text() == "x"
        (out / "02_b").unlink()
        assert run(self.flow, out) == ("b", "c")

    def test_stage_names(self, recorder: Recorder, tmp_path: Path) -> None:
        assert message(run, self.flow, tmp_path, "d") == "--from d: no such stage; use one of a, b, c"
        assert message(run, self.flow, tmp_path, None, "d") == "--until d: no such stage; use one of a, b, c"
        assert message(run, self.flow, tmp_path, "c", "a") == "--from c: comes after --until a; the order is a, b, c"
        assert list(tmp_path.iterdir()) == []

    def test_someone_elses_folder(self, recorder: Recorder, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("x")
        assert message(run, self.flow, tmp_path, kind=OutputError) == (
            f"{tmp_path}: holds files codesign did not write (thesis.tex); choose an empty folder or remove them"
        )
        assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
