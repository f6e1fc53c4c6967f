"""Convolutional networks become graphs that compute the same: normalisation, pooling, residual sums, signals."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from codesign.frontend.graph import Clamp, Graph, Matrix, Pool
from codesign.ir.geometry import Window
from tests.frontend.nets import lively, same


def kinds(graph: Graph) -> list[str]:
    return [str(op).partition("(")[2][:-1] for op in graph.ops]


class Normalised(nn.Module):
    """An image network that normalises its inputs itself."""

    def __init__(self, body: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.body = body
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, x: Tensor) -> Tensor:
        return self.body((x - self.mean) / self.std)


def cnn(padding: int = 1) -> nn.Sequential:
    torch.manual_seed(0)
    return lively(
        nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=padding), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(),
            nn.Conv2d(6, 8, 3, padding=1, groups=2, bias=False), nn.BatchNorm2d(8), nn.ReLU6(inplace=True),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
        )
    )  # fmt: skip


MEAN, STD = torch.tensor([0.5, -0.25, 0.1]).view(3, 1, 1), torch.tensor([0.5, 2.0, 0.3]).view(1, 3, 1, 1)


def test_a_cnn_with_batch_norm_and_global_pooling() -> None:
    graph = same(cnn(), 3, 8, 8)
    assert kinds(graph) == [
        "layer0: matrix(input)",
        "layer3: pool(layer0)",
        "layer5: matrix(layer3)",
        "layer8: pool(layer5)",
        "layer10: matrix(layer8)",
    ]
    first, _, second, mean, _ = graph.ops
    assert isinstance(first, Matrix) and isinstance(second, Matrix) and first.norm and second.norm
    assert (first.act, second.act, second.groups) == (Clamp(), Clamp(0, 6), 2)
    assert isinstance(mean, Pool) and mean.window == Window((4, 4), (4, 4)) and not mean.largest
    assert graph.offset == () and graph.shape == (3, 8, 8)


@pytest.mark.parametrize("mean", [MEAN, torch.tensor(0.5)], ids=["channels", "one"])
def test_a_padded_first_layer_leaves_the_offset_to_the_program(mean: Tensor) -> None:
    graph = same(Normalised(cnn(), mean, STD), 3, 8, 8)
    np.testing.assert_allclose(graph.offset, mean.double().numpy().ravel(), rtol=1e-12)
    assert [r.what for r in graph.rows[:2]] == ["the offset of the inputs, body_0"] * 2


def test_an_offset_folds_into_a_first_layer_without_padding() -> None:
    graph = same(Normalised(cnn(padding=0), MEAN, STD), 3, 8, 8)
    assert graph.offset == () and [r.what for r in graph.rows[:2]] == ["body_0"] * 2


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 8, 8)], ids=["pixels", "rows"])
def test_a_mean_image(shape: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    graph = same(Normalised(cnn(), torch.randn(*shape), STD), 3, 8, 8)
    assert len(graph.offset) == 3 * 64
    assert (
        same(Normalised(nn.Sequential(nn.Flatten(), nn.Linear(192, 5)), torch.randn(*shape), STD), 3, 8, 8).offset == ()
    )


def test_batch_norm_at_the_input() -> None:
    graph = same(lively(nn.Sequential(nn.BatchNorm2d(3), *cnn())), 3, 8, 8)
    assert len(graph.offset) == 3


class TwoReaders(nn.Module):
    """The input is read by two branches, one padded and one not, and added once more."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.a, self.b, self.c = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 3, padding=1), nn.Linear(192, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - MEAN) / STD
        return self.c((self.a(x).relu() + self.b(x) + x * 2).relu().flatten(1))


def test_all_readers_of_the_input_see_its_offset() -> None:
    assert len(same(TwoReaders(), 3, 8, 8).offset) == 3


def block(stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(6, 6, 3, stride, 1, groups=groups, bias=False), nn.BatchNorm2d(6), nn.ReLU(inplace=True),
        nn.Conv2d(6, 6, 3, 1, 1, bias=False), nn.BatchNorm2d(6),
    )  # fmt: skip


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.stem, self.n = nn.Conv2d(3, 6, 3, padding="same", bias=False), nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.r1, self.r2 = block(), block(2, 6)
        self.down = nn.Sequential(nn.Conv2d(6, 6, 1, 2, bias=False), nn.BatchNorm2d(6))
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.n(self.stem(x)))
        y = self.r1(x)
        y += x
        x = self.relu(y)
        y = self.relu(self.r2(x) + self.down(x))
        return self.fc(functional.adaptive_avg_pool2d(y, (1, 1)).squeeze(-1).squeeze(-1))


def test_a_residual_cnn() -> None:
    graph = same(lively(Residual()), 3, 8, 8)
    assert kinds(graph) == [
        "stem: matrix(input)",
        "r1_0: matrix(stem)",
        "r1_3: matrix(r1_0)",
        "add: sum(r1_3, stem)",
        "r2_0: matrix(add)",
        "r2_3: matrix(r2_0)",
        "down_0: matrix(add)",
        "add_2: sum(r2_3, down_0)",
        "adaptive_avg_pool2d: pool(add_2)",
        "fc: matrix(adaptive_avg_pool2d)",
    ]
    assert [op.act for op in graph.ops] == [Clamp(), Clamp(), None, Clamp(), Clamp(), None, None, Clamp(), None, None]


def test_a_depthwise_cnn() -> None:
    parts: list[nn.Module] = [nn.Conv2d(1, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU6()]
    for stride in (1, 2):
        parts += [nn.Conv2d(4, 4, 3, stride, 1, groups=4), nn.BatchNorm2d(4), nn.ReLU6(), nn.Conv2d(4, 4, 1)]
        parts += [nn.BatchNorm2d(4), nn.Hardtanh(0, 6)]
    net = lively(nn.Sequential(*parts, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, 3)))
    graph = same(net, 1, 8, 8)
    assert [op.groups for op in graph.ops if isinstance(op, Matrix)] == [1, 4, 1, 4, 1, 1]


def test_a_keyword_net_of_signals() -> None:
    torch.manual_seed(0)
    net = lively(
        nn.Sequential(
            nn.BatchNorm1d(3), nn.Conv1d(3, 6, 5, 2), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(6, 8, 3, padding=1, groups=2), nn.ReLU(), nn.AvgPool1d(3, 2), nn.BatchNorm1d(8),
            nn.Conv1d(8, 8, 2), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 5),
        )
    )  # fmt: skip
    graph = same(net, 3, 40)
    assert graph.shape == (3, 1, 40)
    windows = [op.window for op in graph.ops if not isinstance(op, Matrix) or op.window]
    assert windows[0] == Window((1, 5), (1, 2)) and windows[1] == Window((1, 2), (1, 2))
    assert windows[2] == Window((1, 3), (1, 1), (0, 1))


@pytest.mark.parametrize(
    ("last", "count"),
    [
        (lambda y: y.mean((2, 3)), 1),
        (lambda y: y.mean([-1, -2], keepdim=True).flatten(1), 1),
        (lambda y: y.mean(-1).mean(-1), 2),
        (lambda y: y.sum((2, 3)) / 10, 1),
        (lambda y: y.amax((2, 3)), 1),
        (lambda y: y.max(3)[0].max(dim=2).values, 2),
        (lambda y: functional.adaptive_max_pool2d(y, 1)[:, :, 0, 0], 1),
        (lambda y: functional.avg_pool2d(y, 6).view(y.size(0), -1), 1),
        (lambda y: functional.avg_pool2d(y, 1).mean((2, 3)), 1),
        (lambda y: functional.max_pool2d(functional.avg_pool2d(y, (2, 3), stride=(1, 3)), (5, 2))[..., 0, 0], 2),
    ],
)
def test_pooling(last, count: int) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.c, self.n, self.fc = nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(last(self.n(self.c(x).relu())))

    graph = same(lively(Net()), 2, 8, 8)
    assert sum(isinstance(op, Pool) for op in graph.ops) == count


def chain(*between: nn.Module, padding: int = 0) -> nn.Sequential:
    torch.manual_seed(1)
    return lively(
        nn.Sequential(nn.Conv2d(2, 4, 3), *between, nn.Conv2d(4, 3, 2, padding=padding), nn.Flatten(), nn.LazyLinear(3))
    )


def gains(sign: float) -> nn.BatchNorm2d:
    """A batch norm whose gains have this sign."""
    norm = lively(nn.BatchNorm2d(4), 5)
    with torch.no_grad():
        norm.weight.copy_(sign * (norm.weight.abs() + 0.1))
    return norm


@pytest.mark.parametrize(
    ("parts", "padding", "ops", "act"),
    [
        ((nn.MaxPool2d(2), nn.ReLU()), 1, 4, Clamp()),
        ((nn.AvgPool2d(2), nn.ReLU()), 1, 4, None),
        ((nn.ReLU(), nn.BatchNorm2d(4), nn.MaxPool2d(2)), 0, 5, Clamp()),  # negative gains turn the order round
        ((nn.ReLU(), nn.BatchNorm2d(4), nn.AvgPool2d(2)), 0, 4, Clamp()),
        ((nn.AvgPool2d(2), nn.BatchNorm2d(4), nn.ReLU()), 1, 4, None),
        ((nn.MaxPool2d(2), nn.BatchNorm2d(4), nn.ReLU()), 1, 5, None),
        ((nn.MaxPool2d(2), nn.BatchNorm2d(4)), 0, 4, None),
        ((nn.ReLU(), nn.BatchNorm2d(4)), 0, 3, Clamp()),
        ((nn.ReLU(), nn.BatchNorm2d(4)), 1, 4, Clamp()),  # padding puts zeros beside the offset
        ((nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.ReLU()), 1, 3, Clamp()),
        ((nn.ReLU(), nn.BatchNorm2d(4), nn.ReLU()), 1, 4, Clamp()),
    ],
)
def test_batch_norm_and_activations_around_pooling(parts, padding: int, ops: int, act: Clamp | None) -> None:
    net = chain(*parts, padding=padding)
    net(torch.zeros(1, 2, 8, 8))
    graph = same(net, 2, 8, 8)
    assert len(graph.ops) == ops and graph.ops[0].act == act


@pytest.mark.parametrize(("sign", "ops"), [(1.0, 4), (-1.0, 5)])
def test_positive_gains_pass_max_pooling(sign: float, ops: int) -> None:
    net = chain(nn.MaxPool2d(2), nn.BatchNorm2d(4), nn.ReLU())
    net[2] = gains(sign)
    net(torch.zeros(1, 2, 8, 8))
    assert len(same(net, 2, 8, 8).ops) == ops


def test_shapes_of_the_input() -> None:
    torch.manual_seed(1)
    conv = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(192, 3))
    assert same(nn.Sequential(nn.Unflatten(1, (1, 8, 8)), conv), 64).shape == (1, 8, 8)

    class Unsqueezed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = conv

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x.unsqueeze(1))

    assert same(Unsqueezed(), 8, 8).shape == (1, 8, 8)

    class ChannelsLast(Unsqueezed):
        def forward(self, x: Tensor) -> Tensor:
            return self.body(x.permute(0, 3, 1, 2))

    assert same(ChannelsLast(), 8, 8, 1).shape == (1, 8, 8)


def test_a_last_convolution_is_a_linear_layer() -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AvgPool2d(6), nn.Conv2d(4, 3, 1), nn.Flatten())
    last = same(net, 1, 8, 8).ops[-1]
    assert isinstance(last, Matrix) and last.window is None and last.name == "layer3"


class InPlace(nn.Module):
    """In-place changes are seen by all later readers."""

    def __init__(self, change) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.a, self.b, self.c, self.change = nn.Linear(12, 8), nn.Linear(8, 8), nn.Linear(8, 5), change

    def forward(self, x: Tensor) -> Tensor:
        y = self.a(x)
        self.change(y)
        return self.c(self.b(y).relu() + y)


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y.relu_(),
        lambda y: functional.dropout(y, 0.5, False).relu_(),
        lambda y: y.mul_(2).add_(0.5).clamp_(0, 3),
        lambda y: y.sub_(0.25).relu_().neg_(),
        lambda y: functional.relu(y.detach().view(y.shape), inplace=True),
        lambda y: y.clone().relu_(),
    ],
)
def test_in_place(change) -> None:
    same(InPlace(change), 12)


def test_scales_and_offsets_of_grouped_convolutions() -> None:
    torch.manual_seed(1)
    parts = [nn.Conv2d(2, 6, 3), nn.ReLU(), nn.BatchNorm2d(6), nn.Conv2d(6, 4, 3, groups=2), nn.Flatten()]
    assert len(same(lively(nn.Sequential(*parts, nn.Linear(64, 3))), 2, 8, 8).ops) == 3


class ReadTwice(nn.Module):
    """A layer is read as it is first, then clipped, scaled and normalised for others."""

    def __init__(self, change) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.a, self.b, self.c, self.change = nn.Linear(12, 8), nn.Linear(8, 8), nn.Linear(8, 5), change

    def forward(self, x: Tensor) -> Tensor:
        y = self.a(x)
        z = self.b(y)
        return self.c(z + self.change(y))


@pytest.mark.parametrize("change", [torch.relu, lambda y: y * 2 + 1, nn.BatchNorm1d(8), lambda y: torch.relu(1 - y)])
def test_an_operation_that_was_read_stays_as_it_is(change) -> None:
    same(lively(ReadTwice(change)), 12)
