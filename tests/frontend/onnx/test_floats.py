"""Float models, as torch.onnx.export writes them, become graphs that compute the same."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

import codesign
from codesign.errors import CodesignError, InputError, UnsupportedError
from codesign.frontend.graph import Graph
from codesign.frontend.onnx.floats import graph_of
from codesign.frontend.onnx.network import to_network
from codesign.frontend.onnx.quantized import is_quantized
from codesign.frontend.onnx.read import read
from codesign.frontend.run import values
from tests.frontend.onnx.build import File, chip, saved


class Residual(nn.Module):
    """Batch norm between, a shortcut, normalisation inside, log_softmax at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - 0.4) / 0.3
        y = torch.relu(self.norm(self.first(x)))
        y = nn.functional.max_pool2d(nn.functional.relu6(self.second(y) + y), 2)
        y = nn.functional.adaptive_avg_pool2d(y, 1).flatten(1)
        return nn.functional.log_softmax(self.head(y), dim=1)


class Signal(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv1d(3, 5, 4, stride=2), nn.Linear(25, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.hardtanh(self.conv(x))
        return self.head(y.reshape(y.shape[0], -1))  # a chain of Shape, Gather, Concat in the file


torch.manual_seed(4)
MODULES: dict[str, tuple[nn.Module, tuple[int, ...], int]] = {
    "perceptron": (
        nn.Sequential(
            nn.BatchNorm1d(12), nn.Linear(12, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Dropout(), nn.Linear(9, 4)
        ),
        (12,),
        2,
    ),
    "residual": (Residual(), (2, 8, 8), 6),
    "signal": (Signal(), (3, 12), 2),
    "pooling": (
        nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU6(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(27, 5), nn.Softmax(1)),
        (1, 8, 8),
        3,
    ),
}


def exported(module: nn.Module, shape: tuple[int, ...], folder: Path, opset: int = 17) -> Path:
    """The file of torch's legacy exporter, with a batch of any size."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sample = (torch.zeros(1, *shape),)
        torch.onnx.export(
            module.eval(),
            sample,
            file,
            dynamo=False,
            input_names=["x"],
            dynamic_axes={"x": {0: "n"}},
            opset_version=opset,
        )
    path = folder / "model.onnx"
    path.write_bytes(file.getvalue())
    return path


def settled(module: nn.Module) -> nn.Module:
    """With batch norms that do something."""
    g = torch.Generator().manual_seed(3)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (part.weight.data, part.bias.data, part.running_mean, part.running_var):
                assert tensor is not None
                tensor.copy_(torch.rand(tensor.shape, generator=g) + 0.3)
    return module


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("opset", [11, 17])
def test_what_torch_exports(name: str, opset: int, tmp_path: Path) -> None:
    module, shape, ops = MODULES[name]
    model = read(exported(settled(module), shape, tmp_path, opset))
    assert not is_quantized(model)
    graph = graph_of(model)
    assert len(graph.ops) == ops
    x = np.random.default_rng(1).random((20, *shape))
    bare = nn.Sequential(*list(module)[:-1]) if name == "pooling" else module  # type: ignore[call-overload]
    with torch.no_grad():
        theirs = bare.double()(torch.from_numpy(x)).numpy()
    module.float()
    ours = values(graph, x)[graph.ops[-1].name]
    if graph.tail and name == "residual":
        ours = ours - np.log(np.exp(ours).sum(1, keepdims=True))
    assert np.ptp(theirs) > 0.1 and np.abs(ours - theirs).max() < 2e-5
    assert [t[0] for t in graph.tail] == {"residual": ["log_softmax"], "pooling": ["softmax"]}.get(name, [])
    assert {r.verdict for r in graph.rows} <= {"mapped to", "folded into", "dropped"} and len(graph.rows) >= ops


def test_layers_keep_the_names_of_their_modules(tmp_path: Path) -> None:
    graph = graph_of(read(exported(Residual(), (2, 8, 8), tmp_path)))
    assert {"first", "second", "head"} <= {op.name for op in graph.ops}
    assert np.allclose(graph.offset, 0.4) and len(graph.offset) == 1  # a padded convolution cannot take it


def rebuilt() -> Any:
    """As newer exporters write it: MatMul and Add, ReduceMean with axes as an input, constants as nodes."""
    f = File(opset=18)
    rng = f.rng
    x = f.op("Conv", "x", f.constant(rng.normal(size=(4, 2, 3, 3)), "c.weight"))
    x = f.op("Max", x, f.constant(0.0))
    axes = f.op("Constant", value=onnx.numpy_helper.from_array(np.array([-1, -2])))
    x = f.op("Squeeze", f.op("ReduceMean", x, axes, keepdims=1), f.constant([2, 3], dtype=np.int64))
    x = f.op("Add", f.op("MatMul", x, f.constant(rng.normal(size=(4, 3)), "fc.weight")), f.constant(rng.normal(size=3)))
    return f.model(f.op("ArgMax", f.op("Neg", x), axis=-1, keepdims=0), ["n", 2, 6, 6])


def test_the_form_of_newer_exporters(tmp_path: Path) -> None:
    proto = rebuilt()
    graph = graph_of(read(saved(proto, tmp_path)))
    tensors = {t.name: onnx.numpy_helper.to_array(t).astype(np.float64) for t in proto.graph.initializer}
    x = np.random.default_rng(2).random((5, 2, 6, 6))
    conv = nn.functional.conv2d(torch.from_numpy(x), torch.from_numpy(tensors["c.weight"])).clamp(min=0).numpy()
    bias = next(v for v in tensors.values() if v.shape == (3,))
    theirs = -(conv.mean((2, 3)) @ tensors["fc.weight"] + bias)
    assert np.abs(values(graph, x)[graph.ops[-1].name] - theirs).max() < 1e-9
    assert graph.tail == (("argmax", {"dim": 1}),)


def test_a_float_file_goes_to_a_chip(tmp_path: Path) -> None:
    module, shape, _ = MODULES["perceptron"]
    path, x = exported(settled(module), shape, tmp_path), np.random.default_rng(1).random((60, *shape))
    by_file = codesign.compile(path, x, chip(16))
    by_module = codesign.compile(module, x, chip(16))
    assert [n.name for n in by_file.network.nodes] == [f"layer{n}" for n in ("1", "5")]
    classes = (program.predict(x).argmax(axis=1) for program in (by_file, by_module))
    assert (next(classes) == next(classes)).mean() > 0.95  # scales are searched for, and nearly equal ones abound
    assert by_file.account is not None and by_file.account.quality is not None and not by_file.account.certificate


def refused(path: Path, kind: type[CodesignError] = UnsupportedError, x: Any = None) -> str:
    with pytest.raises(CodesignError) as e:
        to_network(path, x, chip(), "net", "normal", None)
    assert type(e.value) is kind and "\n" not in str(e.value)
    return str(e.value).removeprefix(f"{path}: ")


def test_calibration_is_needed(tmp_path: Path) -> None:
    path = exported(nn.Linear(4, 2), (4,), tmp_path)
    assert refused(path, InputError) == "a float model needs calibration; pass a few hundred typical inputs"


def one(op: str, *constants: Any, shape: tuple[int, ...] = (4, 6, 6), **attributes: Any) -> Any:
    """A model with an operation between a convolution and the end."""
    f = File(opset=18)
    x = f.op("Conv", "x", f.constant(np.ones((4, 4, 1, 1))))
    read_ = [f.constant(c, dtype=np.asarray(c).dtype) for c in constants]
    return f.model(f.op(op, x, *read_, **attributes), [1, *shape])


REFUSALS = [
    (one("Sin"), "node Sin_1 (Sin): is not supported; use linear layers, convolutions, pooling, batch norm, ReLU and "
     "clips, sums, and softmax at the end"),
    (one("MaxPool", kernel_shape=[2, 2], pads=[1, 1, 0, 0]),
     "node MaxPool_1 (MaxPool): pads [1, 1, 0, 0] differ from side to side; pad both sides alike"),
    (one("MaxPool", kernel_shape=[2, 2], ceil_mode=1),
     "node MaxPool_1 (MaxPool): ceil_mode is not supported; use ceil_mode 0"),
    (one("MaxPool", kernel_shape=[9, 9]), "node MaxPool_1 (MaxPool): its 9x9 window is larger than its input, 4x6x6"),
    (one("Conv", np.ones((4, 4, 3, 3), np.float32), dilations=[2, 2]),
     "node Conv_1 (Conv): is dilated; use dilation 1"),
    (one("Conv", np.ones((4, 3, 3, 3), np.float32)),
     "node Conv_1 (Conv): weights [4, 3, 3, 3] in 1 groups do not suit 4 channels; export again"),
    (one("Transpose", perm=[0, 2, 3, 1]),
     "node Transpose_1 (Transpose): transposes activations by [0, 2, 3, 1]; export with channels first (NCHW)"),
    (one("Reshape", np.array([4, 36])),
     "node Reshape_1 (Reshape): makes shape [4, 36] of one image's [1, 4, 6, 6]; keep images on the first axis"),
    (one("Mul", np.ones((3, 1, 1), np.float32)),
     "node Mul_1 (Mul): a constant of shape [3, 1, 1] widens [1, 4, 6, 6]; use constants that broadcast over images"),
    (one("Div", np.zeros((), np.float32)), "node Div_1 (Div): divides by 0; give a standard deviation above 0"),
    (one("MatMul", np.ones((6, 2), np.float32)),
     "node MatMul_1 (MatMul): weights for 6 inputs read [4, 6, 6] values per image; flatten before it"),
    (one("Softmax", axis=1), "node Softmax_1 (Softmax): does not run over classes; apply it to (images, classes) "
     "along axis 1"),
    (one("Relu"), "model: outputs have the shape (images, 4, 6, 6), not (images, classes); flatten or pool them, "
     "and end in nn.Linear"),
]  # fmt: skip


@pytest.mark.parametrize(("proto", "message"), REFUSALS, ids=[m.split()[1] for _, m in REFUSALS])
def test_refusals(proto: Any, message: str, tmp_path: Path) -> None:
    kind = InputError if "window is larger" in message or "divides by" in message else UnsupportedError
    assert refused(saved(proto, tmp_path), kind, np.ones((3, 4, 6, 6))) == message


def test_graphs_are_alike(tmp_path: Path) -> None:
    """A model reads the same twice: nothing depends on the order of sets."""
    path = exported(Residual(), (2, 8, 8), tmp_path)
    first, second = (graph_of(read(path)) for _ in range(2))
    assert isinstance(first, Graph)
    assert [op.name for op in first.ops] == [op.name for op in second.ops] and first.rows == second.rows
