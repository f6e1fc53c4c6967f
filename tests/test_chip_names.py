"""A chip is a Chip, a preset's name or a file, wherever one is asked for."""

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codesign
from codesign import ir, rtl
from codesign.chip.description import Chip
from codesign.compiler import quantize
from codesign.data import digits
from codesign.errors import ConfigError
from codesign.mapping import outline, place, plan
from codesign.resources import presets
from codesign.train import Recipe, fit, float_mlp
from tests.hdl.programs import net

TINY = Chip.load("tiny")
MODEL = float_mlp((20, 12, 5), seed=1)
REAL = np.random.default_rng(0).random((50, 20))
NETWORK = net([20, 4], TINY)
DATA = digits()
RECIPE = Recipe().changed({"network.hidden": (4,), "train.epochs": 1, "train.baseline": False})

CALLS: dict[str, Callable[[Any], Any]] = {
    "compile": lambda chip: codesign.compile(MODEL, REAL, chip).words,
    "compile a network": lambda chip: codesign.compile(NETWORK, None, chip).words,
    "quantize": lambda chip: str(codesign.quantize(MODEL, REAL, chip)),
    "Flow": lambda chip: codesign.Flow(name="x", chip=chip).chip,
    "fit": lambda chip: fit(RECIPE, DATA, chip).accuracy_quantized,
    "emit": rtl.emit,
    "place": lambda chip: place(NETWORK, chip).chip,
    "plan": lambda chip: plan(outline(NETWORK), chip).chip,
    "frontend's quantize": lambda chip: ir.show(quantize(MODEL, REAL, chip, "n")),
    "quantize a module": lambda chip: ir.show(quantize(MODEL, REAL, chip, "n")),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_by_name_and_by_file(call: Callable[[Any], Any], tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(presets("chips")["tiny"].read_text())
    expected = call(TINY)
    for chip in ("tiny", file, str(file)):
        assert call(chip) == expected


@pytest.mark.parametrize("call", [c for n, c in CALLS.items() if n != "Flow"], ids=[n for n in CALLS if n != "Flow"])
@pytest.mark.parametrize(
    ("chip", "message"),
    [
        ("reference", "chip reference: cannot be read (*); give a .toml file or one of the presets cnn-128, *"),
        (Path("none.toml"), "chip none.toml: cannot be read (*); give a .toml file or one of the presets *"),
        (None, "chip: must be a Chip, a .toml file or one of the presets cnn-128, *, got NoneType"),
        ({"name": "tiny"}, "chip: must be a Chip, a .toml file or one of the presets *, got dict"),
    ],
)
def test_no_such_chip(call: Callable[[Any], Any], chip: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        call(chip)
    assert fnmatch(str(caught.value), message)


def test_a_flow_in_python_names_its_chip() -> None:
    with pytest.raises(ConfigError, match=r"chip reference: cannot be read .* of the presets cnn-128, .*tiny"):
        codesign.Flow(name="x", chip="reference")
