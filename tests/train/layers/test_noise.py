"""Imperfect cells in training against dies of `codesign.devices`, effect by effect, in distribution."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import codesign
from codesign.chip.description import Chip
from codesign.chip.device import Device
from codesign.devices import Cells, draw
from codesign.errors import InputError
from codesign.fixed import IntType, plane_weights
from codesign.train.build import build
from codesign.train.layers.converters import Converters
from codesign.train.layers.edges import Edge
from codesign.train.layers.grid import Grid
from codesign.train.layers.matrix import QuantLayer
from codesign.train.layers.noise import CellNoise, check_stuck
from codesign.train.nets import architecture as arch
from codesign.train.nets.quantized import quantized
from codesign.train.recipe import Recipe

FOUR = Device(levels=4, code_bits=12)  # codes 0, 1365, 2730, 4095
LEAKY = Device(levels=4, code_bits=12, on_off_ratio=10)
ROWS, COLUMNS = 6, 4  # of an array; the layers below need several, and no whole number of them
SIGMAS = 4.5  # a right model fails one such comparison in 150,000; seeds are fixed besides


def noise(cells: Cells, device: Device = FOUR, stuck: Tensor | None = None, seed: int = 0) -> CellNoise:
    return CellNoise(cells, device, ROWS, COLUMNS, torch.Generator().manual_seed(seed), stuck)


def weights(outputs: int, inputs: int, device: Device = FOUR, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).choice(device.weights, (outputs, inputs))


def on_dies(digits: NDArray[np.int64], device: Device, cells: Cells, dies: int) -> NDArray[np.float64]:
    """What pairs (outputs, inputs) hold on each of several dies, by `devices.draw`."""
    pairs = device.pairs
    levels = np.array([[pairs[int(w)] for w in column] for column in digits.T]).reshape(digits.shape[1], -1)
    high, wide = levels.shape
    whole = np.pad(levels, ((0, -high % ROWS), (0, -wide % (2 * COLUMNS))))  # unused cells are off
    down, across = whole.shape[0] // ROWS, whole.shape[1] // (2 * COLUMNS)
    tiles = np.tile(whole.reshape(down, ROWS, across, 2 * COLUMNS).swapaxes(1, 2), (dies, 1, 1, 1, 1))
    codes = draw(tiles, device, cells, 5, 0).swapaxes(2, 3).reshape(dies, *whole.shape)[:, :high, :wide]
    return (codes[..., 0::2] - codes[..., 1::2]).swapaxes(1, 2).astype(np.float64)


def same_moments(a: NDArray[np.float64], b: NDArray[np.float64], rounding: float = 1.0) -> None:
    """Mean and variance of two samples of one size, within the sampling error of both and `rounding` codes."""
    n = len(a)
    spread = math.sqrt((a.var() + b.var()) / n)
    assert abs(a.mean() - b.mean()) <= SIGMAS * spread + 0.1 * rounding
    fourth = sum(float(((x - x.mean()) ** 4).mean() - x.var() ** 2) for x in (a, b))
    assert abs(a.var() - b.var()) <= SIGMAS * math.sqrt(max(fourth, 0) / n) + rounding


EFFECTS = {
    "normal": (Cells(variation=0.1), FOUR),
    "normal, leaky": (Cells(variation=0.3), LEAKY),
    "lognormal": (Cells(variation=0.3, distribution="lognormal"), LEAKY),
    "headroom": (Cells(variation=0.3), Device(levels=3, code_bits=9)),  # codes 0, 255, 510 of 511
    "stuck": (Cells(stuck_on=0.1, stuck_off=0.2), LEAKY),
    "stuck ends": (Cells(stuck_on=0.5, stuck_off=0.5), LEAKY),
    "all": (Cells(variation=0.1, stuck_on=0.05, stuck_off=0.05, wire=0.01), LEAKY),
}


@pytest.mark.parametrize(("cells", "device"), EFFECTS.values(), ids=EFFECTS)
def test_passes_are_distributed_like_dies(cells: Cells, device: Device) -> None:
    digits, dies = np.resize(np.array(device.weights), (9, 14)), 1500
    made = noise(cells, device)
    trained = np.stack([made(torch.from_numpy(digits).float()).double().numpy() for _ in range(dies)])
    drawn = on_dies(digits, device, cells, dies)
    for output, inputs in ((0, range(14)), (7, range(14)), (8, range(14))):  # every weight, in two column tiles
        for i in inputs:
            same_moments(trained[:, output, i], drawn[:, output, i])


def test_wires_alone_equal_the_die_to_its_rounding() -> None:
    for device in (FOUR, LEAKY):
        digits, cells = weights(9, 14, device), Cells(wire=0.01)
        trained = noise(cells, device)(torch.from_numpy(digits).float()).numpy()
        assert np.abs(trained - on_dies(digits, device, cells, 1)[0]).max() <= 1.01  # two cells, half a code each
        assert np.abs(trained - digits).max() > 100


def test_off_cells_deviate_too_unless_deviations_multiply() -> None:
    zeros = torch.zeros(50, 40)
    assert noise(Cells(variation=0.1))(zeros).std().item() == pytest.approx(
        4095 * 0.1 * math.sqrt(1 - 1 / math.pi), rel=0.1  # two halves of a normal: var (1/2 - 1/(2 pi)) each
    )  # fmt: skip
    assert not noise(Cells(variation=0.5, distribution="lognormal"))(zeros).any()


def test_no_cell_holds_more_than_the_largest_code() -> None:
    for device, top in ((FOUR, 4095), (Device(levels=3, code_bits=9), 511)):
        on = torch.full((50, 40), float(device.weights[-1]))
        assert noise(Cells(variation=0.3), device)(on).max().item() == top


@pytest.mark.parametrize("cells", [c for c, _ in EFFECTS.values()], ids=EFFECTS)
def test_gradients_pass_unchanged(cells: Cells) -> None:
    digits = torch.from_numpy(weights(9, 14, LEAKY)).float().requires_grad_()
    slope = torch.randn(9, 14, generator=torch.Generator().manual_seed(1))
    (noise(cells, LEAKY)(digits) * slope).sum().backward()
    assert digits.grad is not None and torch.equal(digits.grad, slope)


def test_every_pass_is_another_die_and_seeds_fix_them() -> None:
    cells, digits = Cells(variation=0.1, stuck_on=0.01), torch.zeros(5, 6)
    one, same = noise(cells, seed=3), noise(cells, seed=3)
    first, second = one(digits), one(digits)
    assert not torch.equal(first, second)
    assert torch.equal(same(digits), first) and torch.equal(same(digits), second)
    assert not torch.equal(noise(cells, seed=4)(digits), first)


def test_a_stuck_map_is_the_same_in_every_pass_and_knows_plus_from_minus() -> None:
    stuck = torch.full((3, 4, 2), -1, dtype=torch.int8)
    stuck[2, 1, 0] = 3  # + on
    stuck[0, 3, 1] = 1  # -
    stuck[1, 2] = torch.tensor([2, 1])
    stuck[1, 0, 0] = 0  # the + cell that should hold 2730
    digits = torch.zeros(3, 4)
    digits[1, 0] = 2730
    made = noise(Cells(), stuck=stuck)
    expected = torch.zeros(3, 4)
    expected[2, 1], expected[0, 3], expected[1, 2] = 4095, -1365, 2730 - 1365
    for _ in range(3):
        assert torch.equal(made(digits), expected)
    varied = noise(Cells(variation=0.1, stuck_on=0.3, stuck_off=0.3), stuck=stuck)
    held = torch.stack([varied(digits) for _ in range(50)])
    assert (held[:, 1, 2] == 1365).all()  # both cells are stuck: nothing else moves them
    assert (held[:, 2, 1] >= 0).all() and (held[:, 2, 1].std() > 0) and (held[:, 0, 3] >= -1365).all()


def test_a_stuck_map_of_a_convolution_counts_channels_then_rows_then_columns() -> None:
    stuck = torch.full((2, 3 * 2 * 2, 2), -1, dtype=torch.int8)
    stuck[1, 2 * 4 + 1 * 2 + 0, 0] = 3
    held = noise(Cells(), stuck=stuck)(torch.zeros(2, 3, 2, 2))
    assert held[1, 2, 1, 0] == 4095 and held.count_nonzero() == 1


def test_weights_that_are_not_rounded_deviate_as_the_nearest_pair() -> None:
    soft = torch.tensor([[0.2, 600.0, 800.0, -5000.0, 5000.0, math.nan]])
    assert torch.equal(noise(Cells())(soft)[0, :5], soft[0, :5])
    stuck = torch.full((1, 6, 2), -1, dtype=torch.int8)
    stuck[:, :, 0] = 0  # every + cell off: pairs lose what their + cell holds
    lost = soft - noise(Cells(), stuck=stuck)(soft)
    assert lost[0, :5].tolist() == [0, 0, 1365, 0, 4095]
    assert noise(Cells(variation=0.1))(soft)[0, 5].isnan()


def layer(cells: Cells, slices: int = 1, **options: object) -> QuantLayer:
    """Eight inputs to two outputs, all weights 0."""
    grid = Grid.sliced(FOUR.weights, slices, FOUR.levels)
    made = QuantLayer("fc", "input", torch.zeros(2, 8), grid, None, noise=noise(cells), **options)  # type: ignore[arg-type]
    assert made.clip is not None
    with torch.no_grad():
        made.clip.fill_(float(grid.top))  # outputs in codes
    return made


def one_hot(n: int) -> Edge:
    return Edge(torch.eye(8).repeat(n, 1), IntType(8), 1.0)


def test_slices_are_cells_of_their_own() -> None:
    """Variances add up with the squares of the significances; were the slices alike, deviations would."""
    fc, single = layer(Cells(variation=0.1), 2), layer(Cells(variation=0.1))
    many, one = (
        np.concatenate([f(one_hot(1)).value.detach().numpy().ravel() for _ in range(600)]).astype(np.float64)
        for f in (fc, single)
    )
    same_moments(many / math.sqrt(1 + 4**2), one)


def test_evaluation_has_ideal_cells() -> None:
    for options in ({}, {"converters": Converters(ROWS, 12)}):
        fc = layer(Cells(variation=0.1, stuck_on=0.1, read_noise=1.0), **options)
        assert fc(one_hot(1)).value.any()
        assert not fc.eval()(one_hot(1)).value.any()


def test_networks_train_with_noise_and_evaluate_without() -> None:
    made = [
        quantized(arch.mlp((5,), 3), (8,), Grid(FOUR.weights), IntType(4), IntType(4), seed=1, noise=factory)
        for factory in (lambda name, shape: None, lambda name, shape: noise(Cells(variation=0.2, read_noise=1.0)))
    ]
    x = torch.randint(0, 16, (20, 8), generator=torch.Generator().manual_seed(1))
    assert not torch.equal(made[0](x), made[1](x))
    assert torch.equal(made[0].eval()(x), made[1].eval()(x))


@pytest.mark.parametrize("kind", [IntType(8), IntType(4, True), IntType(1)], ids=str)
@pytest.mark.parametrize("slices", [1, 2])
@pytest.mark.parametrize("inputs", [4, 6, 14])  # one array, a full one, three
def test_read_noise_has_the_power_of_its_single_conversions(kind: IntType, slices: int, inputs: int) -> None:
    made, n, grid = noise(Cells(read_noise=0.5)), 20_000, Grid.sliced(FOUR.weights, slices, FOUR.levels)
    total = torch.zeros(n, dtype=torch.float64)
    for s in range(slices):
        for _ in range(-(-inputs // ROWS)):
            for significance in plane_weights(kind).tolist():
                total += made.convert(torch.zeros(n), 1.0).double() * significance * grid.base**s
    at_once = made.read(torch.zeros(n), kind, inputs, grid)
    same_moments(at_once.double().numpy(), total.numpy())
    first = total[0:1].new_zeros(1)
    assert torch.equal(noise(Cells()).read(first, kind, inputs, grid), first)


def test_read_noise_of_a_conversion_is_in_currents_of_an_on_cell() -> None:
    for alpha in (1.0, 0.25):
        read = noise(Cells(read_noise=0.5)).convert(torch.full((20_000,), 7.0), alpha).double()
        sd = 0.5 * 4095 * alpha
        assert read.mean().item() == pytest.approx(7, abs=SIGMAS * sd / math.sqrt(20_000))
        assert read.std().item() == pytest.approx(sd, rel=SIGMAS / math.sqrt(40_000))
    plain = torch.full((3,), 7.0)
    assert torch.equal(noise(Cells(variation=0.1)).convert(plain, 1.0), torch.full((3,), 7.0))


def test_layers_read_with_the_noise_of_all_their_conversions() -> None:
    """A product of zeros, once as one sum, once through converters of fine steps: the same noise."""
    cells = Cells(read_noise=0.01)  # 41 codes: far from the converters' ends
    x = Edge(torch.zeros(4000, 8), IntType(3), 1.0)
    with torch.no_grad():
        plain = layer(cells, 2)(x).value.double().numpy().ravel()
        through = layer(cells, 2, converters=Converters(ROWS, 12, whole=True))(x).value.double().numpy().ravel()
    sd = 0.01 * 4095 * math.sqrt((1 + 4 + 16) * 2 * (1 + 16))
    for found in (plain, through):
        assert found.std() == pytest.approx(sd, rel=SIGMAS / math.sqrt(2 * len(found)) + 1e-3)


BAD_MAPS = [
    (
        torch.zeros(3, 4, dtype=torch.int8),
        "stuck map: layer fc1 needs int8 of shape (3, 4, 2) (outputs, inputs, + and -), got int8 (3, 4); "
        "map every cell of the layer",
    ),
    (
        torch.zeros(3, 4, 2, dtype=torch.int32),
        "stuck map: layer fc1 needs int8 of shape (3, 4, 2) (outputs, inputs, + and -), got int32 (3, 4, 2); "
        "map every cell of the layer",
    ),
    (
        torch.full((3, 4, 2), -2, dtype=torch.int8),
        "stuck map: layer fc1 must hold -1 (healthy) or a level 0..3, got -2..-2; "
        "give the level nearest to what the cell conducts",
    ),
    (
        torch.arange(-1, 23, dtype=torch.int8).reshape(3, 4, 2),
        "stuck map: layer fc1 must hold -1 (healthy) or a level 0..3, got -1..22; "
        "give the level nearest to what the cell conducts",
    ),
]


@pytest.mark.parametrize(("stuck", "message"), BAD_MAPS)
def test_unfit_stuck_maps_are_refused(stuck: Tensor, message: str) -> None:
    with pytest.raises(InputError) as caught:
        check_stuck(stuck, "fc1", (3, 4), FOUR)
    assert str(caught.value) == message


def test_fitting_stuck_maps_are_taken() -> None:
    stuck = torch.tensor([-1, 0, 3, 1], dtype=torch.int8).repeat(6).reshape(2, 6, 2)
    assert check_stuck(stuck, "fc1", (2, 6), FOUR) is stuck
    assert check_stuck(stuck, "conv1", (2, 3, 2, 1), FOUR) is stuck


def test_the_documented_stuck_map_can_be_made_and_trained_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(codesign.__file__).parents[1] / "docs" / "stuck-map.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len([line for line in example.splitlines() if line]) == 5
    monkeypatch.chdir(tmp_path)
    exec(example, {})  # noqa: S102 - the document's own code
    chip = Chip.load("reference-128")
    recipe = Recipe().changed({"network.hidden": (64,), "quantize.stuck_map": "stuck.safetensors"})
    model = build(recipe, recipe.network.layers(10), (784,), chip, torch.Generator().manual_seed(0))
    fc1, fc2 = model.chain
    assert fc1.noise is not None and fc2.noise is not None
    held = fc1.noise(torch.zeros(64, 784))
    assert held[5, 300] == 1 and held.count_nonzero() == 1
    assert fc2.noise(torch.full((10, 64), -1.0))[9, 63] == 0
