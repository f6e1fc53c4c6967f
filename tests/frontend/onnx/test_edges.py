"""Corners of the quantized way: values exactly 0, zero points that are averaged, cells with gaps, branches."""

from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.errors import UnsupportedError
from codesign.ir.real import to_integers
from tests.frontend.onnx.build import File, assert_equal, chip, imported
from tests.frontend.onnx.judge import scores


def ternary(f: File, shape: tuple[int, ...], name: str) -> str:
    return f.quant(f.constant(f.rng.integers(-1, 2, shape), f"{name}.weight"), 1.0, 2)


def test_zero_counts_as_one(tmp_path: Path) -> None:
    """Sums of ten signs are 0 for a quarter of all inputs, and so are some inputs themselves."""
    f = File(seed=6)
    w = f.bipolar(f.constant(f.rng.choice([-1.0, 1.0], (10, 8)), "a.weight"))
    x = f.bipolar(f.op("MatMul", f.bipolar("x"), w))
    proto = f.model(f.op("MatMul", x, ternary(f, (8, 4), "b")), [1, 10])
    network, _ = imported(proto, tmp_path)
    x_ = f.rng.integers(-1, 2, (200, 10)).astype(np.float64)
    assert (x_ == 0).any() and (np.where(x_ >= 0, 1, -1) @ network.nodes[0].weight == 0).mean() > 0.2
    assert_equal(proto, network, x_, None)


def test_zero_points_are_averaged(tmp_path: Path) -> None:
    f = File(seed=1)
    x = f.quant("x", 0.1, 4, signed=0, zero=3)
    x = f.quant(f.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2]), 0.0713, 5)
    proto = f.model(f.op("MatMul", f.op("Flatten", x), ternary(f, (8, 3), "fc")), [1, 2, 4, 4])
    network, account = imported(proto, tmp_path)
    assert account.certificate.startswith("5 columns x ")  # two channels, three classes
    assert_equal(proto, network, f.rng.random((100, 2, 4, 4)) * 1.6 - 0.4)


def test_pads_of_a_zero_point_are_refused(tmp_path: Path) -> None:
    f = File()
    x = f.quant("x", 0.1, 4, signed=0, zero=3)
    x = f.quant(f.op("Conv", x, ternary(f, (2, 1, 3, 3), "c"), pads=[1, 1, 1, 1]), 0.3, 4)
    proto = f.model(f.op("MatMul", f.op("Flatten", x), ternary(f, (32, 3), "fc")), [1, 1, 4, 4])
    with pytest.raises(UnsupportedError) as e:
        imported(proto, tmp_path)
    assert str(e.value).endswith(
        "node Conv_2 (Conv): pads activations with a zero point; use zero point 0, or no padding"
    )


def test_cells_with_gaps(tmp_path: Path) -> None:
    """Codes of 0, 2 and 5 differ by 0, 2, 3 and 5: signs and ternary weights fit, five levels do not."""
    described = Chip.of("reference-128").model_dump()
    described["device"] = {"levels": 3, "spacing": "table", "table": (0.0, 2.0, 5.0), "code_bits": 3}
    gaps = Chip.model_validate(described)
    assert gaps.device.weights == (-7, -4, -3, 0, 3, 4, 7)

    def proto(top: int) -> object:
        f = File()
        w = f.quant(f.constant(f.rng.integers(-top, top + 1, (12, 4)), "fc.weight"), 1.0, 4)
        return f.model(f.op("MatMul", f.quant("x", 0.25, 3, signed=0), w), [1, 12])

    network, _ = imported(proto(1), tmp_path, gaps)
    assert set(np.unique(network.nodes[0].weight).tolist()) == {-3, 0, 3}
    assert_equal(proto(1), network, np.random.default_rng(0).random((50, 12)) * 2)
    with pytest.raises(UnsupportedError) as e:
        imported(proto(2), tmp_path, gaps)
    assert "has weights [-2, -1, 0, 1, 2], chip reference-128 holds -7..7 (7 values)" in str(e.value)


def test_branches_share_what_they_read(tmp_path: Path) -> None:
    """Two layers read one activation; their sum is quantized again; identities stand between."""
    f = File(seed=9)
    x = f.quant("x", 0.125, 3, signed=0)
    h = f.op("Identity", f.quant(f.op("Relu", f.op("MatMul", x, ternary(f, (12, 8), "a"))), 0.21, 4, signed=0))
    left = f.quant(f.op("MatMul", h, ternary(f, (8, 6), "b")), 0.33, 4)
    right = f.quant(f.op("MatMul", f.op("Dropout", h), ternary(f, (8, 6), "c")), 0.31, 4)
    both = f.quant(f.op("Add", left, right), 0.47, 4)
    proto = f.model(f.op("Softmax", f.op("MatMul", both, ternary(f, (6, 3), "d"))), [1, 12])
    network, account = imported(proto, tmp_path)
    assert [n.name for n in network.nodes] == ["a", "b", "c", "Add_13", "d"]
    assert [r.what for r in account.rows if r.operation == "Softmax"] == [
        "the order of the scores stays; apply it outside"
    ]
    assert_equal(proto, network, f.rng.random((200, 12)))


def test_a_quantizer_of_the_scores_is_dropped(tmp_path: Path) -> None:
    f = File()
    y = f.op("MatMul", f.quant("x", 0.25, 3, signed=0), ternary(f, (12, 4), "fc"))
    proto = f.model(f.quant(y, 1.3, 4), [1, 12])
    network, account = imported(proto, tmp_path)
    assert "the chip leaves raw accumulators, which are finer" in [r.what for r in account.rows]
    x = f.rng.random((80, 12)) * 2
    words = network.run(to_integers(network, x)) * network.output_step
    levels = np.round(scores(proto, x) / 1.3)
    assert len(np.unique(levels)) > 5 and (np.round((words / 1.3).clip(-8, 7)) == levels).all()


def test_batch_norm_over_a_flattened_image_is_refused(tmp_path: Path) -> None:
    f = File()
    x = f.op("Flatten", f.op("Conv", f.quant("x", 0.25, 3, signed=0), ternary(f, (2, 1, 3, 3), "c")))
    x = f.quant(f.norm(x, 8), 0.3, 4)
    proto = f.model(f.op("MatMul", x, ternary(f, (8, 3), "fc")), [1, 1, 4, 4])
    with pytest.raises(UnsupportedError) as e:
        imported(proto, tmp_path)
    assert str(e.value).endswith("(BatchNormalization): has 8 numbers for 2 channels; give one per channel")


def test_many_levels(tmp_path: Path) -> None:
    """Five-bit weights as they are, and one bit behind a scale of its own for every column."""
    f = File(seed=12)
    scale = f.rng.uniform(0.05, 0.1, (1, 7))
    w = f.quant(f.constant(f.rng.integers(-15, 16, (10, 7)) * scale, "a.weight"), scale, 5)
    x = f.quant(f.op("Relu", f.op("MatMul", f.quant("x", 0.125, 3, signed=0), w)), 0.9, 3, signed=0)
    proto = f.model(f.op("MatMul", x, ternary(f, (7, 4), "b")), [1, 10])
    network, _ = imported(proto, tmp_path, chip(16))
    assert np.abs(network.nodes[0].weight).max() == 15
    assert_equal(proto, network, f.rng.random((150, 10)))
