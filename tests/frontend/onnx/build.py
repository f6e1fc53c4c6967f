"""Small ONNX files, a dialect at a time."""

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from codesign.chip.description import Chip
from codesign.errors import UnsupportedError
from codesign.frontend.onnx.network import to_network
from codesign.ir import Network
from codesign.ir.real import to_integers
from tests.frontend.onnx.judge import scores

BREVITAS, FINN, QONNX = "onnx.brevitas", "finn.custom_op.general", "qonnx.custom_op.general"


class File:
    """Collects nodes; every method returns the name of what it made."""

    def __init__(self, domain: str = QONNX, seed: int = 0, opset: int = 13) -> None:
        self.domain, self.opset, self.rng = domain, opset, np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []

    def constant(self, value: Any, name: str = "", dtype: Any = np.float32) -> str:
        name = name or f"c{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        out = f"t{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(kind, list(inputs), [out], name=f"{kind}_{len(self.nodes)}", domain=domain, **attributes)
        )
        return out

    def quant(self, x: str, scale: Any, bits: int, signed: int = 1, narrow: int = 0, zero: int = 0, **more: Any) -> str:
        given = [self.constant(v) for v in (scale, zero, bits)]
        return self.op("Quant", x, *given, domain=self.domain, signed=signed, narrow=narrow, **more)

    def bipolar(self, x: str, scale: Any = 1.0) -> str:
        return self.op("BipolarQuant", x, self.constant(scale), domain=self.domain)

    def norm(self, x: str, channels: int, size: float = 3.0) -> str:
        """Batch norm with gains of both signs."""
        r = self.rng
        gain = r.uniform(0.5, 1.5, channels) * r.choice([-1, 1], channels)
        values = gain, r.normal(size=channels), r.normal(size=channels) * size, r.uniform(0.5, 2, channels) * size**2
        return self.op("BatchNormalization", x, *(self.constant(v) for v in values), epsilon=0.5)

    def model(self, out: str, shape: Sequence[Any], source: str = "x", classes: int = 0) -> ModelProto:
        made = helper.make_tensor_value_info(source, TensorProto.FLOAT, shape)
        result = helper.make_tensor_value_info(out, TensorProto.FLOAT, [1, classes] if classes else None)
        graph = helper.make_graph(self.nodes, "g", [made], [result], self.tensors)
        sets = [helper.make_opsetid("", self.opset), helper.make_opsetid(self.domain, 1)]
        return helper.make_model(graph, opset_imports=sets, ir_version=8)


def bipolar(*sizes: int) -> ModelProto:
    """A perceptron of two-valued weights and activations; 2-bit inputs in steps of 0.25."""
    f = File()
    x = f.quant("x", 0.25, 2, signed=0)
    for k, (inputs, outputs) in enumerate(pairwise(sizes)):
        w = f.bipolar(f.constant(f.rng.choice([-1, 1], (inputs, outputs)), f"fc{k}.weight"))
        x = f.op("MatMul", x, w)
        x = f.bipolar(f.norm(x, outputs)) if k < len(sizes) - 2 else x
    return f.model(x, ["n", sizes[0]])


def chip(levels: int = 2, bits: int = 8) -> Chip:
    """The reference chip with other cells and activations."""
    described = Chip.of("reference-128").model_dump()
    described["device"] |= {"levels": levels, "code_bits": max(1, (levels - 1).bit_length())}
    described["activation"]["bits"] = bits
    return Chip.model_validate(described)


def saved(proto: ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def imported(proto: ModelProto, folder: Path, target: Chip | None = None, x: Any = None) -> tuple[Network, Any]:
    return to_network(saved(proto, folder), x, target or chip(), "net", "normal", None)[:2]


def assert_equal(proto: ModelProto, network: Network, x: Any, constant: float | None = 0.0) -> None:
    """Every word is the file's score, in steps of the outputs; constant None: all scores may share an offset."""
    theirs = scores(proto, x).astype(np.float64)
    words = network.run(to_integers(network, x))
    steps = theirs / network.output_step - words
    if constant is None:
        steps = steps - steps[:1, :1]
    assert len(np.unique(words)) > 3 and np.abs(steps).max() < 1e-3


def refused(proto: ModelProto, folder: Path, **more: Any) -> str:
    with pytest.raises(UnsupportedError) as e:
        imported(proto, folder, **more)
    assert "\n" not in str(e.value)
    return str(e.value).partition("model.onnx: ")[2]


def between(f: File, x: str, outputs: int = 3) -> ModelProto:
    """A model of two ternary layers with `x`, made of the name of the first one's outputs, between."""
    w = f.quant(f.constant(f.rng.integers(-1, 2, (6, outputs)), "last.weight"), 1.0, 2)
    return f.model(f.op("MatMul", x, w), [1, 8])


def first(f: File, scale: Any = 0.5, zero: int = 0, bits: int = 2) -> str:
    x = f.quant("x", 0.25, 3, signed=0)
    w = f.quant(f.constant(f.rng.integers(-1, 2, (8, 6)) * 0.5, "first.weight"), scale, bits, zero=zero)
    return f.op("MatMul", x, w)


def published(name: str) -> Path:
    """A file of the zoo; a damaged one fails."""
    home = os.environ.get("CODESIGN_DATA")
    path = Path(home or "") / "qonnx" / name
    if not home or not path.is_file():
        pytest.skip(f"needs qonnx/{name} in CODESIGN_DATA")
    return path
