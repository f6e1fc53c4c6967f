"""Files of the QONNX model zoo, where they are present beside the checkout."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import codesign
from codesign.chip.description import Chip
from codesign.data import mnist
from codesign.errors import UnsupportedError
from codesign.fixed import IntType
from codesign.frontend.onnx.network import to_network
from codesign.ir.real import to_integers
from tests.cli.calls import Call
from tests.frontend.onnx.build import assert_equal, chip, published, saved
from tests.frontend.onnx.judge import scores


def images() -> tuple[Any, Any]:
    """MNIST's test images as the file takes them, 0..1, and their labels."""
    home = os.environ.get("CODESIGN_DATA")
    if not home or not (Path(home) / "mnist").is_dir():
        pytest.skip("needs MNIST in CODESIGN_DATA")
    data = mnist()
    return data.x_test / np.float32(255), data.y_test


def wide() -> Chip:
    """The reference chip with converters that cannot clip."""
    described = Chip.of("reference-128").model_dump()
    described["adc"]["bits"] = 9
    return Chip.model_validate(described)


def test_tfc_has_the_accuracy_of_the_file() -> None:
    """92.96 %, which is the file's own; every word is the file's score, here and through converters."""
    path, (x, labels) = published("TFC_1W1A.onnx"), images()
    proto = onnx.load(path)
    program = codesign.compile(path, None, wide())
    assert program.account is not None
    assert program.account.certificate == "202 columns x 59,210 values, 0 differ"
    q = program.quantize(x)
    words = program.network.run(q)
    assert 100 * (words.argmax(axis=1) == labels).mean() == 92.96
    assert (program.run(q) == words).all()
    assert program.accuracy(x, labels) == 92.96
    for_judge = np.concatenate([scores(proto, x[k : k + 1].reshape(1, 1, 28, 28)) for k in range(0, 10000, 50)])
    steps = (for_judge.astype(np.float64) / program.network.output_step - words[::50])[:, :1]
    assert np.ptp(steps) < 1e-3  # all scores share an offset
    assert np.abs(for_judge / program.network.output_step - words[::50] - steps[0, 0]).max() < 1e-3


def test_tfc_keeps_the_integers_of_the_file() -> None:
    path = published("TFC_1W1A.onnx")
    network = codesign.quantize(path, None, "reference-128")
    stored = [t for t in onnx.load(path).graph.initializer if len(t.dims) == 2]
    assert len(stored) == len(network.nodes) == 4 and network.input == IntType(1)
    for tensor, node in zip(stored, network.nodes, strict=True):
        assert (np.sign(onnx.numpy_helper.to_array(tensor)) == node.weight.T).all()


@pytest.mark.slow
def test_tfc_in_icarus() -> None:
    path, (x, _) = published("TFC_1W1A.onnx"), images()
    program = codesign.compile(path, None, wide())
    q = program.quantize(x[:200])
    result = codesign.simulate(program, q)
    assert not result.mismatches
    assert (result.outputs == program.network.run(q)).all()


def test_compile_prints_the_certificate(call: Call, tmp_path: Path) -> None:
    path, out = published("TFC_1W1A.onnx"), tmp_path / "program"
    status, text, _ = call("compile", path, "--chip", "reference-128", "--out", out)
    assert status == 0 and text.splitlines() == [
        f"TFC_1W1A on reference-128: 10 of 16 arrays (at least 8), 71 cycles per image, one every 60; in {out}",
        "requantizers against the file's arithmetic: 202 columns x 59,210 values, 0 differ",
    ]
    status, text, _ = call("compile", path, "--chip", "reference-128", "--out", out, "--json")
    assert json.loads(text)["certificate"] == "202 columns x 59,210 values, 0 differ"


def test_jet_tagging_says_what_it_needs(tmp_path: Path) -> None:
    """Weights of six bits, and scales that are powers of two: halves do not round alike until the file says so."""
    path, x = published("qkeras_jettagging.onnx"), np.random.default_rng(0).normal(size=(200, 16))
    with pytest.raises(UnsupportedError) as e:
        codesign.compile(path, x, "reference-128")
    assert str(e.value) == (
        f"{path}: layer MatMul_0: has weights -32..31 (48 values), chip reference-128 holds -1..1 (3 values); choose a "
        "chip with device.levels of at least 33, or train with fewer bits"
    )
    with pytest.raises(UnsupportedError) as e:
        codesign.quantize(path, x, chip(33))
    assert str(e.value) == (
        f"{path}: layer MatMul_1: 32 columns x 285,233 values, 1,024 differ from the file's arithmetic whatever the "
        "constants; where scales are powers of two, halves round to even in the file and up on the chip: set "
        "rounding_mode HALF_UP in its Quant"
    )
    proto = onnx.load(path)
    for node in proto.graph.node:
        for a in node.attribute:
            a.s = b"HALF_UP" if a.name == "rounding_mode" else a.s
    network, account, _ = to_network(saved(proto, tmp_path), x, chip(33), "jets", "normal", None)
    assert account.certificate.startswith("133 columns x ") and account.certificate.endswith(", 0 differ")
    grid = to_integers(network, x) * network.step
    assert_equal(proto, network, grid)
