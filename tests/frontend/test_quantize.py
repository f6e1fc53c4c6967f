"""Ordinary modules: read by torch.export, calibrated, quantized, or refused in words."""

import functools

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from codesign.chip.description import Activation, Chip
from codesign.compiler import quantize
from codesign.data import digits
from codesign.errors import InputError, UnsupportedError
from codesign.fixed import IntType
from codesign.ir import run, show
from codesign.train.export import export
from codesign.train.loop import fit
from codesign.train.nets.baseline import float_mlp
from codesign.train.nets.quantized import mlp
from codesign.train.recipe import Recipe

DATA = digits()
REFERENCE, TINY = Chip.load("reference-128"), Chip.load("tiny")
REAL = DATA.x_train / 255.0


@functools.cache
def trained() -> nn.Sequential:
    recipe = Recipe().changed({"network.hidden": (64,), "train.epochs": 20, "train.batch": 32})
    made = fit(recipe, DATA, REFERENCE).baseline
    assert isinstance(made, nn.Sequential)
    return made


def accuracy(module: nn.Module, chip: Chip) -> float:
    network = quantize(module, REAL, chip, "digits")
    x = np.clip(np.floor(DATA.x_test / 255.0 / network.step + 0.5), network.input.lo, network.input.hi).astype(np.int64)
    return 100 * float((run(network, x).argmax(1) == DATA.y_test).mean())


@pytest.mark.parametrize(("chip", "floor"), [(REFERENCE, 88.0), (TINY, 93.0)], ids=["2-levels", "4-levels"])
def test_digits_survive(chip: Chip, floor: float) -> None:
    assert accuracy(trained(), chip) >= floor


def test_many_levels_and_bits_follow_the_float_outputs() -> None:
    device = TINY.device.model_copy(update={"levels": 256, "code_bits": 8})
    chip = TINY.model_copy(update={"device": device})
    network = quantize(trained(), REAL, chip, "digits")
    x = DATA.x_test.astype(np.int64)
    assert network.step == pytest.approx(1 / 255)
    with torch.no_grad():
        real = trained()(torch.from_numpy(x / 255.0).float()).numpy()
    y = run(network, x).astype(float)
    unit = (y * real).sum() / (y * y).sum()  # the one free scale
    assert np.abs(y * unit - real).max() < 0.02 * np.abs(real).max()


class Nested(nn.Module):
    def __init__(self, inplace: bool = True) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 9), nn.ReLU(inplace=inplace), nn.Dropout(0.5), nn.Identity()
        )
        self.head = nn.Linear(9, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(functional.dropout(self.body(x.view(x.shape[0], -1)), training=self.training))
        return y


def test_modules_of_any_nesting_are_read_and_left_alone() -> None:
    module = Nested().train()
    network = quantize(module, REAL.reshape(-1, 1, 8, 8), TINY, "net")
    assert module.training
    assert [(n.name, n.source, n.weight.shape) for n in network.nodes] == [
        ("body_1", "input", (64, 9)),
        ("head", "body_1", (9, 4)),
    ]
    assert [str(n.requant.out) for n in network.nodes] == ["u8", "i32"]


def test_layers_without_relu_get_signed_activations() -> None:
    network = quantize(nn.Sequential(nn.Linear(64, 9), nn.Linear(9, 4)), REAL, TINY, "net")
    assert [(n.name, str(n.requant.out)) for n in network.nodes] == [("layer0", "i8"), ("layer1", "i32")]
    assert run(network, DATA.x_test.astype(np.int64)).std() > 0


def test_input_types_follow_the_calibration() -> None:
    module = float_mlp((64, 8, 3))
    assert (quantize(module, REAL * 3, TINY, "n").input, quantize(module, REAL * 3, TINY, "n").step) == (
        IntType(8),
        3 / 255,
    )
    signed = quantize(module, REAL - 0.5, TINY, "n")
    assert (signed.input, signed.step) == (IntType(8, True), 0.5 / 128)
    whole = quantize(module, DATA.x_train, TINY, "n")
    assert (whole.input, whole.step) == (IntType(8), 1.0)


def test_same_inputs_same_network() -> None:
    assert show(quantize(trained(), REAL, TINY, "n")) == show(quantize(trained(), REAL, TINY, "n"))


def test_column_means_are_kept() -> None:
    module = float_mlp((64, 8, 3), seed=2)
    network = quantize(module, DATA.x_train, REFERENCE, "n")  # integers: the input adds no error
    with torch.no_grad():
        real = module.get_submodule("fc1")(torch.from_numpy(DATA.x_train).float()).numpy().mean(0)
    first = network.nodes[0]
    q = first.requant
    acc = DATA.x_train.astype(np.int64) @ first.weight
    step = real / ((acc * q.mult + q.bias).mean(0) / 2**q.shift)  # real value of one activation step, by column
    assert step == pytest.approx(np.full(8, step.mean()), rel=1e-3)


class Branch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(64, 64), nn.Linear(64, 64)

    def forward(self, x: Tensor) -> Tensor:
        self.a(x)
        y: Tensor = self.b(x)
        return y


class Conditional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.a(x) if x.sum() > 0 else self.a(-x)
        return y


class Mixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(128, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.a(x.reshape(-1, 128))
        return y


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            nn.Sequential(nn.Linear(64, 5), nn.Sigmoid(), nn.Linear(5, 3)),
            r"module 1: sigmoid is refused, chips have ReLU-like activations only; use nn\.ReLU",
        ),
        (nn.Sequential(nn.Sequential(nn.Linear(64, 5), nn.GELU()), nn.Linear(5, 3)), r"module 0\.1: gelu is refused"),
        (
            nn.Sequential(nn.Linear(64, 5), nn.ReLU()),
            r"model: must end in a linear layer, got a relu",
        ),
        (nn.Flatten(), r"model: must end in a linear layer, got no linear layer"),
        (Mixer(), r"mixes images, 2 of them became shape \(1, 128\); keep images on the first axis"),
        (Conditional(), r"model Conditional .*: torch\.export cannot read it"),
    ],
    ids=["sigmoid", "nested", "relu-last", "no-linear", "mixer", "if"],
)
def test_everything_else_is_refused_by_name(module: nn.Module, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnsupportedError, match=message) as caught:
        quantize(module, REAL, TINY, "net")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")  # torch keeps its pages of text to itself


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        (np.full((3, 64), np.nan), r"calibration: image 0 value 0 is nan; remove NaN and infinity"),
        (np.zeros((3, 64)), r"calibration: every value is 0, so no input scale can be chosen"),
        (np.zeros((0, 64)), r"calibration: must be numbers of shape \(images, \.\.\.\), got float64 \(0, 64\)"),
        (np.ones(64), r"calibration: must be numbers of shape"),
        (
            np.full((3, 64), 256),
            r"calibration: integers must lie in 0\.\.255 \(u8 of chip tiny\), got 256\.\.256; shift",
        ),
        (
            np.ones((3, 63)),
            r"calibration: model Sequential does not take inputs of shape \(images, 63\): mat1 and mat2 shapes",
        ),
    ],
)
def test_calibration_is_checked(calibration: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        quantize(float_mlp((64, 3)), calibration, TINY, "net")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_non_finite_weights_are_refused(bad: float) -> None:
    module = float_mlp((64, 5, 3))
    with torch.no_grad():
        next(module.get_submodule("fc2").parameters())[0, 1] = bad
    with pytest.raises(
        InputError, match=r"module fc2: 1 of 15 weights are NaN or infinite; train again or load good weights"
    ):
        quantize(module, REAL, TINY, "net")


def test_to_network_takes_quantized_models_as_they_are() -> None:
    model = mlp((64, 5, 3), TINY.device.weights, IntType(4), IntType(8), seed=2)
    assert show(quantize(model, REAL, TINY, "n")) == show(export(model, "n"))
    assert show(quantize(trained(), REAL, TINY, "n")) == show(quantize(trained(), REAL, TINY, "n"))
    with pytest.raises(
        InputError, match=r"trained for weights \[-3, .*3\], chip reference-128 holds \[-1, 0, 1\]; train for this"
    ):
        quantize(model, REAL, REFERENCE, "n")
    narrow = TINY.model_copy(update={"activation": Activation(bits=4)})
    with pytest.raises(InputError, match=r"model: has 8-bit activations, chip tiny takes 4; train with fewer bits"):
        quantize(model, REAL, narrow, "n")


def test_threads_do_not_change_the_network() -> None:
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(show(quantize(float_mlp((64, 700, 90, 10), seed=3), REAL, REFERENCE, "n")))
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1] == found[2]
