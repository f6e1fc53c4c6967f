"""Commands on narrow terminals: no line is wider, every word is there. Files get what they always got."""

import io
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.cli import main
from codesign.cli.common import show_table
from codesign.cli.progress import showing
from codesign.fixed import Trim
from codesign.report import Layer
from tests.cli.calls import Call
from tests.hdl.programs import program
from tests.report.example import example
from tests.terminal import on_terminal

WIDTHS = (40, 60, 80)
LAYERS = (
    Layer(
        layer="fc1",
        inputs=64,
        outputs=63,
        slices=1,
        arrays=(0, 1, 2),
        columns=63,
        left=1,
        cells=8064,
        cycles=32,
        further=3,
    ),
)
Show = Callable[..., tuple[int, str]]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program, its inputs, a die and a run's summary."""
    home = tmp_path_factory.mktemp("home")
    made = program([20, 11, 4], Chip.load("tiny"), {"fc1": Trim(1, 2), "fc2": Trim(3, 4)})
    made.save(home / "program")
    np.save(home / "x.npy", np.arange(60).reshape(3, 20) % 16)
    np.save(home / "y.npy", np.arange(3))
    (home / "die.csv").write_text("array,wordline,bitline,state\n0,0,0,on\n0,1,1,off\n1,2,3,on\n")
    (home / "summary.json").write_text(example(layers=LAYERS).json_text())
    return home


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch, home: Path) -> Show:
    """Calls a function on a terminal of so many columns; (what it returns, what was shown)."""

    def shown(columns: int, function: Callable[..., object], *arguments: object) -> tuple[int, str]:
        screen = Screen()
        monkeypatch.chdir(home)
        with monkeypatch.context() as m:
            m.setenv("COLUMNS", str(columns))
            m.setenv("TERM", "xterm")
            m.delenv("NO_COLOR", raising=False)
            m.setattr("sys.stdout", screen)
            m.setattr("sys.stderr", screen)
            status = function(*arguments)
        return status if isinstance(status, int) else 0, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())

    return shown


def words(text: str) -> list[str]:
    return re.findall(r"[\w.±/-]+", text)


def check(text: str, columns: int) -> None:
    """No line is too wide, unless it is one word that nothing may cut: a path. No word was cut."""
    assert text.endswith("\n") and "…" not in text
    wide = [line for line in text.split("\n") if len(line.rstrip()) > columns and len(line.split()) > 1]
    assert wide == []


COMMANDS = [
    "chip check tiny",
    "image info program",
    "image info program --entries",
    "image verify program",
    "where program fc1[3,1]",
    "where program fc1[3]",
    "die info die.csv --chip tiny",
    "die check die.csv program --inputs x.npy --labels y.npy --worst 2",
    "doctor",
]


@pytest.mark.parametrize("line", COMMANDS)
def test_commands(line: str, show: Show, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODESIGN_CACHE", str(tmp_path))  # other tests fill theirs meanwhile
    _, wide = show(400, main, line.split())
    assert max(map(len, wide.split("\n"))) > 40, "too narrow to tell anything"
    piped = call(*line.split())[1]
    assert piped == wide
    for columns in WIDTHS:
        _, text = show(columns, main, line.split())
        check(text, columns)
        assert set(words(piped)) <= set(words(text))


def test_an_error(show: Show) -> None:
    for columns in WIDTHS:
        status, text = show(columns, main, ["chip", "check", "nope"])
        check(text, columns)
        assert status == 1 and text.startswith("error: chip nope: ") and text.count("\n") > 1


@pytest.mark.parametrize("path", ["", "chip new", "image convert", "study"])
def test_help(path: str, show: Show) -> None:
    """Examples may be wider: they are to be copied."""
    for columns in WIDTHS:
        text = show(columns, main, [*path.split(), "--help"])[1].partition("Example")[0]
        check(text.rstrip() + "\n", columns)


def test_a_report(show: Show, call: Call, home: Path) -> None:
    from codesign.cli.verdict import show_report

    told = {n: show(n, show_report, home, False, Path("a/report.html"))[1] for n in (*WIDTHS, 400)}
    for columns in WIDTHS:
        check(told[columns], columns)
        assert set(words(told[400])) <= set(words(told[columns]))
    assert "\ncost                 bound   predicted   simulated" in told[80]
    assert "\ncost: latency, cycles\n  bound      40\n  predicted  67\n  simulated  67\n" in told[40]
    assert "\nlayer: fc1\n  matrix   64 x 63\n" in told[40] and re.search(r"\nlayer +matrix +slices", told[80])


TITLE = "Which network is the best one, of all those that fit the arrays of the chip?"
HEAD = ["candidate", "cells", "arrays", "drop"]
ROWS = [["hidden 16-16, [a] downsample 1", "2,880", "12", "1.25 ± 12.35"], ["hidden 8", "416", "3", "0.5"]]


def test_results_of_studies_and_searches(show: Show, capsys: pytest.CaptureFixture[str]) -> None:
    for columns in WIDTHS:
        text = show(columns, show_table, TITLE, HEAD, ROWS, "percent of the test set")[1]
        check(text, columns)
        assert ("\ncandidate: hidden 8\n  cells   416\n  arrays  3\n  drop    0.5\n" in text) == (columns < 60)
        assert set(words(str(ROWS))) <= set(words(text))


def test_progress(show: Show) -> None:
    def work() -> None:
        with showing() as progress:
            progress("converters", 0, 100, "")
            progress("converters", 37, 100, "quantized 3/4; last: 97.81 %, case 784-128-10, free slices, seed 1")
            time.sleep(0.3)  # until the bars are drawn

    for columns in WIDTHS:
        text = show(columns, work)[1]
        assert "37/100" in text
        assert all(len(part) <= columns for part in re.split(r"[\r\n]", text))


def test_on_a_real_terminal(tmp_path: Path, call: Call) -> None:
    status, text = on_terminal("chip", "check", "tiny", columns=40)
    check(text, 40)
    assert status == 0 and "\n    level 3\n      nominal      1\n" in text


def test_a_file_gets_no_narrower(home: Path, call: Call, tmp_path: Path) -> None:
    """A redirection on a narrow terminal: nothing folds, no table shrinks."""
    out = tmp_path / "out"
    words = ("image", "info", home / "program", "--entries")
    assert on_terminal(*words, columns=40, output=out)[0] == 0
    assert out.read_text() == call(*words)[1]


def test_tables_in_a_file_have_80_columns(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("os.get_terminal_size", lambda *_: (40, 50))  # of the terminal that the file is not
    with open(tmp_path / "out", "w", encoding="utf-8") as file, monkeypatch.context() as m:
        m.setattr("sys.stdout", file)
        show_table(TITLE, HEAD, ROWS, "")
    assert "\nhidden 16-16, [a] downsample 1  2,880  12      1.25 ± 12.35\n" in (tmp_path / "out").read_text()
