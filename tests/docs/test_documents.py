"""What documents tell a reader to type works: each command and Python block is run, as it stands or by a stand-in."""

import ast
import importlib.util
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from safetensors.numpy import save_file

from codesign import cli, ir
from codesign.chip.description import Chip
from codesign.vectors import characterize
from tests.docs.documents import ROOT, Block, Command, blocks, commands, documents, parts
from tests.docs.table import BEFORE, MAY_LACK, SLOW, STAND_INS
from tests.frontend.onnx.build import bipolar
from tests.hdl.programs import images, program
from tests.report.example import example
from tests.study.toy import TOY

FOUND = [c for name, text in documents().items() for c in commands(name, text)]
BLOCKS = [b for name, text in documents().items() for b in blocks(name, text)]
TRAINS = ("codesign run", "codesign study", "codesign optimize", "./dev", "python -m flows", "torchrun")


def verbs() -> list[str]:
    """Every command of the command line: `codesign run`, ..., `codesign image verify`, ..."""
    found, left = [], [("codesign", typer.main.get_command(cli.app))]
    while left:
        name, command = left.pop()
        below: dict[str, Any] = getattr(command, "commands", {})
        found.append(name)
        left += [(f"{name} {word}", inner) for word, inner in below.items()]
    return found


def names_only(command: Command) -> bool:
    """Whether inline code names a command and says nothing of how to call it."""
    module = re.fullmatch(r"python -m ([\w.]+)", command.text)
    tool = re.fullmatch(r"\./dev (\w+)", command.text)
    return command.inline and (command.text in verbs() or module is not None or tool is not None)


DONE: set[str] = set()  # lines that were run
NAMED = sorted({c.text for c in FOUND if names_only(c)})
TYPED = sorted({c.text for c in FOUND if not names_only(c)})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What commands of documents take for granted: flows, a network, a run, a program, inputs, studies, stuck cells."""
    place = tmp_path_factory.mktemp("documents")
    made = program([12, 7, 5], Chip.load("reference-128"))
    made.save(place / "build" / "mlp")
    ir.save(made.network, place / "NETWORK.safetensors")
    characterize.write(made.chip, place / "measured", made.mapping)
    np.save(place / "x.npy", images(4, made.network))
    np.save(place / "y.npy", np.arange(4))
    made.save(place / "build" / "digits" / "02_compile" / "program")  # as codesign run leaves them
    (place / "build" / "digits" / "01_train").mkdir()
    np.save(place / "build" / "digits" / "01_train" / "inputs.npy", images(20, made.network))
    np.save(place / "build" / "digits" / "01_train" / "labels.npy", np.arange(20) % 5)
    shutil.copy(place / "build" / "mlp" / "image" / "cells.csv", place / "readback.csv")
    (place / "FILE.onnx").write_bytes(bipolar(12, 7, 5).SerializeToString())
    (place / "toy.toml").write_text(TOY)
    (place / "studies").mkdir()
    (place / "studies" / "toy.toml").write_text(TOY)
    shapes = {"fc1": (64, 64, 2), "fc2": (10, 64, 2)}  # digits_mlp
    save_file({name: np.full(shape, -1, np.int8) for name, shape in shapes.items()}, place / "stuck.safetensors")
    (place / "kept").mkdir()
    (place / "done").mkdir()
    (place / "done" / "summary.json").write_text(example().json_text())
    return place


@pytest.fixture
def folder(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `prepared` to work in."""
    place = tmp_path / "documents"
    shutil.copytree(prepared, place, ignore=shutil.ignore_patterns("kept"))
    (place / "kept").symlink_to(prepared / "kept")
    (place / "flows").symlink_to(ROOT / "flows")
    monkeypatch.chdir(place)
    return place


def run(words: list[str]) -> int:
    """Exit status of a command, in this process where it is Python's."""
    if words[0] == "codesign":
        return cli.main(words[1:])
    if words[:2] == ["python", "-m"]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", words[2:])
            try:
                runpy.run_module(words[2], run_name="__main__")
            except SystemExit as e:
                return int(e.code or 0)
        return 0
    return subprocess.run([str(ROOT / words[0]), *words[1:]], cwd=ROOT).returncode


LONG = ("--budgets", "--reach", "--front")  # each simulates winners of its own


@pytest.mark.filterwarnings("default::codesign.errors.CodesignWarning")
@pytest.mark.parametrize(
    "text", [pytest.param(t, marks=pytest.mark.slow) if any(w in t for w in LONG) else t for t in TYPED]
)
def test_command(text: str, folder: Path) -> None:
    line = STAND_INS.get(text)
    if line is None:
        assert not text.startswith(TRAINS), f"{text!r} would take long; give it a row in tests/docs/table.py"
        line = text
    if line not in DONE:
        for words in parts(line):
            assert run(words) == 0, words
        DONE.add(line)


@pytest.mark.slow
@pytest.mark.filterwarnings("default::codesign.errors.CodesignWarning")
@pytest.mark.parametrize("text", sorted(SLOW))
def test_command_as_it_stands(text: str, folder: Path) -> None:
    for words in parts(text):
        assert run(words) == 0, words


@pytest.mark.parametrize("text", NAMED)
def test_named_command_is_there(text: str) -> None:
    words = text.split()
    if words[0] == "codesign":
        assert cli.main([*words[1:], "--help"]) == 0
    elif words[0] == "python":
        assert importlib.util.find_spec(words[2]), text
    else:
        assert re.search(rf"^#   \./dev {words[1]} ", (ROOT / "dev").read_text(), re.MULTILINE), text


def test_every_row_stands_in_a_document() -> None:
    assert STAND_INS.keys() | SLOW <= set(TYPED)
    assert BEFORE.keys() <= {(b.document, b.number) for b in BLOCKS}


@pytest.mark.parametrize("text", sorted(t for t in STAND_INS if t.startswith("codesign")))
def test_a_stand_in_is_the_same_command(text: str) -> None:
    (said,), (run_instead,) = parts(text.replace("[", "").replace("]", "")), parts(STAND_INS[text])
    assert said[:2] == run_instead[:2]
    options = {word for word in said if word.startswith("--")}
    assert options - MAY_LACK <= set(run_instead), "the stand-in leaves out an option"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: f"{b.document}:{b.number}")
def test_python(block: Block, folder: Path) -> None:
    before = BEFORE.get((block.document, block.number), "")
    ast.parse(block.text)
    if before is None:
        return
    (folder / "block.py").write_text(f"{before}\n{block.text}")
    runpy.run_path("block.py", run_name="__main__")
