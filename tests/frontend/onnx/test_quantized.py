"""Quantized files of every dialect become integer networks whose every word is the file's."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from codesign.errors import UnsupportedError
from codesign.fixed import IntType
from codesign.frontend.graph import Real
from codesign.ir import Linear, MaxPool
from tests.frontend.onnx.build import BREVITAS, FINN, QONNX, File, assert_equal, chip, imported, saved


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
    assert account.certificate == "17 columns x 509 values in all, 0 differ"  # 12 * 37 and 5 * 13
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


def refused(proto: object, folder: Path, **more: object) -> str:
    with pytest.raises(UnsupportedError) as e:
        imported(proto, folder, **more)
    assert "\n" not in str(e.value)
    return str(e.value).partition("model.onnx: ")[2]


def between(f: File, x: str, outputs: int = 3) -> object:
    """A model of two ternary layers with `x`, made of the name of the first one's outputs, between."""
    w = f.quant(f.constant(f.rng.integers(-1, 2, (6, outputs)), "last.weight"), 1.0, 2)
    return f.model(f.op("MatMul", x, w), [1, 8])


def first(f: File, scale: object = 0.5, zero: int = 0, bits: int = 2) -> str:
    x = f.quant("x", 0.25, 3, signed=0)
    w = f.quant(f.constant(f.rng.integers(-1, 2, (8, 6)) * 0.5, "first.weight"), scale, bits, zero=zero)
    return f.op("MatMul", x, w)


def test_refusals(tmp_path: Path) -> None:
    f = File()
    assert refused(between(f, f.op("Relu", first(f))), tmp_path) == (
        "node MatMul_5 (MatMul): reads first without a quantizer between; put a Quant behind first"
    )
    f = File()
    last = f.quant(first(f), np.full((1, 6), 0.5) + np.arange(6) / 8, 3)
    assert refused(between(f, last), tmp_path) == (
        "node Quant_3 (Quant): has a scale per channel on activations; use one scale for the tensor"
    )
    f = File()
    assert refused(between(f, f.quant(first(f), 0.5, 9)), tmp_path) == (
        "layer first: has 9-bit activations, chip reference-128 takes 8; choose a chip with more, "
        "or train with fewer bits"
    )
    f = File()
    assert refused(between(f, f.quant(first(f, scale=np.linspace(0.5, 1, 8).reshape(8, 1)), 0.5, 4)), tmp_path) == (
        "node MatMul_2 (MatMul): its weights have a scale per input; use one per tensor or per output"
    )
    f = File()
    assert refused(between(f, f.quant(first(f, zero=1), 0.5, 4)), tmp_path) == (
        "node Quant_1 (Quant): its weights have a zero point of 1; use zero point 0, as cells in pairs do"
    )
    f = File()
    given = [f.constant(v) for v in (1.0, 0.0, 4.0, 2.0)]
    trunc = f.op("Trunc", first(f), *given, domain=QONNX, rounding_mode="FLOOR")
    assert refused(between(f, trunc), tmp_path) == (
        "node Trunc_3 (Trunc): is not supported; average through a Quant instead, which rounds as chips do"
    )
    f = File()
    x = f.quant(f.op("MatMul", f.quant("x", 0.25, 3, signed=0), f.constant(f.rng.normal(size=(8, 6)))), 0.5, 4)
    assert refused(between(f, x), tmp_path) == (
        "node MatMul_1 (MatMul): reads quantized activations, but its weights are plain floats; "
        "put a Quant on its weights"
    )
    f = File()
    w = f.quant(f.constant(f.rng.integers(-3, 4, (8, 6)), "first.weight"), 1.0, 3)
    x = f.quant(f.op("MatMul", f.quant("x", 0.25, 3, signed=0), w), 0.5, 4)
    assert refused(between(f, x), tmp_path) == (
        "layer first: has weights [-3, -2, -1, 0, 1, 2, 3], chip reference-128 holds -1..1 (3 values); choose a "
        "chip with device.levels of at least 4, or train with fewer bits"
    )


def test_scores_of_different_scales_are_refused(tmp_path: Path) -> None:
    f = File()
    x = f.quant(first(f), 0.37, 4)
    scale = f.rng.uniform(0.5, 1.0, (1, 3))
    w = f.quant(f.constant(f.rng.integers(-1, 2, (6, 3)) * scale, "last.weight"), scale, 2)
    text = refused(f.model(f.op("MatMul", x, w), [1, 8]), tmp_path)
    assert text.startswith("layer last: its outputs have scales of their own, 0.")
    assert text.endswith("but raw accumulators share one; use one scale for its weights, and one gain")


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


def test_halves_that_round_to_even_are_refused(tmp_path: Path) -> None:
    f = File()
    proto = between(f, f.quant(first(f), 0.5, 4))
    halves = "where scales are powers of two, halves round to even in the file and up on the chip: set rounding_mode "
    assert refused(proto, tmp_path) == (
        "layer first: 6 columns x 230 values, 36 differ from the file's arithmetic whatever the constants; "
        f"{halves}HALF_UP in its Quant"
    )
    f = File()
    proto = between(f, f.quant(f.op("Relu", first(f)), 0.5, 4, signed=0, rounding_mode="HALF_UP"))
    network, _ = imported(proto, tmp_path)
    assert_equal(proto, network, f.rng.random((100, 8)) * 2)


def test_multipliers_that_are_too_coarse_are_told_from_halves(tmp_path: Path) -> None:
    f = File()
    scale = np.array([[0.01, 0.00013]])  # columns share a shift
    w = f.quant(f.constant(f.rng.integers(-127, 128, (300, 2)) * scale, "first.weight"), scale, 8)
    x = f.quant(f.op("MatMul", f.quant("x", 0.1, 4, signed=0), w), 0.313, 8)
    w = f.quant(f.constant(np.ones((2, 2)), "last.weight"), 1.0, 2)
    text = refused(f.model(f.op("MatMul", x, w), [1, 300]), tmp_path, target=chip(128))
    told = "no multiplier of 16 bits fits its scales; use fewer bits for activations or inputs, or other scales"
    assert text.endswith(f"the constants; {told}")


def test_max_pooling_of_what_falls_afterwards_is_refused(tmp_path: Path) -> None:
    f = File()
    x = f.quant("x", 0.25, 3, signed=0)
    w = f.quant(f.constant(f.rng.integers(-1, 2, (2, 1, 3, 3)) * 0.5, "first.weight"), 0.5, 2)
    x = f.op("MaxPool", f.op("Conv", x, w), kernel_shape=[2, 2], strides=[2, 2])
    x = f.quant(f.op("Mul", x, f.constant(np.array([1.0, -1.0]).reshape(2, 1, 1))), 0.37, 4)
    w = f.quant(f.constant(f.rng.integers(-1, 2, (8, 3)), "last.weight"), 1.0, 2)
    assert refused(f.model(f.op("MatMul", f.op("Flatten", x), w), [1, 1, 6, 6]), tmp_path) == (
        "layer first: output 1 falls with what max pooling gives; pool behind the activation"
    )
