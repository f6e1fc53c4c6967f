"""Quantized files of every dialect become integer networks whose every word is the file's."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from codesign.fixed import IntType
from codesign.frontend.graph import Real
from codesign.ir import Linear, MaxPool
from tests.frontend.onnx.build import BREVITAS, FINN, QONNX, File, assert_equal, between, chip, first, imported, saved


def bits(file: File, shape: tuple[int, ...]) -> Real:
    return file.rng.choice([-1.0, 1.0], shape)


def images(count: int, *shape: int) -> Real:
    return np.random.default_rng(5).random((count, *shape))


@pytest.mark.parametrize("domain", [BREVITAS, FINN, QONNX])
def test_bipolar_as_brevitas_writes_it(domain: str, tmp_path: Path) -> None:
    """A runtime shape chain, 2x - 1, batch norm as a node and spelled out, MatMul of a transposed weight."""
    f = File(domain)
    size = f.op("Gather", f.op("Shape", "x"), f.constant(0, dtype=np.int64), axis=0)
    whole = f.op("Unsqueeze", size, f.constant([0], dtype=np.int64))
    flat = f.op("Reshape", "x", f.op("Concat", whole, f.constant([-1], dtype=np.int64), axis=0))
    x = f.bipolar(f.op("Sub", f.op("Mul", flat, f.constant(2)), f.constant([1])))
    w = f.op("Transpose", f.bipolar(f.constant(bits(f, (12, 36)), "fc1.weight")), perm=[1, 0])
    x = f.bipolar(f.norm(f.op("MatMul", x, w), 12))
    w = f.op("Transpose", f.bipolar(f.constant(bits(f, (5, 12)), "fc2.weight")), perm=[1, 0])
    y = f.op("Sub", f.op("MatMul", x, w), f.constant([0.25]))
    deviation = f.op("Pow", f.constant([4.0]), f.constant(0.5))
    y = f.op("Add", f.op("Mul", f.op("Div", y, deviation), f.constant([1.5])), f.constant([-0.3]))
    proto = f.model(y, [1, 1, 6, 6])
    network, account = imported(proto, tmp_path)
    assert [(n.name, type(n)) for n in network.nodes] == [("fc1", Linear), ("fc2", Linear)]
    assert network.input == IntType(1) and network.nodes[0].scaling.out == IntType(1)
    assert {-1, 1} == set(network.nodes[0].scaling.mult.tolist())  # gains of both signs
    assert {-1, 1} == set(np.unique(network.nodes[1].weight).tolist())  # the file's integers as they are
    assert account.certificate == "17 columns x 509 values, 0 differ"  # 12 * 37 and 5 * 13
    assert_equal(proto, network, images(200, 1, 6, 6), None)


def mlp(f: File, hidden: dict[str, object], weights: int = 3, per: bool = True) -> str:
    """20-9-4, a Gemm with bias behind each Quant; weights of `weights` bits, a scale per output."""
    x = f.quant("x", 0.0625, 4, signed=0)
    top = 2 ** (weights - 1) - 1
    for k, (inputs, outputs) in enumerate([(20, 9), (9, 4)]):
        scale = f.rng.uniform(0.01, 0.04, (outputs, 1)) if per and k == 0 else np.float32(0.03)
        w = f.constant(f.rng.integers(-top, top + 1, (outputs, inputs)) * scale, f"layer{k}.weight")
        w = f.quant(w, scale, weights, narrow=1)
        bias = f.constant(f.rng.normal(size=outputs) * 0.2) if k == 0 else f.constant(np.zeros(outputs))
        x = f.op("Gemm", x, w, bias, transB=1)
        if k == 0:
            x = f.op("Relu", x) if not hidden.get("signed", 1) else x
            x = f.quant(x, 0.11 if weights > 2 else 0.03, **hidden)  # type: ignore[arg-type]
    return x


HIDDEN: dict[str, dict[str, object]] = {
    "unsigned 4 bits behind a ReLU": {"bits": 4, "signed": 0},
    "signed 4 bits": {"bits": 4, "signed": 1},
    "ternary, narrow": {"bits": 2, "signed": 1, "narrow": 1},
    "8 bits": {"bits": 8, "signed": 0},
    "rounded halves up": {"bits": 3, "signed": 1, "rounding_mode": "HALF_UP"},
    "rounded down": {"bits": 3, "signed": 1, "rounding_mode": "FLOOR"},
    "zero point": {"bits": 4, "signed": 0, "zero": 5},
    "signed one bit": {"bits": 1, "signed": 1},
}


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_activations(hidden: dict[str, object], tmp_path: Path) -> None:
    f = File(seed=3)
    proto = f.model(mlp(f, hidden), ["batch", 20])
    network, account = imported(proto, tmp_path, chip(4))
    assert account.certificate.endswith(", 0 differ")
    kind = network.type_of("layer0")
    if hidden.get("narrow"):
        assert (kind.lo, kind.hi) == (-1, 1)
    x = f.rng.random((300, 20)) * 1.2 - 0.1
    assert_equal(proto, network, x, None if hidden["bits"] == 1 else 0.0)  # halves of a step, alike for all
    edge = np.unique(network.nodes[0].value(np.rint(x.clip(0, 15 / 16) * 16).astype(np.int64)))
    assert len(edge) == min(kind.hi - kind.lo + 1, len(edge)) > 1


def test_the_input_stands_for_what_the_file_quantizes(tmp_path: Path) -> None:
    """x / 255 per channel, then a signed Quant: scales and offsets per channel; halves go up."""
    f = File()
    x = f.op("Div", "x", f.constant(np.array([0.5, 2.0]).reshape(2, 1, 1)))
    x = f.quant(f.op("Add", x, f.constant(-0.25)), 0.1, 4)
    w = f.quant(f.constant(f.rng.integers(-1, 2, (3, 8)), "fc.weight"), 1.0, 2)
    proto = f.model(f.op("MatMul", f.op("Flatten", x), f.op("Transpose", w, perm=[1, 0])), [1, 2, 2, 2])
    network, _ = imported(proto, tmp_path)
    assert np.allclose(network.scales, [0.05] * 4 + [0.2] * 4) and np.allclose(network.offset, [0.125] * 4 + [0.5] * 4)
    assert (network.input, network.shape) == (IntType(4, True), ())
    assert_equal(proto, network, images(100, 2, 2, 2))


def test_an_unquantized_input_takes_its_scale_from_calibration(tmp_path: Path) -> None:
    f = File()
    w = f.quant(f.constant(f.rng.integers(-1, 2, (6, 6)), "a.weight"), 1.0, 2)
    x = f.quant(f.op("Relu", f.op("MatMul", "x", w)), 0.3, 4, signed=0)
    w = f.quant(f.constant(f.rng.integers(-1, 2, (6, 3)), "b.weight"), 1.0, 2)
    proto = f.model(f.op("MatMul", x, w), [1, 6])
    typical = f.rng.normal(size=(50, 6))
    network, _ = imported(proto, tmp_path, x=typical)
    assert network.input == IntType(8, True)
    grid = np.rint(typical / network.step) * network.step
    assert_equal(proto, network, grid)


def test_convolutions_pooling_and_sums(tmp_path: Path) -> None:
    """A residual network of 4 bits: padding, stride, groups, a sum, max pooling before its Quant, a mean."""
    f = File(seed=8)
    x = f.quant("x", 0.0625, 4, signed=0)

    def conv(x: str, name: str, shape: tuple[int, ...], **more: object) -> str:
        w = f.quant(f.constant(f.rng.integers(-1, 2, shape) * 0.25, f"{name}.weight"), 0.25, 2)
        return f.op("Conv", x, w, f.constant(f.rng.normal(size=shape[0]) * 0.03), **more)

    a = f.quant(f.op("Relu", conv(x, "c1", (4, 2, 3, 3), pads=[1, 1, 1, 1])), 0.21, 4, signed=0)
    b = f.quant(conv(a, "c2", (4, 2, 3, 3), pads=[1, 1, 1, 1], group=2), 0.23, 4)
    s = f.quant(f.op("Relu", f.op("Add", a, b)), 0.19, 4, signed=0)
    s = f.norm(conv(s, "c3", (6, 4, 3, 3)), 6, 1.0)
    pooled = f.quant(f.op("MaxPool", f.op("Relu", s), kernel_shape=[2, 2], strides=[2, 2]), 0.17, 4, signed=0)
    mean = f.quant(f.op("GlobalAveragePool", pooled), 0.09, 5, signed=0)
    w = f.quant(f.constant(f.rng.integers(-1, 2, (5, 6)), "fc.weight"), 1.0, 2)
    proto = f.model(f.op("Gemm", f.op("Flatten", mean), w, transB=1), [1, 2, 6, 6])
    network, account = imported(proto, tmp_path)
    kinds = [n.kind for n in network.nodes]
    assert kinds == ["conv", "conv", "add", "conv", "maxpool", "avgpool", "linear"]
    assert account.certificate.endswith(", 0 differ")
    assert_equal(proto, network, images(60, 2, 6, 6))


def test_bipolar_images_are_padded_with_true_zeros(tmp_path: Path) -> None:
    f = File(seed=2)
    x = f.quant("x", 0.25, 3, signed=0)
    w = f.bipolar(f.constant(bits(f, (3, 1, 3, 3)), "c1.weight"))
    x = f.bipolar(f.norm(f.op("Conv", x, w), 3))
    w = f.bipolar(f.constant(bits(f, (4, 3, 3, 3)), "c2.weight"))
    x = f.op(
        "MaxPool", f.bipolar(f.norm(f.op("Conv", x, w, pads=[1, 1, 1, 1]), 4)), kernel_shape=[2, 2], strides=[2, 2]
    )
    w = f.quant(f.constant(f.rng.integers(-1, 2, (16, 4)), "fc.weight"), 1.0, 2)
    proto = f.model(f.op("MatMul", f.op("Reshape", x, f.constant([1, -1], dtype=np.int64)), w), [1, 1, 6, 6])
    proto.graph.node[-2].attribute.clear()
    network, _ = imported(proto, tmp_path)
    assert network.type_of("c1") == IntType(2, True, (-1, 1))
    odd = {int(v) % 2 for v in network.nodes[-1].weight.sum(axis=0)}
    assert odd == {0, 1} and network.type_of("c2") == IntType(2, True, (-1, 1))  # no whole bias for bits
    assert any(isinstance(n, MaxPool) for n in network.nodes)
    for x in images(40, 1, 1, 6, 6):
        assert_equal_one(proto, network, x)


def assert_equal_one(proto: object, network: object, x: Real) -> None:
    from codesign.ir.real import to_integers
    from tests.frontend.onnx.judge import scores

    words = network.run(to_integers(network, x))  # type: ignore[attr-defined]
    assert (scores(proto, x) == words * network.output_step).all()  # type: ignore[attr-defined]


def test_thresholds(tmp_path: Path) -> None:
    f = File()
    x = f.quant("x", 0.125, 3, signed=0)
    w = f.constant(f.rng.integers(-1, 2, (10, 6)), "a.weight")  # integers as they are, as after streamlining
    steps = np.sort(f.rng.normal(size=(6, 1)) * 0.5 + np.arange(3) * f.rng.uniform(0.2, 0.4, (6, 1)), axis=1)
    x = f.op("MultiThreshold", f.op("MatMul", x, w), f.constant(steps), domain=QONNX, out_bias=-1.0, out_dtype="INT2")
    proto = f.model(f.op("MatMul", x, f.constant(f.rng.integers(-1, 2, (6, 4)), "b.weight")), [1, 10])
    network, _ = imported(proto, tmp_path)
    assert network.type_of("a") == IntType(2, False)
    assert_equal(proto, network, images(100, 10))


def test_weights_reach_the_cells_times_a_common_factor(tmp_path: Path) -> None:
    """Cells of 16 codes and two levels hold -15, 0 and 15."""
    f = File(seed=4)
    proto = f.model(mlp(f, {"bits": 4, "signed": 0}, weights=2, per=False), [1, 20])
    described = chip(2).model_dump()
    described["device"]["code_bits"] = 4
    network, _ = imported(proto, tmp_path, type(chip()).model_validate(described))
    assert set(np.unique(network.nodes[0].weight).tolist()) == {-15, 0, 15}
    assert_equal(proto, network, f.rng.random((100, 20)))


def test_scores_of_whole_ratios_become_whole_weights(tmp_path: Path) -> None:
    """Scales of 1, 2 and -1: the last layer's weights take them, where cells hold the products."""
    f = File()
    x = f.quant(first(f), 0.37, 4)
    w = f.quant(f.constant(f.rng.integers(-1, 2, (6, 3)), "last.weight"), 1.0, 2)
    y = f.op("Add", f.op("Mul", f.op("MatMul", x, w), f.constant([1.0, 2.0, -1.0])), f.constant([0.37, 1.11, -0.37]))
    proto = f.model(y, [1, 8])
    network, _ = imported(proto, tmp_path, chip(3))
    assert {-1, 2} <= set(np.unique(network.nodes[1].weight).tolist()) <= {-2, -1, 0, 1, 2}
    assert_equal(proto, network, f.rng.random((100, 8)) * 2)


def test_clips_before_a_quantizer_limit_its_range(tmp_path: Path) -> None:
    """ReLU6 ends within the range of 8 bits: so do the integers."""
    f = File()
    x = f.op("Clip", first(f), f.constant(0.0), f.constant(1.5))
    proto = between(f, f.quant(x, 0.07, 8, signed=0))
    network, _ = imported(proto, tmp_path)
    assert network.type_of("first") == IntType(8, False, (0, 21))
    assert_equal(proto, network, f.rng.random((100, 8)) * 2)


def test_no_torch_is_loaded(tmp_path: Path) -> None:
    f = File()
    path = saved(between(f, f.quant(first(f), 0.37, 4)), tmp_path)
    code = f"import sys, codesign; codesign.compile({str(path)!r}, None, 'tiny'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_signs(tmp_path: Path) -> None:
    """Sign has three values, 0 among them; weights are signs times a scale."""
    f = File(seed=4)
    x = f.quant("x", 0.25, 2, signed=1, narrow=1)
    x = f.op("Sign", f.op("MatMul", x, f.op("Sign", f.constant(f.rng.normal(size=(10, 6)), "a.weight"))))
    w = f.op("Mul", f.op("Sign", f.constant(f.rng.normal(size=(6, 4)), "b.weight")), f.constant([0.3] * 4))
    w = f.op("Div", w, f.constant(7.0))
    proto = f.model(f.op("MatMul", x, w), [1, 10])
    network, _ = imported(proto, tmp_path)
    kind = network.type_of("a")
    assert (kind.bits, kind.lo, kind.hi) == (2, -1, 1)
    x_ = f.rng.integers(-1, 2, (200, 10)) / 4
    assert (network.nodes[0].value(np.asarray(np.rint(x_ * 4), np.int64)) == 0).any()
    assert_equal(proto, network, x_)


def test_thresholds_of_signed_levels(tmp_path: Path) -> None:
    """In any order; levels -2..1 are two's complement, so that zeros beyond an image stay zeros."""
    f = File(seed=5)
    x = f.quant("x", 0.125, 3, signed=0)
    w = f.constant(f.rng.integers(-1, 2, (3, 1, 3, 3)), "a.weight")
    steps = f.rng.permuted(f.rng.normal(size=(3, 1)) + np.arange(3) * f.rng.uniform(0.3, 0.9, (3, 1)), axis=1)
    assert (np.diff(steps) < 0).any()
    x = f.op("MultiThreshold", f.op("Conv", x, w), f.constant(steps), domain=QONNX, out_scale=0.1, out_bias=-0.2)
    w = f.constant(f.rng.integers(-1, 2, (2, 3, 3, 3)), "b.weight")
    x = f.quant(f.op("Conv", x, w, pads=[1, 1, 1, 1]), 0.07, 4)
    w = f.constant(f.rng.integers(-1, 2, (32, 3)), "c.weight")
    proto = f.model(f.op("MatMul", f.op("Flatten", x), w), [1, 1, 6, 6])
    network, _ = imported(proto, tmp_path)
    assert network.type_of("a") == IntType(2, True)
    assert_equal(proto, network, images(100, 1, 6, 6))
