"""What no chip has is refused in words: all of it at once, each with its place and what to do."""

import re
import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from codesign.errors import InputError, UnsupportedError
from codesign.frontend import build
from codesign.frontend.graph import Matrix
from codesign.frontend.trace import trace
from tests.frontend.nets import drawn, lively


def refusal(module: nn.Module, *shape: int, kind: type[Exception] = UnsupportedError) -> list[str]:
    with pytest.raises(kind) as caught:
        trace(module, drawn(2, *shape))
    return str(caught.value).splitlines()


class Many(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3), nn.GELU(), nn.Conv2d(6, 6, 3, dilation=2), nn.ReLU())
        self.norm, self.fc = nn.GroupNorm(2, 6), nn.Linear(6 * 9, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.features(x)).softmax(1)
        x = torch.cat([x, x], 1)[:, :6]
        return self.fc(x.flatten(1))


def test_all_refusals_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    lines = [re.sub(r"line test_trace_refused\.py:\d+", "line L", text) for text in refusal(Many(), 3, 9, 9)]
    relu = "chips have ReLU-like activations only; use nn.ReLU or nn.ReLU6 and train again"
    assert lines == [
        "model Many: 6 of 10 operations cannot be mapped:",
        f"module features.1 (line L): gelu is refused, {relu}",
        "module features.2 (line L): conv2d is refused, dilation is not supported; use dilation=1, or a larger kernel",
        "module norm (line L): group_norm is refused, its statistics change with every image; use nn.BatchNorm2d or "
        "nn.BatchNorm1d and train again",
        "module (top), softmax (line L): softmax is refused, it is only possible at the end of the model; remove "
        "it, or return it",
        "module (top), cat (line L): cat is refused, chips add edges and cannot join them; use a sum, or one "
        "wider layer",
        "module (top), slice_1 (line L): slice is refused, it reads a part of the values; use a layer with fewer "
        "outputs, or read all",
    ]
    assert capfd.readouterr() == ("", "")


class Apply(nn.Module):
    """A function between two layers."""

    def __init__(self, function, first: nn.Module, last: nn.Module) -> None:
        super().__init__()
        self.function, self.first, self.last = function, first, last

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.function(self.first(x)))


def on_features(function) -> tuple[nn.Module, tuple[int, ...]]:
    return Apply(function, nn.Linear(12, 8), nn.LazyLinear(3)), (12,)


def on_images(function) -> tuple[nn.Module, tuple[int, ...]]:
    return Apply(function, nn.Conv2d(2, 4, 3), nn.Sequential(nn.Flatten(), nn.LazyLinear(3))), (2, 8, 8)


RELUS = r"chips have ReLU-like activations only; use nn\.ReLU or nn\.ReLU6 and train again"
PRODUCT = "it multiplies two values, chips multiply by fixed weights; use linear layers, convolutions and sums"
GRID = torch.arange(36.0).view(6, 6)
CASES = {
    "silu": (on_features(functional.silu), rf"silu is refused, {RELUS}"),
    "tanh": (on_features(torch.tanh), rf"tanh is refused, {RELUS}"),
    "leaky_relu": (on_features(functional.leaky_relu), rf"leaky_relu is refused, {RELUS}"),
    "sigmoid": (on_features(torch.sigmoid), "ReLU-like activations only; use nn.ReLU and train again; at the end of a"),
    "threshold": (on_features(lambda y: functional.threshold(y, 1, 0)), r"threshold is refused, it jumps from 0 to 1;"),
    "empty clamp": (on_features(lambda y: y.clamp(2, 1)), r"its limits are 2 and 1; give a lower limit below the uppe"),
    "constant": (on_features(lambda y: y.relu().clamp(max=0)), "its output is always 0 behind ReLU; check the limits"),
    "tensor clamp": (on_features(lambda y: y.clamp(min=torch.arange(8.0))), "its limit differs from value to value; c"),
    "layer_norm": (on_features(lambda y: functional.layer_norm(y, (8,))), r"layer_norm is refused, its statistics cha"),
    "instance_norm": (on_images(nn.InstanceNorm2d(4)), r"module function \(line .*\): instance_norm is refused, its s"),
    "batch": (on_images(nn.BatchNorm2d(4, track_running_stats=False)), "batch_norm is refused, it uses the statistics"),
    "mul": (on_features(lambda y: y * y.relu()), rf"mul is refused, {PRODUCT}"),
    "div": (on_features(lambda y: 1 / (y.relu() + 1)), "reciprocal is refused, it is not linear; use nn.ReLU|div is r"),
    "matmul": (on_features(lambda y: y @ (y.T @ y)), r"matmul is refused|t is refused"),
    "bmm": (on_features(lambda y: torch.bmm(y[:, None], y[:, :, None])[:, 0]), rf"bmm is refused, {PRODUCT}"),
    "einsum": (on_features(lambda y: torch.einsum("nf,nf->nf", y, y)), "einsum is refused, it multiplies two values"),
    "pow": (on_features(lambda y: y**2), "pow is refused, it is not linear; use nn.ReLU or nn.ReLU6 as the activation"),
    "where": (on_features(lambda y: torch.where(y > 0, y, 0.0)), "chips cannot choose by comparison; use relu or clam"),
    "random": (on_features(lambda y: y + torch.rand_like(y)), "rand_like is refused, its values are random; leave ran"),
    "noise": (on_features(lambda y: y + torch.rand(8)), "rand is refused, its values are random; leave randomness to"),
    "dropout": (on_features(lambda y: functional.dropout(y, 0.5)), r"stays on in eval mode; pass training=self.traini"),
    "flip": (on_features(lambda y: y.flip(1)), "flip is refused, it reorders values; prepare the inputs in the order"),
    "chunk": (on_features(lambda y: y.chunk(2, 1)[0]), "chunk is refused, it reads a part of the values; use a layer "),
    "double": (on_features(lambda y: y.double().float()), "to is refused, it converts float32 to float64; keep values"),
    "mixer": (on_features(lambda y: y.reshape(-1, 16)), r"it mixes images, 2 of them became shape \(1, 16\); keep ima"),
    "batch mean": (on_features(lambda y: y - y.mean(0)), r"it mixes images, 2 of them became shape \(8,\); keep image"),
    "each image": (on_features(lambda y: y + torch.ones(2, 1)), r"constant of shape \(2, 1\) differs from image to im"),
    "inside": (on_features(lambda y: y.softmax(1)), "softmax is refused, it is only possible at the end of the model;"),
    "unknown": (on_features(lambda y: torch.special.i0(y)), "i0 is refused, the compiler does not know it; use linear"),
    "view": (on_features(lambda y: y[:, :4].relu_().sum() * 0 + y), "select|slice"),
    "transpose": (on_images(lambda y: y.transpose(1, 2)), "transpose is refused, it reorders values; prepare the inpu"),
    "upsample": (on_images(lambda y: functional.interpolate(y, scale_factor=2)), "chips do not enlarge images; classi"),
    "transposed": (on_images(nn.ConvTranspose2d(4, 4, 2)), "conv_transpose2d is refused, chips do not enlarge images"),
    "reflect": (on_images(nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect")), r"pad is refused, only zeros that a"),
    "even": (on_images(nn.Conv2d(4, 4, 2, padding="same")), "padding='same' of an even kernel, 2 wide, differs from"),
    "padded max": (on_images(nn.MaxPool2d(3, 2, 1)), "padded max pooling is not supported; use padding=0, or pad in t"),
    "padded mean": (on_images(nn.AvgPool2d(3, 2, 1)), "padded average pooling is not supported; use padding=0"),
    "ceil": (on_images(nn.MaxPool2d(4, 4, ceil_mode=True)), "ceil_mode=True adds a window that leaves the image; use "),
    "dilated": (on_images(nn.MaxPool2d(2, dilation=2)), "max_pool2d is refused, dilation is not supported; use dilati"),
    "adaptive": (on_images(nn.AdaptiveAvgPool2d(4)), "images of 6x6 do not divide into 4x4 equal windows; choose a si"),
    "channels": (on_images(lambda y: y.mean(1, keepdim=True)), "it runs over the channels; use a linear layer or a co"),
    "all": (on_images(lambda y: y + y.mean()), "mean is refused"),
    "squeeze": (on_images(lambda y: y * y.mean((2, 3), keepdim=True)), rf"mul is refused, {PRODUCT}"),
    "broadcast": (on_images(lambda y: y + y.mean((2, 3), keepdim=True)), r"it adds values of shapes \(4, 6, 6\) and "),
    "reshape": (on_images(lambda y: functional.max_pool2d(y.view(-1, 9, 4, 4), 2)), "was reshaped to .*; keep the sha"),
    "pixels": (on_images(lambda y: (y.relu() * GRID).sum((2, 3))), "scaled or moved pixel by pixel; keep one"),
    "linear": (on_images(nn.LazyLinear(4)), r"it reads \(images, 4, 6, 6\), not .*; flatten first"),
    "flat norm": (
        on_images(nn.Sequential(nn.Flatten(), lively(nn.BatchNorm1d(144)), nn.ReLU())),
        "scaled or moved pixel by pixel; put the batch norm before flatten, as BatchNorm2d",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_refusal_is_one_line(case: str, capfd: pytest.CaptureFixture[str]) -> None:
    (module, shape), words = CASES[case]
    module.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's about even kernels
        module(drawn(2, *shape))  # sizes of lazy layers
    torch.manual_seed(0)
    lines = refusal(module, *shape)
    assert len(lines) == 1 or case in ("where", "matmul", "div", "bmm", "view"), lines
    assert any(re.search(words, line) for line in lines), lines
    assert capfd.readouterr() == ("", "")


def test_modules_refused_as_one() -> None:
    class Sequence(nn.Module):
        def __init__(self, part: nn.Module) -> None:
            super().__init__()
            self.part, self.fc = part, nn.Linear(32, 3)

        def forward(self, x: Tensor) -> Tensor:
            y = self.part(x, x, x) if isinstance(self.part, nn.MultiheadAttention) else self.part(x)
            return self.fc(y[0].flatten(1))

    for part, words in (
        (
            nn.LSTM(8, 8, batch_first=True),
            "lstm is refused, chips keep no state between steps; use Conv1d over the seq",
        ),
        (nn.GRU(8, 8, batch_first=True), "gru is refused, chips keep no state between steps"),
        (nn.MultiheadAttention(8, 2, batch_first=True), f"attention is refused, {PRODUCT}"),
    ):
        (line,) = refusal(Sequence(part), 4, 8)
        assert re.match(rf"module part \(line test_trace_refused\.py:\d+\): {words}", line), line


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (
            nn.Sequential(nn.Linear(12, 5), nn.ReLU()),
            "model: must end in a linear layer, got a relu; the chip leaves raw",
        ),
        (
            nn.Sequential(nn.Linear(12, 5), nn.ReLU6()),
            "model: must end in a linear layer, got a clamp; the chip leaves",
        ),
        (nn.Flatten(), "model: must end in a linear layer, got no linear layer; the chip leaves raw accumulators"),
        (
            nn.Sequential(nn.ReLU(), nn.Linear(12, 5)),
            "module 0: relu is refused, it must follow a layer, it reads the mo",
        ),
        (
            nn.Sequential(nn.Linear(12, 5), nn.Softmax(0)),
            "module 1: softmax is refused, it runs over the images; use dim",
        ),
        (
            nn.Sequential(nn.Linear(12, 5), nn.Unflatten(1, (5, 1))),
            r"model: outputs have the shape \(images, 5, 1\), not",
        ),
    ],
)
def test_ends(module: nn.Module, words: str) -> None:
    (line,) = refusal(module, 12)
    assert re.match(words, line), line


def test_inputs_of_too_many_axes() -> None:
    assert refusal(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), 2, 2, 2, 2) == [
        "calibration: inputs have the shape (images, 2, 2, 2, 2); give features, (channels, length) or (channels, "
        "height, width)"
    ]


def test_different_results() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(12, 8), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            y = self.a(x).relu()
            return {"scores": self.b(y), "features": y}

    assert refusal(Two(), 12) == ["model: returns different results (scores, features); return the scores alone"]


class Conditional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x) if x.sum() > 0 else self.a(-x)


class Shapes(Conditional):
    def forward(self, x: Tensor) -> Tensor:
        return self.a(x)[x[:, 0] > -100]


def test_control_flow_and_shapes_that_depend_on_values(capfd: pytest.CaptureFixture[str]) -> None:
    (line,) = refusal(Conditional(), 12)
    assert re.match(
        r"model Conditional \(line test_trace_refused\.py:\d+\): torch\.export cannot read it \(.*\); remove", line
    )
    lines = refusal(Shapes(), 12)
    assert re.search("index is refused, chips cannot choose by comparison; use relu or clamp", lines[-1]), lines
    assert capfd.readouterr() == ("", "")


def test_bad_numbers(capfd: pytest.CaptureFixture[str]) -> None:
    def net(change) -> nn.Module:
        made = lively(nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)))
        with torch.no_grad():
            change(made)
        return made

    def put(part: int, name: str, value: float):
        return net(lambda made: getattr(made[part], name).view(-1)[0:1].fill_(value))

    nan, big = float("nan"), 3e38
    for made, words in (
        (put(2, "weight", nan), "module 2: 1 of 24 weights are NaN or infinite; train again or load good weights"),
        (put(2, "bias", float("inf")), "module 2: 1 of 3 biases are NaN or infinite; train again or load good weights"),
        (put(1, "running_mean", nan), "module 1: 1 of 8 means are NaN or infinite; train again or load good weights"),
        (put(1, "running_var", -1.0), "module 1: 1 of 8 variances are not above 0; train again"),
    ):
        assert refusal(made, 12, kind=InputError) == [words]
    (line,) = refusal(net(lambda made: made[0].weight.fill_(big)), 12, kind=InputError)
    assert re.match(r"calibration: layer layer0: reaches \d\S+e\+\d+, float32 ends at 3\.4e\+38; rescale it", line)
    (line,) = refusal(nn.Linear(13, 3), 12, kind=InputError)
    assert re.match(r"calibration: model Linear does not take inputs of shape \(images, 12\): mat1 and mat2", line)
    assert capfd.readouterr() == ("", "")


def test_a_fault_of_ours_cannot_stay_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong layer is named; nothing is returned."""
    net = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3))

    def wrong(name: str, path: str, source: str, weight: np.ndarray, *rest: object) -> object:
        return Matrix(name, path, source, weight * (1.001 if name == "layer2" else 1), *rest)

    assert len(trace(net, drawn(2, 12)).ops) == 3
    monkeypatch.setattr(build, "Matrix", wrong)
    (line,) = refusal(net, 12)
    assert re.match(r"module 3: a fault in codesign changes its values by 0\.00\d+ of the largest, so the model", line)
