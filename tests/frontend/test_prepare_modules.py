"""Modules as people write them, through prepare and their own loop, to networks and programs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

import codesign
from codesign.errors import UnsupportedError
from codesign.frontend.graph import Matrix
from codesign.frontend.moments import tamed
from codesign.ir import run
from codesign.ir.geometry import Window
from codesign.ir.real import to_integers, to_reals
from tests.frontend.nets import drawn, lively
from tests.frontend.small_graphs import TINY

torch.set_num_threads(1)


class Normed(nn.Module):
    """Normalises inside, in functional style; a dict of log-probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.bn, self.b = nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"out": functional.log_softmax(self.b(functional.relu6(self.bn(self.a((x - 0.3) / 0.2)))), dim=1)}


class Skip(nn.Module):
    """A residual perceptron that returns a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(16, 8), nn.Linear(8, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        h = functional.relu(self.a(x))
        return (self.c(functional.relu(h + self.b(h))),)


class Residual(nn.Module):
    """Batch norm, a residual sum, max and global average pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(1, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.c2, self.b2 = nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.s, self.fc = nn.Conv2d(6, 6, 1), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.b1(self.c1(x)))
        x = functional.max_pool2d(functional.relu(self.b2(self.c2(x)) + x), 2)
        return self.fc(functional.adaptive_avg_pool2d(functional.hardtanh(self.s(x)), 1).flatten(1))


def narrow(*parts: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(16, 8), *parts, nn.Linear(8, 4))


PERCEPTRONS: dict[str, Callable[[], nn.Module]] = {
    "norm before, between and after": lambda: nn.Sequential(
        nn.BatchNorm1d(16), *narrow(nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2)), nn.BatchNorm1d(4)
    ),
    "norm behind the activation": lambda: narrow(nn.ReLU(), nn.BatchNorm1d(8)),
    "hardtanh": lambda: narrow(nn.Hardtanh()),
    "normalised": Normed,
    "weight norm": lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(16, 8)), nn.ReLU(), nn.Linear(8, 4)),
    "bfloat16": lambda: narrow(nn.ReLU6()).bfloat16(),
}
OTHERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "skip": (Skip, (16,)),
    "residual": (Residual, (1, 6, 6)),
    "depthwise": (
        lambda: nn.Sequential(
            *(nn.Conv2d(1, 6, 3), nn.ReLU6(), nn.Conv2d(6, 6, 3, groups=6), nn.BatchNorm2d(6), nn.ReLU6()),
            *(nn.Conv2d(6, 6, 1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(6, 4)),
        ),
        (1, 6, 6),
    ),
    "conv1d": (
        lambda: nn.Sequential(
            *(nn.Conv1d(1, 6, 5, stride=2, padding=2), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(2)),
            *(nn.Conv1d(6, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4)),
        ),
        (1, 16),
    ),
}


def scores_of(output: Any) -> Tensor:
    inner: Tensor = output["out"] if isinstance(output, dict) else output[0] if isinstance(output, tuple) else output
    return inner


def prepared(module: nn.Module, shape: tuple[int, ...]) -> Any:
    """Prepared, and trained a few steps in a loop of the user's own."""
    x, labels = drawn(64, *shape), torch.arange(64) % 4
    made = codesign.train.prepare(lively(module), TINY, x)
    assert type(made(x)) is type(module.eval()(x.to(next(module.parameters()).dtype)))
    optimizer = torch.optim.RMSprop(made.parameters(), 1e-3)
    for _ in range(3):
        loss = functional.cross_entropy(scores_of(made(x)), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return made.eval()


@pytest.mark.parametrize("name", PERCEPTRONS)
def test_perceptrons_reach_the_chip(name: str) -> None:
    made, x = prepared(PERCEPTRONS[name](), (16,)), drawn(40, 16, seed=5).double()
    program = codesign.compile(made, None, TINY)
    y = run(program.network, to_integers(program.network, x.numpy()))
    assert (to_reals(program.network, y) == made.scores(x).numpy()).all() and len(np.unique(y)) > 6
    assert program.predict(x.numpy()).shape == (40, 4)


@pytest.mark.parametrize("name", OTHERS)
def test_all_others_become_integer_networks(name: str) -> None:
    build, shape = OTHERS[name]
    made, x = prepared(build(), shape), drawn(40, *shape, seed=5).double()
    network = codesign.quantize(made, None, TINY)
    y = run(network, to_integers(network, x.numpy()))
    assert (to_reals(network, y) == made.scores(x).numpy()).all() and len(np.unique(y)) > 6


def test_what_trace_refuses_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="gelu"):
        codesign.train.prepare(nn.Sequential(nn.Linear(16, 8), nn.GELU(), nn.Linear(8, 4)), TINY, drawn(20, 16))


def test_batch_norm_of_pixels_that_are_black_throughout_does_not_set_the_scale() -> None:
    torch.manual_seed(4)
    x = drawn(200, 16)
    x[:, [2, 9, 11]] = 0
    norm = nn.BatchNorm1d(16)
    module = nn.Sequential(norm, nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))
    with torch.no_grad():
        for _ in range(200):
            module(x)
    assert norm.running_var is not None
    gain = torch.rsqrt(norm.running_var + norm.eps)
    assert gain.max() > 50 * gain.median()
    layer = codesign.train.prepare(module.eval(), TINY, x).net.chain[0]
    codes = layer.cells().detach().numpy()
    varies = np.delete(codes, [2, 9, 11], axis=1)
    assert (varies != 0).mean() > 0.5 and (np.abs(varies) == np.abs(codes).max()).any()


@pytest.mark.parametrize("groups", [1, 2])
def test_only_weights_of_still_channels_are_limited(groups: int) -> None:
    rng = np.random.default_rng(groups)
    x = rng.normal(size=(50, 4, 6, 6))
    x[:, 1] = 0.3
    weight = rng.normal(size=(6, 4 // groups, 3, 3))
    loud = np.zeros(weight.shape, bool)
    loud[: 6 // groups, 1] = True  # the outputs that read channel 1
    op = Matrix("a", "a", "input", np.where(loud, 300 * weight, weight), np.zeros(6), Window.square(3), groups)
    made = tamed(op, x)
    assert (made[~loud] == weight[~loud]).all()
    largest = np.abs(made).reshape(6, -1).max(axis=1)
    assert (np.abs(made[loud]) <= 1.5 * np.abs(weight).max()).all() and (largest > 1).any()


@pytest.mark.parametrize("gain", [1.0, 0.0])
def test_batch_norm_of_inputs_that_are_constant_trains_from_where_it_starts(gain: float) -> None:
    """What limiting their weights moves is a mean, which training takes from the batch."""
    torch.manual_seed(4)
    x = drawn(200, 16)
    x[:, [2, 9, 11]] = 1.0
    module = nn.Sequential(nn.BatchNorm1d(16), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))
    with torch.no_grad():
        for _ in range(200):
            module(x)
        module[2].weight[0] = gain  # type: ignore[operator, index]
    made = codesign.train.prepare(module.eval(), TINY, x)
    with torch.no_grad():
        integers, batch = made.eval()(x), made.train()(x)
    assert integers.isfinite().all()
    assert np.corrcoef(integers.numpy().ravel(), batch.numpy().ravel())[0, 1] > 0.9


@pytest.mark.parametrize("norm", [False, True])
def test_units_that_are_dead_do_not_set_the_scale(norm: bool) -> None:
    torch.manual_seed(5)
    x = drawn(100, 16).abs()
    parts = [nn.Linear(16, 8), *([nn.BatchNorm1d(8)] if norm else []), nn.ReLU(), nn.Linear(8, 4)]
    module = nn.Sequential(*parts).eval()
    with torch.no_grad():
        module[0].weight[[2, 5]] = -30.0  # type: ignore[operator, index]
    made = codesign.train.prepare(module, TINY, x).eval()
    codes = np.delete(made.net.chain[0].cells().detach().numpy(), [2, 5], axis=0)
    assert (codes != 0).mean() > 0.5
    with torch.no_grad():
        exact, found = module(x).numpy(), made(x).numpy()
    assert np.corrcoef(exact.ravel(), found.ravel())[0, 1] > 0.9
