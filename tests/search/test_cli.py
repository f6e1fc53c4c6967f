"""codesign optimize: what it prints and refuses, with which exit status."""

import json
import sys
from pathlib import Path

import pytest

from tests.cli.calls import Call
from tests.search.toy import pretend, toy

SETS = ("search.trials=3", "search.rungs=[1]", "search.seeds=[1, 2]", "free.data.downsample=[2]")


@pytest.fixture
def argv(tmp_path: Path) -> list[object]:
    toy(tmp_path)
    return ["optimize", tmp_path / "toy.toml", "--out", tmp_path / "out", *(a for s in SETS for a in ("--set", s))]


class TestAnswers:
    def test_tables(self, call: Call, argv: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch)
        monkeypatch.setenv("COLUMNS", "160")
        status, out, err = call(*argv, "--budgets", "1,6,12")
        assert (status, err) == (0, "")
        assert out.count("winner: ") == 2
        assert "nothing fits" in out
        assert "\nWhich?\n" in out
        assert out.endswith(f"certificates, flows and programs in {tmp_path}/out/winners\n")
        assert (tmp_path / "out/toy.svg").is_file()

    def test_json(self, call: Call, argv: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch)
        status, out, err = call(*argv, "--json")
        assert (status, err) == (0, "")
        found = json.loads(out)
        assert found == json.loads((tmp_path / "out/toy.json").read_text())
        assert [b["arrays"] for b in found["budgets"]] == [12]
        assert (tmp_path / "out/toy.svg").is_file()

    def test_reach(self, call: Call, argv: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch)
        status, out, err = call(*argv, "--reach", "55", "--minimize", "interval", "--json")
        assert (status, err) == (0, "")
        found = json.loads(out)
        assert (found["reach"], found["minimize"]) == (55, "interval")
        assert found["least"] == found["certificate"]["limits"]["interval"]
        text = call(*argv, "--reach", "55", "--minimize", "interval")[1]
        assert f"\ninterval needed for 55 %: {found['least']}\nwinner: " in text

    def test_nothing_reaches(
        self, call: Call, argv: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pretend(monkeypatch)
        monkeypatch.setenv("COLUMNS", "160")
        status, out, err = call(*argv, "--reach", "99")
        assert status == 1
        near = "hidden 24-24, downsample 2"
        assert err == (
            f"error: {tmp_path}/toy.toml: nothing reached 99 % held-out; the nearest is 71.90 %, {near}; "
            "ask for less, free larger choices or raise search.trials\n"
        )
        assert out.startswith("Which?\n\nheld-out  short by  trained") and f"nearest: {near}, 27.10 points short" in out
        again = call(*argv, "--reach", "99", "--json")
        assert (again[0], again[2]) == (1, err)
        assert json.loads(again[1]) == json.loads((tmp_path / "out/toy-reach.json").read_text())

    def test_front(self, call: Call, argv: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch)
        status, out, err = call(*argv, "--front", "arrays", "--json")
        assert (status, err) == (0, "")
        assert json.loads(out) == json.loads((tmp_path / "out/toy-arrays.json").read_text())
        assert "held-out accuracy" in call(*argv, "--front", "arrays")[1]

    def test_screen(self, call: Call, argv: list[object]) -> None:
        status, out, err = call(*argv, "--screen", "--budgets", "6")
        assert (status, err) == (0, "")
        assert "9 of all 12 candidates meet arrays <= 6; nothing was trained" in out
        status, out, err = call(*argv, "--screen", "--budgets", "6", "--json")
        assert (status, err) == (0, "")
        found = json.loads(out)["candidates"]
        assert len(found) == 12 and sum(not c["misses"] for c in found) == 9

    def test_workers(self, call: Call, argv: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of the trainings that one made, two make none."""
        asked = pretend(monkeypatch)
        first = call(*argv, "--json")
        asked.clear()
        assert call(*argv, "--json", "--jobs", "2") == first
        assert asked == []


class TestRefused:
    @pytest.mark.parametrize("budgets", ["0", "4,", "four", "4,1025", "-1", "", "4.5"])
    def test_budgets(self, call: Call, argv: list[object], tmp_path: Path, budgets: str) -> None:
        assert call(*argv, f"--budgets={budgets}") == (
            1,
            "",
            f"error: --budgets {budgets}: must be numbers of arrays, 1..1024, separated by commas: 4,8,16\n",
        )
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        "options", [("--budgets", "4", "--reach", "9"), ("--reach", "9", "--front", "arrays"),
                    ("--budgets", "4", "--front", "arrays")],
    )  # fmt: skip
    def test_two_questions(self, call: Call, argv: list[object], options: tuple[str, ...]) -> None:
        assert call(*argv, *options) == (
            1,
            "",
            "error: --budgets, --reach, --front and --screen are different questions; give one of them\n",
        )

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (
                ("--minimize", "latency"),
                "--minimize: names what --reach minimizes; give --reach too, or leave it out",
            ),
            (
                ("--screen", "--budgets", "4,6"),
                "--screen: prices one budget at a time, got 4,6; give one number of arrays",
            ),
            (("--reach", "120"), "--reach: must be above 0 and at most 100 percent, got 120"),
            (("--screen", "--reach", "9"), "--budgets, --reach, --front and --screen are different questions; "
             "give one of them"),
        ],
    )  # fmt: skip
    def test_options_that_need_others(
        self, call: Call, argv: list[object], options: tuple[str, ...], words: str
    ) -> None:
        assert call(*argv, *options) == (1, "", f"error: {words}\n")

    def test_a_baseline_that_no_flow_takes(self, call: Call, argv: list[object], tmp_path: Path) -> None:
        assert call(*argv, "--set", "uniform.set.quantize.slizes=2") == (
            1,
            "",
            f"error: {tmp_path}/toy.toml: uniform: quantize.slizes: unknown key; did you mean slices?\n",
        )

    @pytest.mark.parametrize("options", [("--reach", "many"), ("--jobs", "0"), ("--budget", "4")])
    def test_wrong_usage(self, call: Call, argv: list[object], options: tuple[str, ...]) -> None:
        status, out, err = call(*argv, *options)
        assert (status, out) == (2, "")
        assert "Usage: codesign optimize" in err

    def test_mistakes_are_lines(self, call: Call, argv: list[object], tmp_path: Path) -> None:
        assert call(*argv, "--set", "search.seeds=[]", "--set", "network.hidden=[1]") == (
            1,
            "",
            f"error: {tmp_path}/toy.toml: free.network.hidden: is also in [network]; remove one of them\n"
            f"error: {tmp_path}/toy.toml: search.seeds: must list at least one seed, each once\n",
        )
        assert not (tmp_path / "out").exists()

    def test_no_such_data(self, call: Call, argv: list[object]) -> None:
        status, out, err = call(*argv, "--set", "data.dataset=no.npz")
        assert (status, out) == (1, "")
        assert err.startswith("error: no.npz: no such file; ") and err.count("\n") == 1

    def test_a_scheduler_that_is_not_there(
        self, call: Call, argv: list[object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "distributed", None)
        assert call(*argv, "--scheduler", "tcp://host:8786") == (
            1,
            "",
            "error: scheduler tcp://host:8786: needs the package distributed; pip install 'codesign[cluster]'\n",
        )
