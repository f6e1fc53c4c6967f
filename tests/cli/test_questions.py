"""`codesign chip new FILE` on a terminal asks; elsewhere, and with options, it does not."""

import io
from pathlib import Path

import pytest

from codesign.chip.description import Chip
from codesign.cli import questions
from tests.cli.calls import Call
from tests.terminal import on_terminal

ENTER = "\n"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What somebody types at a terminal."""
    keys = io.StringIO()
    monkeypatch.setattr("sys.stdin", keys)
    monkeypatch.setattr(questions, "are_possible", lambda: True)
    return keys


def type_in(keys: io.StringIO, *lines: str) -> None:
    keys.write("".join(f"{line}\n" for line in lines))
    keys.seek(0)


def test_on_a_terminal(tmp_path: Path, call: Call) -> None:
    file, same = tmp_path / "mine.toml", tmp_path / "same" / "mine.toml"
    answers = [
        ("preset to start from [reference-128]: ", "tinny\n"),
        ("preset to start from [reference-128]: ", "tiny\n"),
        ("crossbar arrays on the chip\narrays.count [6]: ".replace("\n", "\r\n"), "0\n"),
        ("arrays.count [6]: ", "12\n"),
        ("arrays.rows [16]: ", ENTER),
        ("arrays.columns [16]: ", ENTER),
        ("device.levels [4]: ", ENTER),
        ("adc.bits [6]: ", "8\n"),
        ("adc.lanes [4]: ", ENTER),
    ]
    status, shown = on_terminal("chip", "new", file, columns=200, answers=answers)
    assert status == 0
    assert "\ntinny: no such preset; use one of cnn-128, lenet-128, reference-128, tiny; did you mean tiny?\n" in shown
    assert "\ntiny\n  A small chip for tests: 6 arrays of 16x16 four-level cells.\n" in shown
    assert "\narrays.count: must be at least 1, got 0\narrays.count [6]: 12\n" in shown
    options = "--like tiny --set arrays.count=12 --set adc.bits=8"
    assert f"\nthe same without questions: codesign chip new {file} {options}\nwrote {file}; edit it, " in shown
    same.parent.mkdir()
    assert call("chip", "new", same, *options.split())[0] == 0
    assert file.read_text() == same.read_text()
    assert Chip.load(file).adc.bits == 8


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_an_end_writes_nothing(tmp_path: Path, key: str) -> None:
    file = tmp_path / "mine.toml"
    answers = [("from [reference-128]: ", ENTER), ("arrays.count [16]: ", key)]
    status, shown = on_terminal("chip", "new", file, answers=answers)
    assert status == 130 and shown.endswith("\ninterrupted; run the same command again to resume\n")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("options", [["--like", "tiny"], ["--set", "arrays.count=2"], ["--json"]])
def test_options_ask_nothing(call: Call, tmp_path: Path, options: list[str], typed: io.StringIO) -> None:
    status, _, err = call("chip", "new", tmp_path / "mine.toml", *options)
    assert (status, err, typed.tell()) == (0, "", 0)


def test_without_a_terminal_it_copies(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("tiny\n"))
    file = tmp_path / "mine.toml"
    assert call("chip", "new", file) == (0, f"wrote {file}; edit it, then run: codesign chip check {file}\n", "")
    assert Chip.load(file).id == Chip.load("reference-128").id


def test_enter_alone_copies_the_preset_with_its_comment(call: Call, tmp_path: Path, typed: io.StringIO) -> None:
    asked, copied = tmp_path / "asked.toml", tmp_path / "copied.toml"
    type_in(typed, *[""] * (1 + len(questions.ASKED)))
    status, _, err = call("chip", "new", asked)
    assert (status, typed.read()) == (0, "") and err.endswith(f"codesign chip new {asked} --like reference-128\n")
    assert call("chip", "new", copied, "--like", "reference-128")[0] == 0
    assert asked.read_text().replace('"asked"', '"copied"') == copied.read_text()


def test_what_an_answer_needs_is_asked_too(call: Call, tmp_path: Path, typed: io.StringIO) -> None:
    """Two wordlines take fewer converters and bytes than `tiny` has, seven levels more bits of a code.

    Enter alone is no answer where the preset's value does not go.
    """
    file = tmp_path / "small.toml"
    type_in(typed, "tiny", "", "2", "4", "7", "", "", "3", "2", "2", "3")
    status, _, err = call("chip", "new", file)
    assert (status, typed.read()) == (0, "")
    unfit = "as in tiny, does not go with the answers so far"
    few = "adc.lanes: must be at most {} = 2, got {}"
    both = [[few.format(what, n) for what in ("arrays.columns/2", "memory.word")] for n in (4, 3)]
    assert (
        "\n".join(["", f"4, {unfit}:", *both[0], f"adc.lanes: adc.lanes: {both[1][0]}", both[1][1], "adc.lanes: "])
        in err
    )
    assert f"\n4, {unfit}:\nbus.stream_bytes: must be at most memory.word = 2, got 4\nbus.stream_bytes: " in err
    assert f"\n2, {unfit}:\ndevice.code_bits: 2 bits cannot tell 7 levels apart, " in err
    made = Chip.load(file)
    assert (made.arrays.rows, made.adc.lanes, made.bus.stream_bytes, made.device.code_bits) == (2, 2, 2, 3)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("many", "arrays.count: must be an integer, got 'many'"),
        ("\x1b[A", "arrays.count: must be one line without control characters, got '\\x1b[A'"),
        ("\udcff", "arrays.count: must be one line without control characters, got '\\udcff'"),
        ("2.5", "arrays.count: must be an integer, got 2.5"),
        ("[1]", "arrays.count: must be an integer, got [1]"),
    ],
)
def test_other_answers(call: Call, tmp_path: Path, typed: io.StringIO, answer: str, told: str) -> None:
    type_in(typed, "", answer)
    status, _, err = call("chip", "new", tmp_path / "mine.toml")
    assert status == 130 and f"arrays.count [16]: {told}\narrays.count [16]: \ninterrupted; " in err
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["No.toml", "mine.txt", "there.toml", "gone/mine.toml"])
def test_a_file_that_cannot_be_is_told_before_any_question(
    call: Call, tmp_path: Path, typed: io.StringIO, name: str
) -> None:
    (tmp_path / "there.toml").write_text("precious")
    status, _, err = call("chip", "new", tmp_path / name)
    assert status == 1 and err.startswith("error: ") and err.count("\n") == 1
