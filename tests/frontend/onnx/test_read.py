"""Files that are damaged, hostile or beyond what is read: one line each, and nothing but our errors."""

import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.defs import onnx_opset_version

import codesign
from codesign.errors import CodesignError, InputError, ToolError, UnsupportedError
from codesign.frontend.onnx.network import to_network
from codesign.frontend.onnx.read import read
from tests.damage import mutations
from tests.frontend.onnx.build import bipolar, chip, saved


def told(path: Path, kind: type[CodesignError] = InputError) -> str:
    """The message of a refusal, without the file's name."""
    with pytest.raises(CodesignError) as e:
        to_network(path, np.ones((4, 8)), chip(), "net", "normal", None)
    assert type(e.value) is kind and "\n" not in str(e.value)
    assert str(e.value).startswith(f"{path}: ")
    return str(e.value).removeprefix(f"{path}: ")


def small() -> Any:
    """8-6-3, bipolar between."""
    return bipolar(8, 6, 3)


def test_a_model(tmp_path: Path) -> None:
    model = read(saved(small(), tmp_path))
    assert (model.shape, model.opset, model.input, len(model.nodes)) == ((8,), 13, "x", 7)
    assert repr(model) == "Model(7 nodes, inputs (8,), opset 13)"


def test_what_is_no_file_of_ours(tmp_path: Path) -> None:
    assert told(tmp_path / "absent.onnx") == "cannot be read (No such file or directory); give an ONNX file"
    assert told(tmp_path) == "cannot be read (Is a directory); give an ONNX file"
    os.mkfifo(tmp_path / "pipe.onnx")
    assert told(tmp_path / "pipe.onnx") == "cannot be read (not a regular file); give an ONNX file"
    path = tmp_path / "model.onnx"
    path.write_bytes(b"")
    assert told(path) == "holds no ONNX graph; export the model again"
    path.write_text("layers: 3\n")
    assert told(path) == "is damaged, or no ONNX file; export the model again"
    whole = small().SerializeToString()
    path.write_bytes(whole[: len(whole) // 2])
    assert told(path) == "is damaged, or no ONNX file; export the model again"
    with path.open("wb") as f:
        f.truncate((1 << 29) + 1)
    assert told(path) == "cannot be read (536,870,913 bytes, at most 536,870,912 are expected); give an ONNX file"


def varint(n: int) -> bytes:
    return bytes([n & 127 | 128]) + varint(n >> 7) if n > 127 else bytes([n])


@pytest.mark.parametrize("kind", ["nodes", "attributes", "fields"])
def test_small_files_that_would_fill_the_memory(kind: str, tmp_path: Path) -> None:
    """Empty messages of two bytes become objects of a hundred: they are refused before they are made."""
    many = b"\x2a\x00" * (9 << 20)
    graph = {"nodes": b"\x0a\x00" * (9 << 20), "attributes": b"\x0a" + varint(len(many)) + many, "fields": b""}[kind]
    data = b"\x08\x08" * ((9 << 20) if kind == "fields" else 1) + b"\x3a" + varint(len(graph)) + graph
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert told(path) == "has more than 524,288 fields; simplify the model"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB
    path.write_bytes(b"\x08\x08\x12" + varint((1 << 24) + 1) + bytes((1 << 24) + 1))
    assert told(path).startswith("holds 16,777,224 bytes besides its weights, at most 16,777,216 are allowed; ")


def test_the_package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    path = saved(small(), tmp_path)
    assert told(path, ToolError) == "reading ONNX needs the package onnx; run: pip install 'codesign[onnx]'"


def edited(tmp_path: Path, change: Any) -> Path:
    proto = small()
    change(proto)
    return saved(proto, tmp_path)


def external(proto: Any) -> None:
    tensor = proto.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def huge(proto: Any) -> None:
    proto.graph.initializer[0].dims[:] = [1 << 30, 1 << 30]


def negative(proto: Any) -> None:
    proto.graph.initializer[0].dims[:] = [-4]


def wide(proto: Any) -> None:
    """More values out of two vectors than memory holds."""
    ones = [
        helper.make_tensor(n, TensorProto.FLOAT, s, [0.0] * (1 << 17))
        for n, s in (("a", [1 << 17, 1]), ("b", [1 << 17]))
    ]
    proto.graph.initializer.extend(ones)
    proto.graph.node.insert(0, helper.make_node("Add", ["a", "b"], ["wide"], "bomb"))
    proto.graph.node[-1].input[1] = "wide"


def circle(proto: Any) -> None:
    proto.graph.node[0].input[0] = proto.graph.node[3].output[0]


def missing(proto: Any) -> None:
    del proto.graph.initializer[3]


def not_finite(proto: Any) -> None:
    tensor = next(t for t in proto.graph.initializer if t.name == "fc0.weight")
    tensor.raw_data = np.full(48, np.nan, np.float32).tobytes()


def many(proto: Any) -> None:
    for _ in range(20_001):
        proto.graph.node.add()


DAMAGE: list[tuple[Any, str]] = [
    (huge, "initializer 'c0': shape (1073741824, 1073741824) does not suit its 4 stored values; "
     "export the model again"),
    (negative, "initializer 'c0': shape (-4,) is impossible; export the model again"),
    (
        wide,
        "node bomb (Add): would make 17,179,869,184 constant values, at most 134,217,728 are allowed",
    ),
    (circle, "its nodes read each other in a circle (Quant_0 -> MatMul_2 -> BatchNormalization_3 -> Quant_0); "
     "export the model again"),
    (missing, "node BipolarQuant_1 (BipolarQuant): reads 'fc0.weight', which is neither computed nor stored; "
     "export the model again"),
    (not_finite, "initializer 'fc0.weight': 48 of 48 values are NaN or infinite; train again"),
    (many, "has 20,008 nodes, at most 20,000 are allowed; simplify the model"),
    (lambda p: p.graph.node.add(op_type="Relu", input=["x"], output=[p.graph.node[0].output[0]], name="twice"),
     "node twice (Relu): gives 't0', which is given twice; export the model again"),
    (lambda p: p.graph.node.add(op_type="Relu", input=["t0"], output=["x"], name="again"),
     "node again (Relu): gives 'x', which is given twice; export the model again"),
    (lambda p: p.graph.initializer.add(name="c0", data_type=1, raw_data=bytes(4)),
     "initializer 'c0': is given twice; export the model again"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), DAMAGE, ids=lambda v: getattr(v, "__name__", ""))
def test_damage(change: Any, message: str, tmp_path: Path) -> None:
    assert told(edited(tmp_path, change)) == message


def dynamic(proto: Any) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "width"


def unsupported(proto: Any) -> None:
    proto.graph.node[3].op_type = "LSTM"


def foreign(proto: Any) -> None:
    proto.graph.node[3].domain = "com.acme"


BEYOND: list[tuple[Any, str]] = [
    (external, "initializer 'c0': its data lie in another file; save the model with its weights inside"),
    (dynamic, "input 'x': axis 1 must have a fixed size, got 'width'; export with fixed shapes, the batch aside"),
    (unsupported, "node BatchNormalization_3 (LSTM): is not supported; use linear layers, convolutions, pooling, batch "
     "norm, clips and sums"),
    (foreign, "node BatchNormalization_3 (com.acme.BatchNormalization): is not supported; use linear layers, "
     "convolutions, pooling, batch norm, clips and sums"),
    (lambda p: setattr(p.opset_import[0], "version", 99),
     f"has opset 99, 7 to {onnx_opset_version()} are known; export with one of them"),
    (lambda p: p.graph.output.add(name="t0"), "must have one output, got 2 (t6, t0); export the scores alone"),
    (lambda p: p.graph.input.add(name="y"), "must have one input, got 2 (x, y); export a model of one input"),
    (lambda p: p.functions.add(name="f"), "has functions, which is not supported; inline them before exporting"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), BEYOND, ids=lambda v: getattr(v, "__name__", ""))
def test_beyond_what_is_read(change: Any, message: str, tmp_path: Path) -> None:
    assert told(edited(tmp_path, change), UnsupportedError) == message


def test_control_characters_in_names(tmp_path: Path) -> None:
    def rename(proto: Any) -> None:
        proto.graph.node[3].name = "bad\x1b[31m\n"
        proto.graph.node[3].op_type = "Sin"

    assert told(edited(tmp_path, rename), UnsupportedError).startswith(r"node bad\x1b[31m\n (Sin): is not supported")


def test_names_that_repeat(tmp_path: Path) -> None:
    """Nodes may share names, also such as a repeated name would become; initializers may be inputs, too."""

    def repeat(proto: Any) -> None:
        for node, name in zip(proto.graph.node, ["a_2", "a", "a", "", "", "BipolarQuant_4", "a"], strict=True):
            node.name = name
        proto.graph.input.extend(
            helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in proto.graph.initializer
        )

    model = read(edited(tmp_path, repeat))
    assert len({n.name for n in model.nodes}) == 7 and model.input == "x"
    network, *_ = to_network(tmp_path / "model.onnx", None, chip(), "net", "normal", None)
    assert len(network.nodes) == 2


def test_a_long_chain(tmp_path: Path) -> None:
    """Nothing is recursive, and nothing is quadratic that shows."""
    proto = small()
    nodes = [helper.make_node("Identity", [f"i{k}"], [f"i{k + 1}"]) for k in range(5000)]
    proto.graph.node[0].input[0] = "i5000"
    nodes[0].input[0] = "x"
    proto.graph.node.extend(nodes)
    start = time.monotonic()
    network, *_ = to_network(saved(proto, tmp_path), None, chip(), "net", "normal", None)
    assert len(network.nodes) == 2 and time.monotonic() - start < 10


def test_mutations(tmp_path: Path) -> None:
    """Whatever becomes of a file, it is read or refused in one line."""
    path, read_as_well = tmp_path / "model.onnx", 0
    lines: list[str] = []
    for data in mutations(small().SerializeToString(), 300):
        path.write_bytes(data)
        try:
            to_network(path, np.ones((4, 8)), chip(), "net", "normal", None)
        except CodesignError as e:
            lines.append(str(e))
        else:
            read_as_well += 1
    assert 20 < read_as_well < 280
    assert not any("\n" in line for line in lines)


def test_compile_takes_paths(tmp_path: Path) -> None:
    path = saved(small(), tmp_path)
    program = codesign.compile(path, None, "tiny", "small")
    assert program.network.name == "small" and program.account is not None
    assert program.account.certificate == "9 columns x 171 values, 0 differ"
    assert "0 differ" in program.summary()
    again = codesign.Program.load(program.save(tmp_path / "program"))
    assert again.account == program.account
    assert (codesign.quantize(str(path), None, "tiny").nodes[0].weight == program.network.nodes[0].weight).all()
    with pytest.raises(UnsupportedError) as e:
        codesign.compile("net.txt", None, "tiny")
    assert str(e.value) == "compile: net.txt is no .onnx file; give one, or an nn.Module"
