"""Networks on disk: nothing is lost, same bytes each time, damage is told in one line."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from codesign.errors import ImageError, InputError
from codesign.ir import load, run, save, show
from ir.networks import toy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save(toy(), tmp_path / "toy.safetensors")
    return tmp_path / "toy.safetensors"


def message(path: Path, kind: type[Exception] = ImageError) -> str:
    with pytest.raises(kind) as caught:
        load(path)
    return str(caught.value)


def test_round_trip(file: Path) -> None:
    back, x = load(file), np.random.default_rng(0).integers(-8, 8, (50, 5))
    assert show(back) == show(toy())
    assert (back.name, back.features, back.input, back.step) == ("toy", 5, toy().input, 0.25)
    assert (run(back, x) == run(toy(), x)).all()


def test_same_network_same_bytes(file: Path, tmp_path: Path) -> None:
    save(load(file), tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == file.read_bytes()


def test_no_such_file(tmp_path: Path) -> None:
    path = tmp_path / "none.safetensors"
    assert message(path) == f"{path}: no such network file; run the export or compile step first"


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_cut_short(file: Path, keep: int) -> None:
    file.write_bytes(file.read_bytes()[:keep])
    text = message(file)
    assert text.startswith(f"{file}: not a readable network file (")
    assert text.endswith("); export it again")
    assert "\n" not in text


def test_another_kind_of_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(2)}, path)
    assert message(path) == f"{path}: schema must be codesign-network/1, got None; export it again"


def test_a_later_schema(file: Path) -> None:
    save_file(load_file(file), file, metadata={"codesign": json.dumps({"schema": "codesign-network/2"})})
    assert message(file) == f"{file}: schema must be codesign-network/1, got 'codesign-network/2'; export it again"


def rewrite(file: Path, **changes: object) -> None:
    from safetensors import safe_open

    with safe_open(file, framework="numpy") as f:
        meta = json.loads(f.metadata()["codesign"]) | changes
    save_file(load_file(file), file, metadata={"codesign": json.dumps(meta)})


def test_a_missing_field(file: Path) -> None:
    rewrite(file, layers=[{"name": "fc1"}])
    assert message(file) == f"{file}: not a network file (layers.0.kind: field required); export it again"


def test_a_missing_tensor(file: Path) -> None:
    layers = [{"kind": "linear", "name": "fc9", "source": "input", "shift": 0, "out": [32, True]}]
    rewrite(file, layers=layers)
    assert message(file).startswith(f"{file}: not a readable network file (")


def test_an_illegal_network_is_refused(file: Path) -> None:
    rewrite(file, features=6)
    assert message(file, InputError) == "layer fc1: has 5 inputs but input gives 6"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"features": float("inf")}, "(features: "),
        ({"features": 20.5}, "(features: "),
        ({"step": 0.0}, "(step: input should be greater than 0)"),
        ({"input": [4, "x"]}, "(input.1: "),
        (
            {"layers": [{"kind": "conv", "name": "a", "source": "input", "shift": 0, "out": [8, False]}]},
            "layers.0.kind",
        ),
        ({"name": {}}, "(name: "),
    ],
)
def test_a_crafted_description_is_refused(file: Path, changes: dict[str, object], told: str) -> None:
    rewrite(file, **changes)
    assert told in message(file) and message(file).endswith("; export it again")
