"""What no integer network equals is refused by name, with the reason and what to do."""

from pathlib import Path

import numpy as np

from tests.frontend.onnx.build import QONNX, File, assert_equal, between, chip, first, imported, refused


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


def test_biases_of_the_scores_that_are_rounded_are_told(tmp_path: Path) -> None:
    f = File()
    x = f.quant(first(f), 0.37, 4)
    w = f.quant(f.constant(f.rng.integers(-1, 2, (6, 3)), "last.weight"), 1.0, 2)
    _, account = imported(f.model(f.op("Add", f.op("MatMul", x, w), f.constant([0.1, 0.7, -0.3])), [1, 8]), tmp_path)
    assert account.certificate == (
        "6 columns x 230 values, 0 differ; biases of last, the last layer, rounded to whole words"
    )


def test_halves_that_round_to_even_are_refused(tmp_path: Path) -> None:
    f = File()
    proto = between(f, f.quant(first(f), 0.5, 4))
    halves = "where scales are powers of two, halves round to even in the file and up on the chip: set rounding_mode "
    assert refused(proto, tmp_path) == (
        "layer first: 6 columns x 230 values, 27 differ from the file's arithmetic whatever the constants; "
        f"{halves}HALF_UP in its Quant"
    )
    f = File()
    proto = between(f, f.quant(first(f), 0.5, 4, rounding_mode="HALF_UP"))  # away from 0: a slope slightly larger
    network, _ = imported(proto, tmp_path)
    assert_equal(proto, network, f.rng.random((100, 8)) * 2)
    f = File()
    proto = between(f, f.quant(f.op("Add", first(f), f.constant(0.25)), 0.5, 4, rounding_mode="FLOOR"))
    network, _ = imported(proto, tmp_path)
    assert_equal(proto, network, f.rng.random((100, 8)) * 2)
    f = File()
    proto = between(f, f.quant(f.op("Relu", first(f)), 0.5, 4, signed=0, rounding_mode="HALF_UP"))
    network, _ = imported(proto, tmp_path)
    assert_equal(proto, network, f.rng.random((100, 8)) * 2)


def test_sums_of_halves_and_clips(tmp_path: Path) -> None:
    """A residual sum whose halves go down is refused by that name; one that is clipped keeps to the clip's range."""

    def proto(scale: float, clip: bool, **more: object) -> tuple[File, object]:
        f = File(seed=2)
        x = f.quant("x", 0.25, 3, signed=0)
        w = (f.quant(f.constant(f.rng.integers(-1, 2, (8, 6)), f"{n}.weight"), 1.0, 2) for n in "ab")
        a, b = (f.quant(f.op("MatMul", x, v), s, 4) for v, s in zip(w, (0.25, 0.25), strict=True))
        y = f.op("Add", a, b)
        y = f.op("Clip", y, f.constant(-0.7), f.constant(1.6)) if clip else y
        return f, between(f, f.quant(y, scale, 6, **more))

    text = refused(proto(0.5, False)[1], tmp_path)
    assert text.startswith("layer Add_") and "halves round to even in the file" in text
    f, made = proto(0.17, True)
    network, _ = imported(made, tmp_path)
    kind = network.type_of(network.nodes[2].name)
    assert (kind.lo, kind.hi) == (-4, 9)
    assert_equal(made, network, f.rng.random((100, 8)) * 2)


def test_why_no_constants_fit(tmp_path: Path) -> None:
    """Limits per output, and thresholds without a common distance."""
    f = File(seed=1)
    x = f.op("Add", f.op("Relu", first(f)), f.constant(f.rng.normal(size=6)))
    text = refused(between(f, f.quant(x, 0.17, 4)), tmp_path)
    assert text.endswith(
        "a clip before numbers per output gives every output limits of its own; put the clip behind them"
    )
    f = File(seed=1)
    steps = f.constant([[-2.0, -1.7, 1.6]])
    text = refused(between(f, f.op("MultiThreshold", first(f), steps, domain=QONNX)), tmp_path)
    assert text.endswith(
        "its thresholds are not evenly spaced, which a multiplier cannot give; train with uniform quantization"
    )


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
