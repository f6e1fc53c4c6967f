"""The study command, and progress."""

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from codesign.errors import InputError
from tests.cli.calls import Call
from tests.study.toy import TOY, pretend, result


class TestStudy:
    """What is printed; trainings are not done."""

    @pytest.fixture
    def file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        pretend(monkeypatch, lambda case, seed: result(80.0 + seed + len(case), dies={"a [b]": [50.0 + seed]}))
        (tmp_path / "toy.toml").write_text(TOY + '[[die]]\nname = "a [b]"\ncells = {}\ndraws = 1\n')
        return tmp_path / "toy.toml"

    def test_a_table(self, call: Call, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        status, out, err = call("study", file, "--out", tmp_path / "out")
        assert (status, err) == (0, "")
        assert [line.rstrip() for line in out.splitlines()] == [
            "Does it work?",
            "",
            "case   float  drop         die    accuracy      worst",
            "plain  90.00  3.50 ± 6.35  ideal  86.50 ± 0.71  86.00",
            "                           a [b]  51.50 ± 0.71  51.00",
            "wide   90.00  4.50 ± 6.35  ideal  85.50 ± 0.71  85.00",
            "                           a [b]  51.50 ± 0.71  51.00",
            "",
            "percent of the test set, mean of 2 seeds ± standard deviation; drop: float minus",
            "quantized, ± half its 95 % interval; imperfect dies: mean of 2 ± standard",
            "deviation",
            "",
            f"tables and plots in {tmp_path / 'out'}",
        ]
        assert {p.name for p in (tmp_path / "out").iterdir()} == {
            *(".codesign.json", "jobs", "report-tables", "report.html", "toy.csv", "toy.json")
        }

    def test_json_is_the_file(self, call: Call, file: Path, tmp_path: Path) -> None:
        status, out, err = call("study", file, "--out", tmp_path / "out", "--json")
        assert (status, err) == (0, "")
        assert json.loads(out) == [json.loads((tmp_path / "out" / "toy.json").read_text())]
        assert json.loads(out)[0]["seeds"] == [1, 2]

    def test_quick_and_settings(self, call: Call, file: Path, tmp_path: Path) -> None:
        argv = ["--out", tmp_path / "out", "--quick", "--set", "train.epochs=7", "--set", "train.lr=0.5", "--json"]
        (found,) = json.loads(call("study", file, *argv)[1])
        assert found["seeds"] == [3]
        flows = [tomllib.loads(p.read_text())["train"] for p in (tmp_path / "out").glob("jobs/*/flow.toml")]
        assert {(flow["epochs"], flow["lr"], flow["seed"]) for flow in flows} == {(7, 0.5, 3)}

    def test_mistakes_of_all_files_before_anything_is_trained(self, call: Call, file: Path, tmp_path: Path) -> None:
        (tmp_path / "x.toml").write_text(file.read_text().replace('"toy"', '"x"').replace("epochs", "epoch"))
        assert call("study", tmp_path, "--out", tmp_path / "out") == (
            1,
            "",
            f"error: {tmp_path}/x.toml: train.epoch: unknown key; did you mean epochs?\n",
        )
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("json_wanted", [True, False])
    def test_a_study_that_fails_keeps_no_other_from_ending(
        self, call: Call, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, json_wanted: bool
    ) -> None:
        def found(case: str, seed: int) -> Any:
            if (case, seed) == ("ill", 2):
                raise InputError("training: epoch 1: loss is nan")
            return result(80.0, dies={"a [b]": [50.0]})

        pretend(monkeypatch, found)
        (tmp_path / "a.toml").write_text(file.read_text().replace('"toy"', '"first"').replace('"plain"', '"ill"'))
        status, out, err = call("study", tmp_path, "--out", tmp_path / "out", *(["--json"] if json_wanted else []))
        assert (status, err) == (1, "error: study first, ill, seed 2: training: epoch 1: loss is nan\n")
        if json_wanted:
            assert [study["name"] for study in json.loads(out)] == ["toy"]
        else:
            assert out.count("Does it work?") == 1
            assert out.endswith(f"tables and plots in {tmp_path / 'out'}\n")
        monkeypatch.undo()
        pretend(monkeypatch, lambda case, seed: 1 / 0)  # type: ignore[arg-type, return-value]
        assert call("study", file, "--out", tmp_path / "out")[0] == 0

    def test_nothing_ended(self, call: Call, file: Path, tmp_path: Path) -> None:
        status, out, err = call("study", file, "--out", tmp_path / "out", "--set", "data.dataset=no.npz")
        assert (status, out) == (1, "")
        assert err.startswith("error: no.npz: no such file; ")
        assert err.count("\n") == 1

    def test_a_scheduler_that_is_not_there(
        self, call: Call, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "distributed", None)
        assert call("study", file, "--out", tmp_path / "out", "--scheduler", "tcp://host:8786") == (
            1,
            "",
            "error: scheduler tcp://host:8786: needs the package distributed; pip install 'codesign[cluster]'\n",
        )

    def test_an_interruption_is_one_line(
        self, call: Call, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(case: str, seed: int) -> Any:
            raise KeyboardInterrupt

        pretend(monkeypatch, interrupted)
        assert call("study", file, "--out", tmp_path / "out") == (
            130,
            "",
            "interrupted; run the same command again to resume\n",
        )
