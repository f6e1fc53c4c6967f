"""codesign optimize --new: a question file that runs as it is, and with each line that is off."""

import json
import re
from pathlib import Path

import pytest

from codesign.search import load
from codesign.search.describe import Limits
from codesign.search.new import TEXT
from codesign.search.space import space
from tests.cli.calls import Call
from tests.search.toy import pretend


def test_it_validates_and_says_how_to_go_on(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    assert call("optimize", "--new", file) == (
        0,
        f"wrote {file}; edit it, then run: codesign optimize {file} --out DIR --screen\n",
        "",
    )
    question = load(file)
    assert question.name == "mine"
    assert space(question).size == 24
    assert load(file, quick=True).search.trials == 4
    assert "# codesign optimize mine.toml --out DIR --quick " in file.read_text()
    other = tmp_path / "other.toml"
    assert call("optimize", "--new", other, "--json") == (0, json.dumps({"file": str(other)}, indent=1) + "\n", "")


@pytest.mark.slow
def test_it_runs(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    call("optimize", "--new", tmp_path / "mine.toml")
    for options in (["--screen"], ["--quick"], [], ["--reach", "60"]):
        status, _, err = call(
            "optimize", tmp_path / "mine.toml", "--out", tmp_path / "-".join(["out", *options]), *options
        )
        assert (status, err) == (0, "")


def test_every_line_that_is_off_is_a_setting(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    call("optimize", "--new", file)
    on = re.sub(r"^#: ", "", file.read_text(), flags=re.MULTILINE)
    file.write_text(on)
    question = load(file)
    assert space(question).size == 24 * 2 * 2
    assert question.limits == Limits(arrays=12, interval=40, latency=60, energy_nj=5.0)
    assert question.evaluate.cells.variation == 0.1
    assert question.keys_of("cell") == ("chip.device.levels", "chip.device.code_bits")
    assert len(re.findall(r"^#: ", TEXT, re.MULTILINE)) > 8


def test_every_setting_has_a_comment() -> None:
    """At its end, or above its table."""
    for table in TEXT.split("\n\n"):
        assert "#" in table, table
    assert max(map(len, TEXT.splitlines())) <= 120


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("there.toml", "{file}: already exists; choose another name or remove it"),
        ("mine", "question file {file}: must be named NAME.toml"),
        ("no/mine.toml", "{file}: cannot be written (No such file or directory); choose another place"),
    ],
)
def test_refused(call: Call, tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "there.toml").write_text("mine")
    file = tmp_path / name
    assert call("optimize", "--new", file) == (1, "", f"error: {words.format(file=file)}\n")
    assert (tmp_path / "there.toml").read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["there.toml"]


def test_a_name_that_no_question_has(call: Call, tmp_path: Path) -> None:
    status, out, err = call("optimize", "--new", tmp_path / "My Own.toml")
    assert (status, out) == (1, "")
    assert err.startswith(f"error: {tmp_path}/My Own.toml: name: must ") and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_else_beside_it(call: Call, tmp_path: Path) -> None:
    assert call("optimize", "digits", "--new", tmp_path / "mine.toml", "--out", tmp_path / "out", "--quick") == (
        1,
        "",
        "error: --new: writes a question file and does nothing else; leave out QUESTION, --out, --quick\n",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((), "Invalid value for QUESTION: give a question, or --new FILE to write one"),
        (("digits",), "Invalid value for --out: give a folder for the results"),
    ],
)
def test_what_is_missing(call: Call, given: tuple[str, ...], words: str) -> None:
    status, out, err = call("optimize", *given)
    assert (status, out) == (2, "")
    assert words in err
