"""Data of every kind from a flow to the Verilog: tables, signed numbers, with no word and no cycle wrong."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codesign
from codesign import Flow, Metrics, Program
from codesign.data import breast_cancer, wine
from codesign.errors import CodesignWarning
from tests.tools import needs

FLOW = """
name = "real"
chip = "tiny"
[network]
hidden = [8]
[quantize]
input_bits = 5
activation_bits = 4
[train]
epochs = 40
batch = 16
lr = 0.01
baseline = false
[simulate]
images = 6
load = "backdoor"
"""
BITS = 5


def saved(folder: Path) -> dict[str, tuple[list[str], float, bool]]:
    """Settings of data sets, the least accuracy in percent, and whether inputs are signed. Writes their files."""
    table, names = wine(), np.array(["south", "north", "east"])
    x, y = np.vstack([table.x_train, table.x_test]), np.concatenate([table.y_train, table.y_test])
    rows = [",".join([names[k], *map(repr, row)]) for row, k in zip(x.tolist(), y.tolist(), strict=True)]
    head = ",".join(["grower", *(f"f{k}" for k in range(13))])
    (folder / "grapes.csv").write_text("\n".join([head, *rows]) + "\n")
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    x = rng.normal(size=(300, 12)).astype(np.float32) + 3 * np.cos(2 * np.arange(12) * (y[:, None] + 1) / 3)
    np.savez(folder / "waves.npz", x_train=x[:240], y_train=y[:240], x_test=x[240:], y_test=y[240:])
    feature = 'data.scale="feature"'
    return {
        "table": (["data.dataset=grapes.csv", "data.label=grower", feature], 90, False),
        "wine": (["data.dataset=wine", "data.test=0.3", feature], 90, False),
        "signed": (["data.dataset=waves.npz"], 95, True),
    }


@needs("iverilog")
@pytest.mark.parametrize(
    "case", ["table", pytest.param("wine", marks=pytest.mark.slow), "signed"]
)  # one data set twice
def test_from_data_to_verilog(case: str, tmp_path: Path) -> None:
    sets, least, signed = saved(tmp_path)[case]
    flow = Flow.parse(FLOW, "real.toml", sets)
    codesign.run(flow, tmp_path / "out", data=tmp_path)
    found = Metrics.load(tmp_path / "out")
    assert (found.mismatches, found.cycles.timing_errors, found.accuracy.rtl.images) == (0, 0, 6)
    assert found.accuracy.quantized.percent >= least
    data = flow.data.load(tmp_path)
    assert found.data is not None and found.inputs is not None
    assert (found.data.name, found.data.train, found.data.test) == (data.name, len(data.y_train), len(data.y_test))
    assert (found.inputs.real, found.inputs.signed, found.data.scale) == (True, signed, data.scale)
    assert (found.inputs.low, found.inputs.high) == (data.range.lo, data.range.hi)
    program = Program.load(tmp_path / "out" / "02_compile" / "program")
    inputs = np.load(tmp_path / "out" / "01_train" / "inputs.npy")
    assert (program.quantize(data.x_test) == inputs).all() and len(np.unique(inputs)) > 20
    assert program.accuracy(data.x_test, data.y_test) == found.accuracy.reference.percent
    manifest = json.loads((tmp_path / "out" / "02_compile" / "program" / "image" / "manifest.json").read_text())
    assert len(manifest["inputs"]["steps"]) == (1 if case == "signed" else data.features)


@needs("iverilog")
def test_from_python_to_verilog() -> None:
    data = breast_cancer().scaled("feature")
    recipe = codesign.Recipe(
        network={"hidden": (6,)},
        quantize={"input_bits": BITS, "activation_bits": 4},
        train={"epochs": 20, "batch": 32, "baseline": False},
    )
    trained = codesign.train.fit(recipe, data, "tiny")
    program = codesign.compile(trained.network, None, "tiny")
    result = codesign.simulate(program, program.quantize(data.x_test[:6]), load="backdoor")
    assert not result.mismatches and not result.timing_errors
    assert (result.outputs * program.network.output_step == program.predict(data.x_test[:6])).all()
    assert program.accuracy(data.x_test, data.y_test) > 90


def test_one_range_for_columns_of_different_units_is_warned_of() -> None:
    with pytest.warns(CodesignWarning, match='11 of its 13 features vary by less than one step, .*"feature"$'):
        wine().warn_of_range(codesign.Recipe(quantize={"input_bits": BITS}).quantize.input)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wine().scaled("feature").warn_of_range(codesign.Recipe().quantize.input)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b,c\n1,2,x\n3,,y\n", "row 3, column 2 (b): is missing; fill it in, or remove the row"),
        ("a,b,c\n1,2,x\n3,4\n", "row 3 has 2 columns, row 1 has 3; complete or remove it"),
    ],
)
def test_a_bad_table_is_one_line(content: str, message: str, tmp_path: Path, call: Any) -> None:
    (tmp_path / "bad.csv").write_text(content)
    argv = ["run", "digits_mlp", "--data", tmp_path, "--set", "data.dataset=bad.csv", "--out", tmp_path / "out"]
    assert call(*argv, "--until", "train") == (1, "", f"error: {tmp_path}/bad.csv: {message}\n")
