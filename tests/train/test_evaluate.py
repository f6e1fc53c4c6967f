"""Accuracy on imperfect dies. Labels are what the network itself says, so that ideal cells are right every time."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from codesign.chip.description import Arrays, Chip
from codesign.chip.device import Device
from codesign.data import Dataset, Range, to_inputs
from codesign.devices import Cells
from codesign.errors import InputError
from codesign.fixed import IntType
from codesign.ir import Conv, Linear
from codesign.train.evaluate import _held, on_die
from codesign.train.export import export
from codesign.train.layers.converters import Converters
from codesign.train.layers.grid import Grid
from codesign.train.nets import architecture as arch
from codesign.train.nets.quantized import QuantNet, quantized

KIND = IntType(4)
FINE = Device(levels=4, code_bits=8)
DEVICES = {
    "four": Device(levels=4, code_bits=2),
    "fine": FINE,
    "resistance": Device(levels=4, code_bits=6, spacing="resistance", on_off_ratio=20),
    "table": Device(levels=3, code_bits=12, spacing="table", table=(0.1, 0.4, 1.0)),
}
NETS: dict[str, tuple[arch.Architecture, tuple[int, ...]]] = {
    "mlp": (arch.mlp((24,), 5), (40,)),
    "lenet": (arch.lenet((3, 5), (8,), 5), (1, 16, 16)),
    "depthwise": (
        (
            arch.Conv("conv1", "input", 6, 3, stride=2, padding=1),
            arch.Conv("depth", "conv1", 6, 3, padding=1, groups=6),
            arch.Linear("fc", "depth", 5, act=False),
        ),
        (2, 8, 8),
    ),
}


def chip_of(device: Device, rows: int = 16, columns: int = 16) -> Chip:
    tiny = Chip.load("tiny")
    arrays = Arrays(count=tiny.arrays.count, rows=rows, columns=columns)
    return tiny.model_copy(update={"device": device, "arrays": arrays})


def model_of(net: str = "mlp", device: Device = FINE, slices: int = 1, **options: Any) -> QuantNet:
    layers, shape = NETS[net]
    grid = Grid.sliced(device.weights, slices, device.levels)
    return quantized(layers, shape, grid, KIND, KIND, seed=4, **options).eval()


def dataset_of(model: QuantNet, images: int = 300) -> Dataset:
    rng = np.random.default_rng(3)
    kinds = rng.integers(0, 256, (12, model.features)) * (rng.random((12, model.features)) < 0.3)
    x = (kinds[rng.integers(0, 12, images)] * rng.uniform(0.6, 1, (images, model.features))).astype(np.uint8)
    y = model.integers(to_inputs(x, KIND)).argmax(1)
    assert len(np.unique(y)) > 1  # the network is not dead
    return Dataset("own", x, y, x, y, 5, spread=Range(0, 255))


def accuracy(model: QuantNet, chip: Chip, cells: Cells, seed: int = 0) -> float:
    return on_die(model, dataset_of(model), KIND, chip, cells, np.random.default_rng(seed))


@pytest.mark.parametrize("slices", [1, 2])
@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
@pytest.mark.parametrize("net", NETS)
def test_ideal_cells_give_exactly_the_networks_accuracy(net: str, device: Device, slices: int) -> None:
    model, chip = model_of(net, device, slices), chip_of(device)
    assert accuracy(model, chip, Cells()) == 100.0
    for node in export(model, "net").nodes:
        if isinstance(node, Linear | Conv):
            held = _held(node, model.grid, chip, Cells(), np.random.default_rng(0))
            assert held.dtype == np.int32 and np.array_equal(held, node.weight)


@pytest.mark.parametrize("options", [{"bias_on_grid": True}, {"per_column": True}, {"weight_clip": 0.3}], ids=str)
def test_every_kind_of_weight_is_drawn(options: dict[str, Any]) -> None:
    model = model_of("lenet", **options)
    assert accuracy(model, chip_of(FINE), Cells()) == 100.0
    assert accuracy(model, chip_of(FINE), Cells(variation=0.2)) < 100.0


def test_accuracy_is_percent_of_the_test_labels() -> None:
    model = model_of()
    data = dataset_of(model, 200)
    wrong = data.y_test.copy()
    wrong[:50] = (wrong[:50] + 1) % 5
    found = on_die(model, replace(data, y_test=wrong), KIND, chip_of(FINE), Cells(), np.random.default_rng(0))
    assert found == 75.0


def test_variation_lowers_what_was_not_trained_for_it() -> None:
    model = model_of()
    dies = [accuracy(model, chip_of(FINE), Cells(variation=v), seed) for v in (0.1, 0.5) for seed in range(4)]
    assert max(dies[:4]) < 100.0
    assert np.mean(dies[4:]) < np.mean(dies[:4]) - 5
    assert accuracy(model, chip_of(FINE), Cells(stuck_on=0.05, stuck_off=0.05)) < 100.0


def test_equal_seeds_draw_equal_dies() -> None:
    model = model_of()
    first, same, other = (accuracy(model, chip_of(FINE), Cells(variation=0.4), seed) for seed in (1, 1, 2))
    assert first == same != other


def test_every_slice_has_cells_of_its_own() -> None:
    """Two slices of zeros: variances add up with the squares of their significances, 1 and 4."""
    device = Device(levels=4, code_bits=12)
    single, double = (Grid.sliced(device.weights, slices, 4) for slices in (1, 2))
    node = export(model_of("mlp", device), "net").nodes[0]
    assert isinstance(node, Linear)
    node = replace(node, weight=np.zeros((200, 200), np.int32))
    one, two = (
        _held(node, grid, chip_of(device), Cells(variation=0.1), np.random.default_rng(4)).astype(float)
        for grid in (single, double)
    )
    assert two.std() == pytest.approx(one.std() * np.sqrt(1 + 4**2), rel=0.03)  # alike: 1 + 4
    assert abs(two.mean()) < 4.5 * two.std() / 200


def test_stuck_slices_amount_to_sums_of_significances() -> None:
    """All + cells stuck on or off, all - cells too: every weight is one of the sums of two ends."""
    node = export(model_of(slices=2), "net").nodes[0]
    assert isinstance(node, Linear)
    grid = Grid.sliced(FINE.weights, 2, 4)
    held = _held(node, grid, chip_of(FINE), Cells(stuck_on=0.5, stuck_off=0.5), np.random.default_rng(5))
    ends = (-255, 0, 255)
    assert set(np.unique(held).tolist()) == {a + 4 * b for a in ends for b in ends}


@pytest.mark.parametrize("net", ["mlp", "lenet"])
def test_tile_boundaries_matter_to_wires_only(net: str) -> None:
    model = model_of(net, slices=2)
    chips = [chip_of(FINE, rows, columns) for rows, columns in ((128, 128), (16, 16), (7, 10))]
    nodes = [n for n in export(model, "net").nodes if isinstance(n, Linear | Conv)]
    for cells, alike in ((Cells(variation=0.2, stuck_on=0.02), True), (Cells(wire=1e-3), False)):
        for node in nodes:
            held = [_held(node, model.grid, chip, cells, np.random.default_rng(6)) for chip in chips]
            assert np.array_equal(held[0], held[1]) is alike
            assert np.array_equal(held[0], held[2]) is alike


def test_wires_weaken_far_columns_and_far_rows() -> None:
    """One array of on cells: drivers at the first column, converters below the last row."""
    node = export(model_of(), "net").nodes[0]
    assert isinstance(node, Linear)
    node = replace(node, weight=np.full((16, 8), 255, np.int32))
    held = _held(node, Grid(FINE.weights), chip_of(FINE), Cells(wire=1e-3), np.random.default_rng(0))
    assert (np.diff(held, axis=1) <= 0).all() and (np.diff(held, axis=0) >= 0).all()
    assert 150 < held[0, 7] < held[15, 0] < 255


def test_converters_do_not_clip_here() -> None:
    plain = model_of()
    through = model_of(converters=lambda name, last: Converters(16, 4, last, 255))
    x = to_inputs(dataset_of(plain).x_test, KIND)
    assert (through.integers(x) != plain.integers(x)).any()
    data = dataset_of(plain)
    assert on_die(through, data, KIND, chip_of(FINE), Cells(), np.random.default_rng(0)) == 100.0


@pytest.mark.parametrize(
    ("device", "cells", "message"),
    [
        (
            DEVICES["four"],
            Cells(variation=0.1),
            "cells: 2-bit conductance codes are too coarse for variation 0.1 between 4 levels; "
            "raise chip.device.code_bits to 5 or more",
        ),
        (
            FINE,
            Cells(read_noise=1),
            "cells: read_noise must be 0 for a die, got 1: it changes with every conversion, "
            "so no cell can hold it; set read_noise = 0",
        ),
    ],
)
def test_what_a_die_cannot_show_is_refused(device: Device, cells: Cells, message: str) -> None:
    with pytest.raises(InputError) as caught:
        accuracy(model_of("mlp", device), chip_of(device), cells)
    assert str(caught.value) == message


@pytest.mark.parametrize("slices", [1, 2])
def test_another_chips_cells_are_refused(slices: int) -> None:
    model = model_of("mlp", DEVICES["four"], slices)
    with pytest.raises(InputError) as caught:
        accuracy(model, chip_of(FINE), Cells())
    assert str(caught.value) == (
        "model: its pairs of cells hold other weights than those of chip tiny; give the chip it was trained for"
    )


def test_real_weights_are_refused() -> None:
    model = model_of("lenet", real="conv")
    x, y = np.zeros((2, model.features), np.uint8), np.array([0, 1])
    with pytest.raises(InputError) as caught:
        on_die(model, Dataset("x", x, y, x, y, 5), KIND, chip_of(FINE), Cells(), np.random.default_rng(0))
    assert str(caught.value) == (
        "model: some of its weights are real, and a die cannot hold those; quantize every layer"
    )
