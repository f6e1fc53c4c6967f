"""The command line: what it prints, where, and with which exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from codesign import __version__, cli, doctor
from codesign.cli import main
from codesign.cli.common import read_array
from codesign.cli.verdict import judge
from codesign.errors import CodesignError
from tests.chip.edits import TINY
from tests.cli.calls import Call
from tests.report.example import example
from tests.search.toy import TOY as QUESTION
from tests.study.toy import TOY as STUDY


class TestStatus:
    def test_help_names_every_command_and_is_light(self) -> None:
        heavy = "{'torch', 'numpy', 'pydantic', 'rich'}"
        code = f"import sys; from codesign.cli import main; s = main(['--help']); print({heavy} & {{*sys.modules}}, s)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for command in ("run", "study", "compile", "simulate", "vectors", "image", "report", "chip", "doctor"):
            assert f" {command} " in done.stdout
        assert done.stdout.endswith("set() 0\n")

    def test_version(self, call: Call) -> None:
        assert call("--version") == (0, f"codesign {__version__}\n", "")

    @pytest.mark.parametrize(
        ("argv", "expected"),
        [
            (
                ["run", "mnist"],
                "mnist.toml: is a question, not a flow; give it to `codesign optimize`",
            ),
            (
                ["run", "tiny"],
                "tiny.toml: is a chip, not a flow; give it to `codesign chip check`, or name it in a flow",
            ),
            (
                ["run", "optimize_mnist"],
                "flow optimize_mnist: is now the question mnist; run `codesign optimize mnist`",
            ),
            (
                ["optimize", "optimize_digits"],
                "question optimize_digits: is now the question digits; run `codesign optimize digits`",
            ),
            (
                ["optimize", "flows/optimize_digits.toml"],
                "question flows/optimize_digits.toml: is now the question digits; run `codesign optimize digits`",
            ),
            (
                ["optimize", "letters"],
                "question letters: cannot be read (No such file or directory); "
                "give a .toml file or one of the presets cifar, digits, mnist",
            ),
            (["run", "study.toml"], "study.toml: is a study, not a flow; give it to `codesign study`"),
            (["optimize", "digits_mlp"], "digits_mlp.toml: is a flow, not a question; give it to `codesign run`"),
            (["study", "question.toml"], "question.toml: is a question, not a study; give it to `codesign optimize`"),
            (
                ["study", "chip.toml"],
                "chip.toml: is a chip, not a study; give it to `codesign chip check`, or name it in a study",
            ),
        ],
    )
    def test_a_file_for_another_command(
        self, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str], expected: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        for name, text in (("chip", TINY), ("study", STUDY), ("question", QUESTION)):
            Path(f"{name}.toml").write_text(text)
        assert call(*argv, "--out", "out") == (1, "", f"error: {expected}\n")
        assert not Path("out").exists()

    @pytest.mark.parametrize(
        "argv",
        [
            ["compyle"],
            ["run", "digits_mlp"],
            ["chip", "check"],
            ["simulate", "x", "--inputs", "y", "--images", "0"],
            ["study", "x.toml"],
            ["study", "x.toml", "--out", "o", "--jobs", "0"],
        ],
    )
    def test_wrong_usage(self, call: Call, argv: list[str]) -> None:
        status, out, err = call(*argv)
        assert (status, out) == (2, "")
        assert "Usage: codesign" in err

    def test_a_mistake_is_a_line_on_stderr(self, call: Call, tmp_path: Path) -> None:
        assert call("chip", "check", "tinny") == (
            1,
            "",
            "error: chip tinny: cannot be read (No such file or directory); "
            "give a .toml file or one of the presets cnn-128, lenet-128, reference-128, tiny; did you mean tiny?\n",
        )

    def test_many_mistakes_are_many_lines(self, call: Call, tmp_path: Path) -> None:
        (tmp_path / "c.toml").write_text('name = "c"\n')
        status, _, err = call("chip", "check", tmp_path / "c.toml")
        assert status == 1
        assert err.splitlines() == [
            f"error: {tmp_path}/c.toml: {part}: missing; it is required" for part in ("arrays", "device", "adc")
        ]

    def test_words_of_others_stay_in_their_line(self, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
        def failed() -> None:
            raise CodesignError("a\x1b[31m\rb\u2028c\nd\udcff")

        monkeypatch.setattr(doctor, "examine", failed)
        assert call("doctor") == (1, "", "error: a\\x1b[31m\\rb\\u2028c\nerror: d\\udcff\n")

    @pytest.mark.parametrize("argv", [["report", "a\nerror: b"], ["chip", "check", "\x1b[31m.toml"], ["run", "\x9b"]])
    def test_control_characters_on_the_command_line(self, call: Call, argv: list[str]) -> None:
        shown = repr(argv[-1])[1:-1]
        expected = f"error: argument {shown}: holds control characters; choose another name\n"
        assert call(*argv) == (2, "", expected)

    def test_a_path_that_is_not_utf8(self, call: Call) -> None:
        status, _, err = call("report", "caf\udce9")
        assert (status, err.partition(":")[0]) == (1, "error") and "caf\\udce9/summary.json: cannot be read" in err

    @pytest.mark.parametrize("argv", [["--debug", "chip", "check", "tinny"], ["chip", "check", "tinny", "--debug"]])
    def test_debug_shows_where(self, argv: list[str]) -> None:
        with pytest.raises(CodesignError, match="chip tinny"):
            main(argv)

    def test_an_interruption_is_one_line(self, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted() -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(doctor, "examine", interrupted)
        assert call("doctor") == (130, "", "interrupted; run the same command again to resume\n")

    def test_a_bug_is_not_hidden(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor, "examine", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            main(["doctor"])


class TestReport:
    def test_text(self, call: Call, tmp_path: Path) -> None:
        (tmp_path / "summary.json").write_text(example().json_text())
        status, out, err = call("report", tmp_path)
        assert (status, err) == (0, "")
        assert "Verilog and reference agree in every word and cycle" in out
        assert "\x1b" not in out

    def test_colour_only_on_a_terminal_that_wants_it(self, tmp_path: Path) -> None:
        (tmp_path / "summary.json").write_text(example().json_text())
        command = [sys.executable, "-m", "codesign", "report", str(tmp_path)]

        def shown(**env: str) -> str:
            clean = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR"}}
            root = str(Path(cli.__file__).parents[1])
            done = subprocess.run(command, env=clean | env, cwd=root, capture_output=True, text=True, check=True)
            return done.stdout

        assert "\x1b[32m" in shown(FORCE_COLOR="1", TERM="xterm-256color")
        assert "\x1b[32m" not in shown(FORCE_COLOR="1", TERM="xterm-256color", NO_COLOR="1")

    def test_json_is_summary_json(self, call: Call, tmp_path: Path) -> None:
        (tmp_path / "summary.json").write_text(example().json_text())
        assert call("report", tmp_path, "--json") == (0, example().json_text(), "")

    def test_a_wrong_chip_is_status_1(self, call: Call, tmp_path: Path) -> None:
        first = "image 3: layer fc1 output 5 (array 1, column 5): expected 7, got 8"
        record = example(mismatches=9, first_mismatch=first)
        (tmp_path / "summary.json").write_text(record.json_text())
        status, out, err = call("report", tmp_path)
        assert status == 1
        assert first in out
        assert err == f"error: 9 words differ from the reference; {first}\n"


class TestRun:
    def test_misspelt_key(self, call: Call, tmp_path: Path) -> None:
        flow = tmp_path / "my.toml"
        flow.write_text('name = "x"\nchip = "tiny"\n[simulate]\nimage = 3\n')
        assert call("run", flow, "--out", tmp_path / "out") == (
            1,
            "",
            f"error: {flow}: simulate.image: unknown key; did you mean images?\n",
        )
        assert not (tmp_path / "out").exists()

    def test_no_simulator(self, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        status, out, err = call("run", "digits_mlp", "--out", tmp_path / "out")
        assert (status, out) == (1, "")
        assert err.startswith("error: iverilog: not found on PATH;")
        assert "apt-get install iverilog" in err


class TestInputs:
    @pytest.mark.parametrize("command", ["compile", "simulate"])
    def test_nothing_there(self, call: Call, tmp_path: Path, command: str) -> None:
        rest = {
            "compile": ["--chip", "tiny", "--out", tmp_path / "o"],
            "simulate": ["--inputs", tmp_path / "x.npy"],
        }[command]
        status, out, err = call(command, tmp_path / "none", *rest)
        assert (status, out) == (1, "")
        assert err.startswith(f"error: {tmp_path}/none")
        assert err.count("\n") == 1

    def test_arrays(self, tmp_path: Path) -> None:
        path = tmp_path / "x.npy"
        np.save(path, np.arange(3))
        assert read_array(path).tolist() == [0, 1, 2]

    def test_not_an_array(self, tmp_path: Path) -> None:
        (tmp_path / "x.npy").write_text("1,2,3")
        np.savez(tmp_path / "x.npz", a=np.arange(3))
        np.save(tmp_path / "object.npy", np.array([{}]), allow_pickle=True)
        np.save(tmp_path / "short.npy", np.arange(30))
        (tmp_path / "short.npy").write_bytes((tmp_path / "short.npy").read_bytes()[:-1])
        for name in ("x.npy", "object.npy", "x.npz", "short.npy"):
            assert self.message(tmp_path / name) == (
                f"{tmp_path / name}: is not a .npy file of numbers; save one array with numpy.save"
            )
        path = tmp_path / "none.npy"
        assert self.message(path) == f"{path}: cannot be read (No such file or directory); give a .npy file"

    def message(self, path: Path) -> str:
        with pytest.raises(CodesignError) as caught:
            read_array(path)
        return str(caught.value)

    def test_waves_need_a_folder(self, call: Call) -> None:
        status, _, err = call("simulate", "p", "--inputs", "x.npy", "--waves")
        assert status == 2
        assert "needs --out" in err

    def test_a_folder_without_an_image(self, call: Call, tmp_path: Path) -> None:
        assert call("image", "verify", tmp_path) == (
            1,
            "",
            f"error: {tmp_path}/manifest.json: is missing; copy or compile it again\n",
        )


class TestJudge:
    """What `simulate` says of a result, without simulating."""

    result = SimpleNamespace(
        images=3,
        latency=67,
        interval=49,
        latencies=[67, 80, 93],
        mismatches=(),
        timing_errors=0,
        images_per_second=12.34,
        simulator="icarus",
        version="Icarus Verilog 11.0",
        words_compared=30,
        cycles_compared=6,
    )

    def test_right(self, capsys: pytest.CaptureFixture[str]) -> None:
        judge(self.result, False)
        assert capsys.readouterr().out == (
            "3 images: every word and cycle as predicted; 67 cycles for the first, then one every 49; 12.3 images/s\n"
            "30 words and 6 cycles compared; icarus: Icarus Verilog 11.0\n"
        )

    def test_a_mean_interval(self, capsys: pytest.CaptureFixture[str]) -> None:
        mean = SimpleNamespace(**(vars(self.result) | {"interval": 4.5}))
        judge(mean, False)
        assert "then one every 4.50;" in capsys.readouterr().out
        judge(mean, True)
        assert json.loads(capsys.readouterr().out)["interval"] == 4.5

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"mismatches": ("image 1: x", "image 2: y")}, "error: 2 words differ from the reference; image 1: x\n"),
            ({"mismatches": ("image 1: x",)}, "error: 1 word differs from the reference; image 1: x\n"),
            ({"timing_errors": 1}, "error: 1 image finished in a different cycle than predicted\n"),
            ({"timing_errors": 2}, "error: 2 images finished in a different cycle than predicted\n"),
        ],
    )
    def test_wrong(self, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], expected: str) -> None:
        with pytest.raises(Exception) as caught:
            judge(SimpleNamespace(**(vars(self.result) | changes)), True)
        assert caught.value.exit_code == 1  # type: ignore[attr-defined]
        out, err = capsys.readouterr()
        assert err == expected
        assert json.loads(out)["images"] == 3


def tools(*versions: str | None) -> tuple[doctor._Tool, ...]:
    return tuple(
        doctor._Tool(f"tool{k}", lambda v=v: v, "simulation", "apt-get install it", k == 0, "11")  # type: ignore[misc]
        for k, v in enumerate(versions)
    )


class TestDoctor:
    def test_this_machine(self, call: Call) -> None:
        found = {f["tool"]: f for f in json.loads(call("doctor", "--json")[1])}
        more = ("benches", "cache")
        assert set(found) == {"python", "libpython", "iverilog", "cocotb", "torch", "verilator", "yosys", *more}
        assert found["python"]["version"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")

    @pytest.mark.parametrize(
        ("versions", "status", "expected"),
        [
            (["11.0", "12"], 0, "tool0      11.0\ntool1      12\n"),
            (
                [None, "12"],
                1,
                "tool0      missing  (simulation)\n           apt-get install it\ntool1      12\n",
            ),
            (
                ["11.0", None],
                0,
                "tool0      11.0\ntool1      missing  (simulation)\n           optional: apt-get install it\n",
            ),
            (
                ["10.3", "?"],
                1,
                "tool0      10.3, too old  (simulation)\n"
                "           needs 11 or newer: apt-get install it\n"
                "tool1      ?\n",
            ),
        ],
    )
    def test_findings(
        self, call: Call, monkeypatch: pytest.MonkeyPatch, versions: list[str | None], status: int, expected: str
    ) -> None:
        monkeypatch.setattr(doctor, "examine", lambda: tuple(map(doctor._look, tools(*versions))))
        assert call("doctor") == (status, expected, "")

    def test_versions_are_read_from_programs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, text in (("speaks", "Icarus Verilog version 11.0 (stable)"), ("mumbles", "hello")):
            (tmp_path / name).write_text(f"#!/bin/sh\necho '{text}'\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert doctor._program("speaks", "-V")() == "11.0"
        assert doctor._program("mumbles", "-V")() == "?"
        assert doctor._program("absent", "-V")() is None
