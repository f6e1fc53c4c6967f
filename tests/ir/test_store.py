"""Networks on disk: nothing is lost, same bytes each time, damage is told in one line."""

import json
import math
import os
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from codesign.errors import ImageError, InputError
from codesign.ir import load, run, save, show, verify
from tests.ir.network_files import described, message, rewrite
from tests.ir.networks import raw, residual, toy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save(toy(), tmp_path / "toy.safetensors")
    return tmp_path / "toy.safetensors"


def test_round_trip(file: Path) -> None:
    back, x = load(file), np.random.default_rng(0).integers(-8, 8, (50, 5))
    assert show(back) == show(toy())
    assert (back.name, back.features, back.input, back.step) == ("toy", 5, toy().input, 0.25)
    assert (run(back, x) == run(toy(), x)).all()


def test_raw_accumulators_that_a_sum_reads(tmp_path: Path) -> None:
    plain = residual()
    network = verify(residual(nodes=(plain.nodes[0], replace(plain.nodes[1], requant=raw(4)), *plain.nodes[2:])))
    save(network, tmp_path / "sum.safetensors")
    back, x = load(tmp_path / "sum.safetensors"), np.random.default_rng(0).integers(0, 16, (50, 32))
    assert show(back) == show(network)
    assert (run(back, x) == run(network, x)).all() and (run(back, x) != run(plain, x)).any()


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
    assert text.endswith(
        "); give a .safetensors that codesign's training exported, or an .onnx file (of PyTorch's and others make a "
        "module and give it to codesign.compile in Python)"
    )
    assert "\n" not in text


def test_another_kind_of_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(2)}, path)
    assert message(path) == (
        f"{path}: holds tensors but no codesign network; of weights alone (a state_dict) make a module and give it to "
        "codesign.compile in Python"
    )


def test_a_later_schema(file: Path) -> None:
    save_file(load_file(file), file, metadata={"codesign": json.dumps({"schema": "codesign-network/6"})})
    assert message(file) == (
        f"{file}: schema must be codesign-network/1 or codesign-network/2 or codesign-network/3 or codesign-network/4 "
        "or codesign-network/5, got 'codesign-network/6'; export it again"
    )


def test_a_missing_field(file: Path) -> None:
    rewrite(file, layers=[{"name": "fc1"}])
    assert message(file) == f"{file}: not a network file (layers.0.kind: field required); export it again"


def test_a_missing_tensor(file: Path) -> None:
    layers = [{"kind": "linear", "name": "fc9", "source": "input", "shift": 0, "out": [32, True]}]
    rewrite(file, layers=layers)
    assert message(file).startswith(f"{file}: not a readable network file (")


def test_a_tensor_of_no_layer(file: Path) -> None:
    text = described(file)
    save_file(load_file(file) | {"fc0.weight": np.ones(3)}, file, metadata={"codesign": json.dumps(text)})
    assert message(file) == (
        f"{file}: not a readable network file (tensor fc0.weight holds F64, a network has integers only); "
        "export it again"
    )
    save_file(load_file(file) | {"fc0.weight": np.ones(3, int)}, file, metadata={"codesign": json.dumps(text)})
    told = f"{file}: not a readable network file (tensor fc0.weight belongs to no layer); export it again"
    assert message(file) == told


def crafted(path: Path, shape: list[int], dtype: str = "I32", size: int = 4, **changes: object) -> None:
    """The toy network with another fc1.weight in its header, and as many zeros as the header asks for."""
    save(toy(), path)
    text, head, end = described(path) | changes, {}, 0
    for name, a in load_file(path).items():
        kind, form = (dtype, shape) if name == "fc1.weight" else (f"I{8 * a.itemsize}", list(a.shape))
        width = size if name == "fc1.weight" else a.itemsize
        head[name] = {"dtype": kind, "shape": form, "data_offsets": [end, end := end + width * math.prod(form)]}
    data = json.dumps(head | {"__metadata__": {"codesign": json.dumps(text)}}).encode()
    with path.open("wb") as f:
        f.write(len(data).to_bytes(8, "little") + data)
        f.truncate(8 + len(data) + end)  # sparse


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("F8_E4M3", 1), ("F8_E5M2", 1), ("F8_E8M0", 1), ("BF16", 2), ("F16", 2), ("F32", 4), ("BOOL", 1), ("C64", 8)],
)
def test_a_tensor_of_no_integers(dtype: str, size: int, file: Path) -> None:
    """safetensors knows types that numpy does not."""
    crafted(file, [5, 4], dtype, size)
    assert message(file) == (
        f"{file}: not a readable network file (tensor fc1.weight holds {dtype}, a network has integers only); "
        "export it again"
    )


@pytest.mark.parametrize("dtype", ["I8", "I16", "I64", "U8"])
def test_other_integers_are_taken(dtype: str, file: Path) -> None:
    crafted(file, [5, 4], dtype, int(dtype[1:]) // 8)
    assert message(file, InputError) == "layer fc2: a raw output must have mult 1 and shift 0"  # zeros: it was read


@pytest.mark.parametrize(
    ("shape", "features", "kind", "told"),
    [
        (
            [5, 160_000_000],
            5,
            ImageError,
            "PATH: not a readable network file (BYTES bytes, at most 2,684,354,560 are e",
        ),
        ([200_000, 2_800], 200_000, InputError, "network toy: has 560000012 weights, at most 536870912 are allowed; u"),
        ([20_000, 20_000], 20_000, InputError, "layer fc1: mult must be 20000 signed 16-bit integers, got shape (4,)"),
        ([5, 90_000_000], 5, InputError, "layer fc1: gives 90000000 values per image, at most 16777216 are allowed; "),
        ([90_000_000, 4], 5, InputError, "layer fc1: has 90000000 inputs but input gives 5"),
    ],
)
def test_huge_tensors_are_judged_by_the_header(
    shape: list[int], features: int, kind: type[Exception], told: str, file: Path
) -> None:
    """Sparse files of 0.3 to 3.2 GB."""
    crafted(file, shape, features=features)
    tracemalloc.start()
    text = message(file, kind)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    told = told.replace("PATH", str(file)).replace("BYTES", f"{file.stat().st_size:,}")
    assert text.startswith(told) and "\n" not in text
    assert peak < 20e6


def test_a_file_longer_than_its_header_says(file: Path) -> None:
    with file.open("r+b") as f:
        f.truncate(2_000_000_000)
    assert message(file).startswith(f"{file}: not a readable network file (")


def test_what_is_no_file(tmp_path: Path) -> None:
    """A pipe without a writer must not block: it is read in a process that can be ended."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    code = "import sys; from codesign.ir import load; load(sys.argv[1])"
    irregular = "not a regular file"
    for path, told in (tmp_path / "pipe", irregular), (tmp_path / "folder", "Is a directory"), ("/dev/zero", irregular):
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=60)
        assert done.stderr.endswith(f"{path}: not a readable network file ({told}); export it again\n")


def test_an_illegal_network_is_refused(file: Path) -> None:
    rewrite(file, features=6)
    assert message(file, InputError) == "layer fc1: has 5 inputs but input gives 6"


LINEAR = {"kind": "linear", "name": "fc1", "source": "input", "shift": 0, "out": [8, False]}
CONV = LINEAR | {"kind": "conv", "name": "conv1", "stride": 1, "padding": 1, "groups": 1}
POOL = {"kind": "maxpool", "name": "pool", "source": "input", "size": 2, "stride": 2}


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
        ({"features": 10**12}, "(features: input should be less than or equal to 16777216)"),
        ({"shape": [1, 1, 5]}, "(shape: extra inputs are not permitted)"),
        ({"layers": [LINEAR | {"trim": [1, 2]}]}, "(layers.0.trim: extra inputs are not permitted)"),
        ({"layers": [LINEAR | {"name": ""}]}, "(layers.0.name: string should have at least 1 character)"),
        ({"layers": [LINEAR | {"name": "a" * 257}]}, "(layers.0.name: string should have at most 256 characters)"),
        ({"layers": [LINEAR] * 4097}, "(layers: list should have at most 4096 items"),
        ({"layers": [LINEAR | {"out": [65, False]}]}, "(integer type: bits must be 1..64, got 65)"),
    ],
)
def test_a_crafted_description_is_refused(file: Path, changes: dict[str, object], told: str) -> None:
    rewrite(file, **changes)
    assert told in message(file) and message(file).endswith(("; export it again", ", or export it again"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schema": "codesign-network/1"}, "(layers.0.kind: input should be 'linear')"),
        ({"shape": [2, 4]}, "(shape.2: field required)"),
        ({"shape": [1, 1, 10**12]}, "(shape.2: input should be less than or equal to 16777216)"),
        ({"layers": [{"name": "fc1"}]}, "(layers.0: unable to extract tag using discriminator 'kind')"),
        (
            {"layers": [CONV | {"kind": "pickle"}]},
            "(layers.0: input tag 'pickle' found using 'kind' does not match any of the expected tags: "
            "'linear', 'conv', 'maxpool', 'avgpool', 'add')",
        ),
        ({"layers": [CONV | {"stride": 1.0}]}, "(layers.0.conv.stride: "),
        ({"layers": [CONV | {"padding": -1}]}, "(layers.0.conv.padding: input should be greater than or equal to 0)"),
        ({"layers": [CONV | {"groups": 10**12}]}, "(layers.0.conv.groups: input should be less than or equal to "),
        ({"layers": [CONV | {"size": 2}]}, "(layers.0.conv.size: extra inputs are not permitted)"),
        ({"layers": [CONV | {"trim": [256, 0]}]}, "(ADC trim: gain must be 1..255 and shift 0..15, got 256 and 0)"),
        ({"layers": [CONV | {"trim": [1]}]}, "(layers.0.conv.trim.1: field required)"),
        ({"layers": [POOL | {"shift": 3}]}, "(layers.0.maxpool.shift: extra inputs are not permitted)"),
        ({"layers": [LINEAR | {"kind": "add"}]}, "(layers.0.add.other: field required)"),
    ],
)
def test_a_crafted_description_of_version_2_is_refused(changes: dict[str, object], told: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save(residual(), path)
    rewrite(path, **changes)
    assert told in message(path) and message(path).endswith(("; export it again", ", or export it again"))


def test_an_illegal_network_of_version_2_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"
    bad = residual(shape=(4, 2, 4))
    with pytest.raises(InputError, match="reads 2 channels"):
        save(bad, path)
    assert not path.exists()
    with monkeypatch.context() as careless:
        careless.setattr("codesign.ir.store.verify", lambda network: network)
        save(bad, path)
    assert message(path, InputError) == "layer conv1: reads 2 channels (groups 1, 2 in each) but input gives 4"
