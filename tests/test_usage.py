"""The usage blocks of the names that people use most, run as they stand."""

import doctest
from pathlib import Path
from typing import Any

import pytest

import codesign
from codesign.chip.description import Chip
from tests.hdl.programs import images, program
from tests.tools import needs

SIMULATED = {"codesign", "simulate", "optimize", "run"}
NAMES: dict[str, Any] = {
    "codesign": codesign,
    "compile": codesign.compile,
    "quantize": codesign.quantize,
    "simulate": codesign.simulate,
    "optimize": codesign.optimize,
    "run": codesign.run,
    "train.fit": codesign.train.fit,
    "train.prepare": codesign.train.prepare,
    "Recipe": codesign.Recipe,
    "Dataset.load": codesign.Dataset.load,
    "Dataset.of": codesign.Dataset.of,
    "Program": codesign.Program,
    "Program.run": codesign.Program.run,
    "Program.quantize": codesign.Program.quantize,
    "Program.predict": codesign.Program.predict,
    "Program.accuracy": codesign.Program.accuracy,
    "Program.summary": codesign.Program.summary,
    "Program.save": codesign.Program.save,
    "Program.load": codesign.Program.load,
    "Network": codesign.Network,
    "Network.load": codesign.Network.load,
    "Chip.load": codesign.Chip.load,
    "Die": codesign.Die,
    "Cells": codesign.Cells,
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=needs("iverilog") if n in SIMULATED else ()) for n in NAMES], ids=NAMES.keys()
)
def test_usage(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    p = program([30, 11, 5], Chip.load("tiny"))
    known = {"program": p, "network": p.network, "x": images(3, p.network)}
    text = NAMES[name].__doc__
    assert ">>> " in text
    found = doctest.DocTestParser().get_doctest(text, known, name, None, 0)
    ran = doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF).run(found)
    assert ran.failed == 0 and ran.attempted >= 1, capsys.readouterr().out
