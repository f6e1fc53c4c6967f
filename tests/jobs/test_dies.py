"""Accuracy on imperfect dies. Labels are what the network itself says, so that ideal cells are right every time."""

from dataclasses import replace
from fnmatch import fnmatch
from typing import Any, Literal

import numpy as np
import pytest

from codesign.chip.description import Arrays, Chip
from codesign.chip.device import Device
from codesign.data import Dataset, Range, to_inputs
from codesign.devices import Cells
from codesign.errors import CodesignError, InputError
from codesign.fixed import IntType
from codesign.flow import Flow
from codesign.ir.labels import accuracy as share
from codesign.jobs.dies import on_dies
from codesign.jobs.job import Imperfection
from codesign.mapping import Die, place, run
from codesign.mapping.apart import apart
from codesign.train.export import export
from codesign.train.layers.converters import Converters
from codesign.train.layers.grid import Grid
from codesign.train.nets import architecture as arch
from codesign.train.nets.quantized import QuantNet, quantized
from codesign.train.recipe import Compile

KIND = IntType(4)
FINE = Device(levels=4, code_bits=8)
REAL = Cells(variation=0.2, stuck_on=0.02, stuck_off=0.02, wire=1e-3)
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


def chip_of(device: Device, count: int = 20) -> Chip:
    tiny = Chip.load("tiny")
    arrays = Arrays(count=count, rows=16, columns=16)
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


def accuracies(
    model: QuantNet,
    chip: Chip,
    cells: Cells,
    seed: int = 0,
    draws: int = 1,
    data: Dataset | None = None,
    objective: Literal["cycles", "arrays"] = "cycles",
) -> list[float]:
    data = data or dataset_of(model)
    flow = Flow(name="x", chip=chip, compile=Compile(objective=objective))
    die = Imperfection(name="d", cells=cells, draws=draws)
    return on_dies(export(model, "net"), data.test_inputs(KIND), data.y_test, flow, die, seed)


def accuracy(model: QuantNet, chip: Chip, cells: Cells, seed: int = 0) -> float:
    (found,) = accuracies(model, chip, cells, seed)
    return found


@pytest.mark.parametrize("slices", [1, 2])
@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
@pytest.mark.parametrize("net", NETS)
def test_ideal_cells_give_exactly_the_networks_accuracy(net: str, device: Device, slices: int) -> None:
    assert accuracy(model_of(net, device, slices), chip_of(device), Cells()) == 100.0


@pytest.mark.parametrize("objective", ["cycles", "arrays"])
def test_a_perceptron_is_judged_on_the_dies_of_its_chip(objective: Literal["cycles", "arrays"]) -> None:
    """Where the flow's objective places it; dies k = 0, 1, .. are those of the seeds (seed, k)."""
    model, chip = model_of(), chip_of(FINE)
    data, network = dataset_of(model), export(model, "net")
    mapping, x = place(network, chip, objective=objective), data.test_inputs(KIND)
    packed = len(mapping.arrays) < len(place(network, chip).arrays)
    assert packed == (objective == "arrays")
    dies = [Die.draw(mapping, REAL, (7, k)) for k in range(4)]
    expected = [share(run(mapping, x, die, adc=False), data.y_test) for die in dies]
    assert accuracies(model, chip, REAL, 7, 4, data, objective) == expected
    assert len(set(expected)) > 1
    alone = [share(apart(network, chip, REAL, (7, k)).run(x), data.y_test) for k in range(4)]
    assert (alone == expected) == (not packed)


@pytest.mark.parametrize(("net", "count"), [("lenet", 20), ("depthwise", 20), ("mlp", 2)])
def test_what_the_compiler_cannot_place_has_arrays_of_its_own(net: str, count: int) -> None:
    model, chip = model_of(net), chip_of(FINE, count)
    data, network = dataset_of(model), export(model, "net")
    with pytest.raises(CodesignError):
        place(network, chip)
    x = data.test_inputs(KIND)
    expected = [share(apart(network, chip, REAL, (7, k)).run(x), data.y_test) for k in range(3)]
    assert accuracies(model, chip, REAL, 7, 3, data) == expected
    assert min(expected) < 100


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
    assert accuracies(model, chip_of(FINE), Cells(), 0, 2, replace(data, y_test=wrong)) == [75.0, 75.0]


def test_variation_lowers_what_was_not_trained_for_it() -> None:
    model = model_of()
    dies = [accuracy(model, chip_of(FINE), Cells(variation=v), seed) for v in (0.1, 0.5) for seed in range(4)]
    assert max(dies[:4]) < 100.0
    assert np.mean(dies[4:]) < np.mean(dies[:4]) - 5
    assert accuracy(model, chip_of(FINE), Cells(stuck_on=0.05, stuck_off=0.05)) < 100.0


def test_equal_seeds_draw_equal_dies() -> None:
    model = model_of()
    first, same, other = (accuracies(model, chip_of(FINE), Cells(variation=0.4), seed, 3) for seed in (1, 1, 2))
    assert first == same != other and len(set(first)) > 1


def test_converters_do_not_clip_here() -> None:
    plain = model_of()
    through = model_of(converters=lambda name, last: Converters(16, 4, last, 255))
    x = to_inputs(dataset_of(plain).x_test, KIND)
    assert (through.integers(x) != plain.integers(x)).any()
    data = dataset_of(plain)
    assert accuracies(through, chip_of(FINE), Cells(), data=data) == [100.0]


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


def test_another_chips_cells_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        accuracy(model_of("mlp", DEVICES["four"]), chip_of(FINE), Cells())
    assert fnmatch(str(caught.value), "layer fc1: weight * is not a difference of two cells; *; train for this chip")
