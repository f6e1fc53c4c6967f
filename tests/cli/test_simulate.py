"""codesign simulate on real numbers, on tables, and with labels."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.cli.common import read_rows
from codesign.mapping import place
from codesign.program import Program
from tests.cli.calls import Call
from tests.hdl.programs import net
from tests.tools import needs

TINY = Chip.load("tiny")
X = np.random.default_rng(1).uniform(-1.0, 1.6, (6, 12))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program whose inputs have units, real inputs as .npy and .csv, and labels of which five are right."""
    home = tmp_path_factory.mktemp("home")
    network = replace(net([12, 5], TINY, seed=3), step=0.01, offset=(-1.0,))
    program = Program(place(network, TINY))
    program.save(home / "program")
    best = program.predict(X).argmax(axis=1)
    assert len(np.unique(program.predict(X), axis=0)) == 6
    np.save(home / "x.npy", X)
    np.save(home / "q.npy", program.quantize(X))
    np.savetxt(home / "x.csv", X, delimiter=",", fmt="%.17g")
    np.savetxt(home / "q.csv", program.quantize(X), delimiter=",", fmt="%d")
    labels = np.where(np.arange(6) == 1, (best + 1) % 5, best)
    np.save(home / "y.npy", labels)
    (home / "y.csv").write_text("label\n" + "\n".join(map(str, labels)) + "\n")
    return home


@needs("iverilog")
def test_the_same_words_whatever_the_form_of_the_inputs(home: Path, call: Call, tmp_path: Path) -> None:
    forms = [("q.npy", []), ("q.csv", []), ("x.npy", ["--real"]), ("x.csv", ["--real"])]
    found = []
    for k, (name, more) in enumerate(forms):
        out = tmp_path / str(k)
        status, said, err = call(
            *("simulate", home / "program", "--inputs", home / name, *more, "--out", out, "--load", "backdoor"),
            *("--labels", home / ("y.csv" if k % 2 else "y.npy"), "--json"),
        )
        assert (status, err) == (0, "")
        record = json.loads(said)
        assert (record["images"], record["mismatches"]) == (6, [])
        assert (record["words_compared"], record["cycles_compared"], record["simulator"]) == (30, 12, "icarus")
        assert record["version"].startswith("Icarus Verilog") and "chip" not in record
        assert record["accuracy"] == {"rtl": pytest.approx(500 / 6), "reference": pytest.approx(500 / 6)}
        found.append(np.load(out / "outputs.npy").tolist())
    assert found == [found[0]] * 4


@needs("iverilog")
@pytest.mark.parametrize(
    ("choice", "images", "accuracy"),
    [(["--images", "2"], "2 images", "50.00"), (["--image", "1"], "1 image", "0.00")],
    ids=["images", "image"],
)
def test_accuracy_is_of_the_images_simulated(
    choice: list[str], images: str, accuracy: str, home: Path, call: Call
) -> None:
    argv = ["simulate", home / "program", "--inputs", home / "x.npy", "--real", "--labels", home / "y.npy", *choice]
    status, said, err = call(*argv, "--load", "backdoor")
    assert (status, err) == (0, "")
    first, _, second = said.splitlines()
    assert first.startswith(f"{images}: every word and cycle as predicted; ")
    assert second == f"accuracy: {accuracy} % in Verilog, {accuracy} % in the reference"


@needs("iverilog")
def test_at_its_clock(home: Path, call: Call, tmp_path: Path) -> None:
    """Of predicted cycles, whatever the number of images; images may be shared by processes."""
    program = Program.load(home / "program")
    timed = Program(place(program.network, TINY.model_copy(update={"clock_mhz": 50.0})))
    timed.save(tmp_path / "timed")
    argv = ["simulate", tmp_path / "timed", "--inputs", home / "q.npy", "--load", "backdoor", "--jobs", "2"]
    cycles = program.cycles
    status, said, err = call(*argv, "--json")
    assert (status, err) == (0, "")
    rate = pytest.approx(50e6 / cycles.interval)
    assert json.loads(said)["chip"] == {
        "clock_mhz": 50,
        "latency_us": cycles.latency / 50,
        "images_per_second": rate,
    }
    lines = call(*argv, "--images", "1")[1].splitlines()
    assert lines[2] == (
        f"the chip at 50 MHz: {cycles.latency / 50:.4g} us latency, {50e6 / cycles.interval:,.0f} images/s"
    )
    assert lines[1].startswith("5 words and 2 cycles compared; icarus: Icarus Verilog")


def write(folder: Path, **files: Any) -> None:
    for name, content in files.items():
        if isinstance(content, str):
            (folder / f"{name}.csv").write_text(content)
        else:
            np.save(folder / f"{name}.npy", np.asarray(content))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--inputs", "x.npy"],
            "inputs of network net3: dtype must be an integer, got float64; quantize real numbers first: "
            "network.quantize(x), program.quantize(x), or --real on the command line",
        ),
        (
            ["--inputs", "short.npy", "--real"],
            "short.npy: must be numbers of shape (images, 12), or images of 12, got float64 (6, 11); "
            "bring every image to this size",
        ),
        (["--inputs", "nan.npy", "--real"], "nan.npy: image 2 value 3 is nan; remove NaN and infinity"),
        (
            ["--inputs", "text.csv", "--real"],
            "text.csv: row 2, column 2: must be a number, got 'red'; turn it into a number, or remove the column",
        ),
        (
            ["--inputs", "x.npy", "--real", "--labels", "few.npy"],
            "few.npy: must be one for each image (6), got shape (3,); give as many as images",
        ),
        (
            ["--inputs", "x.npy", "--real", "--labels", "high.npy"],
            "high.npy: must lie in 0..4, outputs of the network, image 0 has 5; number the classes as in training",
        ),
        (
            ["--inputs", "x.npy", "--real", "--labels", "none.npy"],
            "none.npy: cannot be read (No such file or directory); give a .npy file",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(
    options: list[str], message: str, home: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    nan = X.copy()
    nan[2, 3] = np.nan
    write(home, short=X[:, 1:], nan=nan, text="1,2\n3,red\n", few=[0, 1, 2], high=[5] * 6)
    assert call("simulate", "program", *options) == (1, "", f"error: {message}\n")


def test_whole_numbers_of_a_table_are_integers(tmp_path: Path) -> None:
    write(tmp_path, whole="1,-2\n3.0,4\n", real="1,-2\n3.5,4\n", far="1e300,0\n")
    kinds = [read_rows(tmp_path / f"{name}.csv").dtype.kind for name in ("whole", "real", "far")]
    assert kinds == ["i", "f", "f"]
