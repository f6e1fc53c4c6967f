"""Text where a terminal is narrower than it."""

import io
import shlex

import pytest

from codesign.terminal import blocks, fitted, folded, width


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "33")
    assert (width(Screen()), width(io.StringIO())) == (33, None)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("fits in twenty, just", ["fits in twenty, just"]),
        ("a line that does not, and folds twice", ["a line that does", "  not, and folds", "  twice"]),
        ("  one that is indented", ["  one that is", "    indented"]),
        ("benches    5.006, too old", ["benches    5.006,", "           too old"]),
        ("a/path/that/is/longer/than/that", ["a/path/that/is/longer/than/that"]),
        ("see a/path/that/is/longer here", ["see", "  a/path/that/is/longer", "  here"]),
        ("to end, run `codesign doctor`; or not", ["to end, run", "  `codesign doctor`;", "  or not"]),
        ("\x1b[2mdim words take no room\x1b[0m", ["\x1b[2mdim words take no", "  room\x1b[0m"]),
        ("", [""]),
    ],
)
def test_prose(line: str, expected: list[str]) -> None:
    assert folded(line, 20).split("\n") == expected
    assert folded(line, None) == line


def test_a_command_can_be_copied() -> None:
    line = "wrote a; then run: codesign image cells 'my folder/a b' --all --out b.csv"
    before, *command = folded(line, 30).split("\n")
    assert before == "wrote a; then run:" and len(command) > 2
    assert all(len(part) <= 30 for part in command) and all(part.endswith(" \\") for part in command[:-1])
    words = ["codesign", "image", "cells", "my folder/a b", "--all", "--out", "b.csv"]
    assert shlex.split("\n".join(command).replace("\\\n", "")) == words


TABLE = ["  level  code", "      0     0", "      1    11"]


def test_a_table() -> None:
    assert fitted(TABLE, 13) == fitted(TABLE, None) == TABLE
    assert fitted(TABLE, 12, indent="  ") == ["  level 0", "    code  0", "  level 1", "    code  11"]
    blocked = fitted(TABLE, 12)
    assert fitted([*TABLE, "47 more; --json lists all"], 12) == [*blocked, "47 more;", "  --json", "  lists all"]
    assert fitted(["no table of any kind"], 12) == ["no table of", "  any kind"], "prose alone"


def test_blocks_leave_out_what_is_empty() -> None:
    head = ["cost", "bound", "simulated", ""]
    assert blocks(head, [["arrays", "1", "", "at least"], ["cycles", "2", "3", ""]]) == [
        "cost: arrays",
        "  bound      1",
        "             at least",
        "cost: cycles",
        "  bound      2",
        "  simulated  3",
    ]
