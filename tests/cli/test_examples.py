"""Every help ends with an example, and the examples work: in the order of the commands, in one folder."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from codesign.cli import app
from codesign.cli.die import MEASURES
from codesign.resources import folder
from tests.cli.calls import Call
from tests.tools import needs

TRAINED = "codesign run digits_mlp --out build/digits"
QUICKER = {  # what the test adds to an example so that it takes seconds
    "run": ["--set", "train.epochs=2", "--set", "simulate.images=4"],
    "optimize": ["--screen"],
}


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


def example(call: Call, path: tuple[str, ...]) -> tuple[str, list[str]]:
    """The sentence above the example that ends a command's help, and the example's words."""
    status, out, err = call(*path, "--help")
    assert (status, err) == (0, "")
    lines = [line.strip() for line in out.rstrip().split("\n")]
    start = max((k for k, line in enumerate(lines) if line.startswith("Example")), default=None)
    assert start is not None, f"help of {path}: no example"
    text = "\n".join(lines[start + 1 :]).strip()
    assert all(len(line) <= 80 for line in out.split("\n"))
    return lines[start], shlex.split(text.replace("\\\n", " "))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_help_ends_with_an_example(call: Call, path: tuple[str, ...]) -> None:
    head, words = example(call, path)
    assert head in ("Example:", *(f"Example, after `{before}`:" for before in (TRAINED, MEASURES)))
    assert tuple(words[: 1 + len(path)]) == ("codesign", *path)
    group, rest = typer.main.get_command(app), words[1:]
    while rest and hasattr(group, "commands") and rest[0] in group.commands:
        group, rest = group.commands[rest[0]], rest[1:]
    group.make_context("codesign", list(rest))  # takes all its options


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with flows beside it, as in a checkout."""
    home = tmp_path_factory.mktemp("home")
    (home / "flows").symlink_to(folder("flows"))
    return home


def ran(call: Call, home: Path, words: list[str], quick: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    status, out, err = call(*words[1:], *(QUICKER.get(words[1], ()) if quick else ()))
    assert (status, err) == (0, "") and out


@needs("iverilog")
def test_the_examples_work(call: Call, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {tuple(example(call, path)[1]) for path in ALL} - {tuple(shlex.split(TRAINED))}
    ran(call, home, shlex.split(TRAINED), True, monkeypatch)
    for words in sorted(found):
        ran(call, home, list(words), True, monkeypatch)
    assert {p.name for p in (home / "build").iterdir()} >= {
        *("digits", "mlp", "optimize", "rtl", "study"),
        *("program.csv", "image.ihex", "delta.bin"),
    }
    assert (home / "mychip.toml").is_file()


@pytest.mark.slow
@needs("iverilog")
@pytest.mark.parametrize("name", ["run", "optimize"])
def test_the_long_ones_work_as_they_are(call: Call, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flows").symlink_to(folder("flows"))
    ran(call, tmp_path, example(call, (name,))[1], False, monkeypatch)


def test_help_is_plain_english_in_whole_sentences(call: Call) -> None:
    for path in ALL:
        out = call(*path, "--help")[1]
        for odd in ("goes on", "Goes on", "Instead:", "and on."):
            assert odd not in out, f"{path}: {odd}"
        for parameter in ALL[path].params:
            text = getattr(parameter, "help", None)
            assert text and text[0].isupper() and text.endswith("."), f"{path} {parameter.name}: {text}"
