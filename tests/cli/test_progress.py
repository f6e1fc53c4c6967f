"""How far a command is: on a terminal, in a log, for programs."""

import json
import re
from collections.abc import Callable

import pytest

from codesign.cli import progress
from codesign.cli.progress import at_a_rate, showing
from codesign.errors import ConfigError


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(progress, "time", found)
    monkeypatch.setattr(progress, "EVERY", 5.0)
    return found


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


class TestInALog:
    def test_a_line_every_five_seconds(self, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
        with showing() as show:
            for epoch in range(8):
                show("train", epoch, 8, "loss 0.5" if epoch else "")
                clock.now += 2
        assert lines(capsys) == [
            "train: 3 of 8, 6 s so far, 10 s left; loss 0.5",
            "train: 6 of 8, 12 s so far, 4 s left; loss 0.5",
        ]

    def test_nothing_of_what_is_over_at_once(self, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
        with showing() as show:
            for stage in ("train", "compile", "report"):
                show(stage, 0, 0, "")
                clock.now += 1.6
        assert lines(capsys) == []

    def test_what_an_earlier_command_did_does_not_count(self, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
        with showing() as show:
            show("train", 0, 0, "")
            clock.now += 1
            show("train", 60, 100, "")
            clock.now += 90
            show("train", 70, 100, "")
        assert lines(capsys) == ["train: 70 of 100, 2 min so far, 4 min left"]

    @pytest.mark.parametrize(
        ("seconds", "text"), [(59, "59 s"), (61, "1 min"), (3599, "1 h 0 min"), (3 * 3600 + 1800, "3 h 30 min")]
    )
    def test_times(self, seconds: float, text: str, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
        with showing() as show:
            show("reference", 0, 0, "")
            clock.now += seconds
            show("reference", 0, 0, "")
        assert lines(capsys) == [f"reference: {text} so far"]

    def test_a_note_with_escapes_is_made_plain(self, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
        with showing() as show:
            show("train", 0, 2, "")
            clock.now += 6
            show("train", 1, 2, "a\x1b[31mb")
        (line,) = lines(capsys)
        assert "\x1b" not in line and line.startswith("train: 1 of 2, 6 s so far, 6 s left; a")


class TestForPrograms:
    def test_one_object_a_line(self, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
        with showing(as_json=True) as show:
            show("train", 0, 0, "")
            for epoch in range(1, 6):
                clock.now += 0.3
                show("train", epoch, 5, "x")
            show("report", 0, 0, "")
        records = [json.loads(line) for line in lines(capsys)]
        assert [(r["stage"], r["done"], r["of"]) for r in records] == [
            ("train", 0, None),  # the first step and the last always, others at most twice a second
            ("train", 2, 5),
            ("train", 4, 5),
            ("train", 5, 5),
            ("report", 0, None),
        ]
        assert records[1] == {
            "stage": "train", "done": 2, "of": 5, "note": "x", "seconds": 0.6, "seconds_left": 0.9,
        }  # fmt: skip
        assert records[0]["seconds_left"] is None

    def test_or_silence(self, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
        with showing(quiet=True) as show:
            for _ in range(3):
                show("train", 0, 0, "")
                clock.now += 60
        assert lines(capsys) == []

    def test_not_both(self) -> None:
        with pytest.raises(ConfigError) as e, showing(True, True):
            pass
        assert str(e.value) == (
            "--quiet, --json-progress: one shows nothing, the other shows it as JSON; give one of them"
        )


@pytest.mark.parametrize(("seconds", "rate"), [(2, "100"), (80, "2.5"), (1600, "0.12"), (0, None)])
def test_images_a_second(seconds: float, rate: str | None, clock: Clock) -> None:
    shown: list[tuple[str, float, int, str]] = []

    def show(stage: str, done: float, of: int, note: str) -> None:
        shown.append((stage, done, of, note))

    tell: Callable[[int, int], None] = at_a_rate(show, "simulate")
    tell(100, 400)
    clock.now += seconds
    tell(300, 400)
    assert shown == [("simulate", 100, 400, ""), ("simulate", 300, 400, f"{rate} images/s" if rate else "")]


def test_bars_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    with showing() as show:
        show("drop", 0, 3, "")
        show("drop", 1.75, 3, "quantized 3/4; last: 97.81 %, [a], seed 1")
        show("report", 0, 0, "")
    err = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    assert re.search(r"drop +━+ +3/3 ", err)
    assert re.search(r"report +━+ +1/1 ", err)
    assert all(len(line) <= 80 for line in re.split(r"[\r\n]+", err))
