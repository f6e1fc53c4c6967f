"""Random networks of every supported operation: the graph computes what the module computes."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from codesign.frontend.graph import Matrix
from tests.frontend.nets import drawn, expected, lively, same

SEEDS = range(24)
pytestmark = pytest.mark.xdist_group("trace")  # the last test counts what the others used
USED: Counter[str] = Counter()  # operations of all networks; rows say which


class Apply(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Around(nn.Module):
    """A body and a path around it."""

    def __init__(self, body: nn.Module, function) -> None:
        super().__init__()
        self.body, self.function = body, function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.body(x), x)


def activation(rng: np.random.Generator) -> nn.Module:
    lo, hi = -float(rng.uniform(0.2, 2)), float(rng.uniform(0.2, 2))
    return [
        nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.Hardtanh(lo, hi), Apply(lambda y: y.clamp(min=lo)),
        Apply(lambda y: y.clamp(max=hi)), Apply(lambda y: functional.relu(y).clamp(max=1.5)),
    ][rng.integers(7)]  # fmt: skip


def affine(rng: np.random.Generator, channels: int, dims: int) -> nn.Module:
    c = torch.from_numpy(rng.normal(size=(channels, *(1,) * dims)) + 0.2).float()
    k = float(rng.uniform(0.5, 2))
    norm = nn.BatchNorm2d if dims == 2 else nn.BatchNorm1d
    return [
        norm(channels), norm(channels), norm(channels, affine=False), Apply(lambda y: (y - c) / k),
        Apply(lambda y: k - y * c), Apply(lambda y: -y + k), Apply(lambda y: y.mul(c).add_(c)), Apply(lambda y: k * y),
    ][rng.integers(8)]  # fmt: skip


def around(rng: np.random.Generator, body: nn.Module) -> nn.Module:
    k = float(rng.normal())
    return Around(body, [lambda y, x: y + x, lambda y, x: x - y, lambda y, x: y.add_(x, alpha=k)][rng.integers(3)])


def network(rng: np.random.Generator) -> tuple[nn.Module, tuple[int, ...]]:
    """A network of three parts, and the shape of its inputs: an image or a signal, features, scores."""
    dims = int(rng.integers(1, 3))
    conv, largest, mean = ((nn.Conv1d, nn.MaxPool1d, nn.AvgPool1d), (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d))[dims - 1]
    channels = int(rng.choice([2, 4]))
    shape, parts = (channels, *(12,) * dims), []
    if rng.random() < 0.5:
        parts.append(affine(rng, channels, dims))
    for _ in range(rng.integers(1, 4)):
        padding, groups, made = int(rng.integers(2)), int(rng.choice([1, 2])), int(rng.choice([2, 4]))
        parts.append(conv(channels, made, 3, padding=padding, groups=groups, bias=bool(rng.integers(2))))
        channels = made
        for _ in range(rng.integers(3)):
            parts.append(activation(rng) if rng.random() < 0.5 else affine(rng, channels, dims))
        if rng.random() < 0.3:
            parts.append((largest, mean)[rng.integers(2)](2))
        if rng.random() < 0.3:
            body = [conv(channels, channels, 3, padding=1), affine(rng, channels, dims), activation(rng)]
            first = [affine(rng, channels, dims), activation(rng)] if rng.random() < 0.5 else []
            parts.append(around(rng, nn.Sequential(*first, *body[: rng.integers(1, 4)])))
        for _ in range(rng.integers(2)):
            parts.append(activation(rng) if rng.random() < 0.5 else affine(rng, channels, dims))
    parts += [nn.Dropout(), nn.Flatten()]
    features = nn.Sequential(*parts)(torch.zeros(2, *shape)).shape[1]
    if rng.random() < 0.5:
        parts.append(affine(rng, features, 0))
    for _ in range(rng.integers(3)):
        made = int(rng.integers(3, 7))
        parts += [nn.Linear(features, made), affine(rng, made, 0), activation(rng)]
        if rng.random() < 0.5:
            parts += [affine(rng, made, 0), around(rng, nn.Sequential(nn.Linear(made, made), activation(rng)))]
        features = made
    return nn.Sequential(*parts, nn.Linear(features, 3)), shape


def drawn_net(seed: int) -> tuple[nn.Module, tuple[int, ...]] | None:
    """A random network; None if an output never changes."""
    torch.manual_seed(seed)
    net, shape = network(np.random.default_rng(seed))
    lively(net, seed)
    return (net, shape) if expected(net, drawn(16, *shape, seed=2)).std(0).min() > 0 else None


@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks(seed: int) -> None:
    net, shape = next(found for k in range(20) if (found := drawn_net(seed + 1000 * k)) is not None)
    graph = same(net, *shape)
    USED.update({f"{r.operation} {r.verdict}" for r in graph.rows})
    USED.update(str(type(op).__name__) for op in graph.ops)
    USED.update(f"{op.name.rpartition('_')[2]} layer" for op in graph.ops if isinstance(op, Matrix))
    USED["offset"] += bool(graph.offset)


def test_the_random_networks_are_interesting() -> None:
    """After the others: they used every operation and every way to fold."""
    if USED["Matrix"] < len(SEEDS):
        pytest.skip("the networks above did not all run in this process")
    wanted = ["Pool", "Sum", "offset", "scale layer", "batch_norm folded into", "relu dropped", "relu folded into"]
    assert all(USED[w] >= 3 for w in [*wanted, "sub mapped to", "add mapped to", "conv1d mapped to", "mul folded into"])
