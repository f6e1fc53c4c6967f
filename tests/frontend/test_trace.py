"""Ordinary modules become graphs that compute the same, with a row for every operation."""

import collections
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

from codesign.account import table_text
from codesign.frontend.graph import Clamp, Matrix, Pool, Sum
from codesign.frontend.run import values
from codesign.frontend.trace import trace
from tests.frontend.nets import drawn, expected, lively, same


def kinds(graph):
    return [(op.name, type(op).__name__, op.sources) for op in graph.ops]


def mlp(*between: nn.Module) -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(12, 8), *between, nn.Linear(8, 5))


def test_batch_norm_before_between_and_after() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.BatchNorm1d(12), nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.BatchNorm1d(8), nn.Dropout(),
        nn.Linear(8, 6), nn.BatchNorm1d(6, affine=False), nn.Linear(6, 5), nn.BatchNorm1d(5),
    )  # fmt: skip
    graph = same(lively(net).train(), 12)
    assert kinds(graph) == [
        ("layer1", "Matrix", ("input",)),
        ("layer6", "Matrix", ("layer1",)),
        ("layer8", "Matrix", ("layer6",)),
    ]
    assert [op.norm is not None for op in graph.ops] == [True, True, True]
    assert [op.act for op in graph.ops] == [Clamp(), None, None]
    assert [(r.where, r.operation, r.verdict, r.what) for r in graph.rows] == [
        ("0", "batch_norm", "folded into", "layer1"),
        ("1", "linear", "mapped to", "layer1"),
        ("2", "batch_norm", "folded into", "layer1"),
        ("3", "relu", "folded into", "layer1"),
        ("4", "batch_norm", "folded into", "layer6"),
        ("5", "dropout", "dropped", "off outside training"),
        ("6", "linear", "mapped to", "layer6"),
        ("7", "batch_norm", "folded into", "layer6"),
        ("8", "linear", "mapped to", "layer8"),
        ("9", "batch_norm", "folded into", "layer8"),
    ]


def test_the_module_is_left_alone() -> None:
    net = lively(mlp(nn.BatchNorm1d(8), nn.Dropout())).train()
    state = {k: v.clone() for k, v in net.state_dict().items()}
    trace(net, drawn(2, 12))
    assert net.training and net[1].training
    assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())


@pytest.mark.parametrize(
    ("parts", "act"),
    [
        ([nn.ReLU()], Clamp()),
        ([nn.ReLU6()], Clamp(0, 6)),
        ([nn.Hardtanh()], Clamp(-1, 1)),
        ([nn.Hardtanh(-0.5, 2)], Clamp(-0.5, 2)),
        ([nn.Threshold(0.25, 0.25)], Clamp(0.25)),
        ([nn.LeakyReLU(0)], Clamp()),
        ([nn.ReLU(), nn.Hardtanh(-1, 0.5)], Clamp(0, 0.5)),
        ([nn.Hardtanh(), nn.ReLU()], Clamp(0, 1)),
        ([nn.ReLU(), nn.ReLU()], Clamp()),
        ([nn.ReLU(inplace=True), nn.Dropout(inplace=True), nn.Identity()], Clamp()),
    ],
    ids=lambda p: str(p) if isinstance(p, Clamp) else "-".join(type(m).__name__ for m in p),
)
def test_activations(parts: list[nn.Module], act: Clamp) -> None:
    graph = same(mlp(*parts), 12)
    assert graph.ops[0].act == act and len(graph.ops) == 2


class Functional(nn.Module):
    """Everything in forward: normalisation, functions, clamps, a softmax."""

    def __init__(self, act) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.a, self.b, self.act = nn.Linear(12, 8), nn.Linear(8, 5), act
        self.mean: Tensor
        self.register_buffer("mean", torch.rand(12))
        self.std = torch.rand(12) + 0.5

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.a((x - self.mean) / self.std))
        return functional.log_softmax(self.b(functional.dropout(y, 0.3, self.training)), dim=-1)


@pytest.mark.parametrize(
    ("act", "clamp"),
    [
        (lambda y: y.clamp(min=0), Clamp()),
        (lambda y: torch.clamp(y, 0, 6), Clamp(0, 6)),
        (lambda y: y.clamp(max=1), Clamp(-np.inf, 1)),
        (lambda y: y.clamp_min(0).clamp_max(2), Clamp(0, 2)),
        (lambda y: y.clip(0, 1), Clamp(0, 1)),
        (lambda y: torch.maximum(y, torch.tensor(0.0)), Clamp()),
        (lambda y: torch.clamp(y, torch.tensor(0.0), torch.tensor([3.0])), Clamp(0, 3)),
        (lambda y: functional.relu_(y), Clamp()),
        (lambda y: y.relu() * 2, Clamp()),
        (lambda y: (3 - y.relu() / 2) * -0.5, Clamp()),
        (lambda y: functional.relu6(y.relu() * 2), Clamp(0, 3)),
        (lambda y: functional.relu(y.clamp(-1, 1) * -2), Clamp(-1, 0)),
        (lambda y: functional.hardtanh(y).add(1).relu(), Clamp(-1, 1)),
    ],
)
def test_functional_style(act, clamp: Clamp) -> None:
    net = Functional(act)
    graph = same(net, 12, tail=lambda y: functional.log_softmax(y, 1))
    assert graph.ops[0].act == clamp and len(graph.ops) == 2
    assert graph.tail == (("log_softmax", {"dim": 1}),) and graph.offset == () and graph.wrap == ()
    rows = {(r.where, r.operation): f"{r.verdict} {r.what}" for r in graph.rows}
    assert rows["sub", "sub"] == rows["div", "div"] == "folded into a"
    assert rows["log_softmax", "log_softmax"] == "dropped the chip leaves scores in the same order"
    line = next(r.line for r in graph.rows if r.operation == "sub")
    assert re.fullmatch(r"test_trace\.py:\d+", line)
    assert "(x - self.mean)" in Path(__file__).read_text().splitlines()[int(line.split(":")[1]) - 1]


class Skip(nn.Module):
    def __init__(self, pre: bool = False) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.stem, self.a, self.b = nn.Linear(12, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.n, self.head, self.pre = nn.BatchNorm1d(8), nn.Linear(8, 5), pre

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x if self.pre else x.relu()
        y = self.b(self.a(self.n(x).relu() if self.pre else x).relu())
        y += x
        return self.head(torch.relu(torch.sub(y, x, alpha=0.5)) - 0.25)


def test_skip_connections() -> None:
    graph = same(lively(Skip()), 12)
    assert kinds(graph) == [
        ("stem", "Matrix", ("input",)),
        ("a", "Matrix", ("stem",)),
        ("b", "Matrix", ("a",)),
        ("add", "Sum", ("b", "stem")),
        ("sub", "Sum", ("add", "stem")),
        ("head", "Matrix", ("sub",)),
    ]
    assert isinstance(graph.ops[4], Sum) and graph.ops[4].act == Clamp() and set(graph.ops[4].other_gain) == {-0.5}


def test_what_folds_nowhere_becomes_a_layer_that_only_scales() -> None:
    graph = same(lively(Skip(pre=True)), 12)
    scale = next(op for op in graph.ops if op.name == "relu_scale")
    assert isinstance(scale, Matrix) and np.count_nonzero(scale.weight) == 8 and scale.act == Clamp()
    assert scale.source == "stem" and [op.source for op in graph.ops if op.name == "a"] == ["relu_scale"]


Pair = collections.namedtuple("Pair", "scores classes")


class Wrapped(nn.Module):
    def __init__(self, how) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.a, self.b, self.how = nn.Linear(12, 8), nn.Linear(8, 5), how

    def forward(self, x: Tensor):
        return self.how(self.b(self.a(x).relu()))


@pytest.mark.parametrize(
    ("how", "wrap", "tail"),
    [
        (lambda y: {"logits": y, "p": y.softmax(1), "class": y.argmax(1)}, ("logits",), ()),
        (lambda y: {"p": y.softmax(1), "class": y.argmax(dim=-1)}, ("p",), (("softmax", {"dim": 1}),)),
        (lambda y: (y.argmax(1), None, [y]), (2, 0), ()),
        (lambda y: Pair(torch.log(y.softmax(1)), y.max(1)[1]), ("scores",), (("log_softmax", {"dim": 1}),)),
        (lambda y: y.softmax(-1).argmax(1), (), (("softmax", {"dim": 1}), ("argmax", {"dim": 1}))),
        (lambda y: y.argmax(1, keepdim=True), (), (("argmax", {"dim": 1, "keepdim": True}),)),
        (lambda y: torch.squeeze(y / 3, -1), (), ()),
    ],
)
def test_results(how, wrap, tail) -> None:
    net = Wrapped(how)
    graph = trace(net, drawn(2, 12))
    assert (graph.wrap, graph.tail) == (wrap, tail)
    x = drawn(9, 12)
    with torch.no_grad():
        y = net.eval().double()(x.double())
    for key in wrap:
        y = getattr(y, key) if isinstance(y, Pair) else y[key]
    got = torch.from_numpy(values(graph, x.numpy())["b"])
    for name, options in tail:
        got = getattr(torch, name)(got, **options)
    assert torch.allclose(got.double(), y.double(), rtol=1e-9)


def test_shared_modules_have_names_of_their_own() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(12, 12), nn.Linear(12, 5)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(self.a(self.a(x).relu()).relu())

    assert [op.name for op in same(Twice(), 12).ops] == ["a", "a_2", "b"]


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_types_of_numbers(kind: torch.dtype) -> None:
    net = lively(mlp(nn.BatchNorm1d(8), nn.ReLU())).to(kind)
    graph = trace(net, drawn(2, 12))
    np.testing.assert_array_equal(graph.ops[1].weight, next(net[3].parameters()).detach().float().double().numpy())
    same(net.float(), 12)


def test_pruned_and_normalised_weights() -> None:
    net = mlp(nn.ReLU())
    prune.l1_unstructured(net[0], "weight", 0.5)
    parametrizations.weight_norm(net[2])
    x = drawn(9, 12)
    want = expected(net, x)
    graph = trace(net, drawn(2, 12))
    assert (graph.ops[0].weight == 0).mean() == 0.5
    np.testing.assert_allclose(values(graph, x.numpy())["layer2"], want, rtol=1e-4, atol=1e-5)  # norms in float32


def test_weights_that_forward_computes() -> None:
    class Computed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w, self.v = nn.Parameter(torch.randn(8, 12)), nn.Parameter(torch.randn(8, 5))
            self.mask = (torch.rand(8, 12) > 0.5).float()

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(functional.linear(x, self.w * self.mask)) @ self.v + 0.5

    graph = same(Computed(), 12)
    assert [op.name for op in graph.ops] == ["layer0", "layer1"] and (graph.ops[0].weight == 0).any()


def test_images_as_features() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 5))
    graph = same(net, 1, 8, 8)
    assert graph.shape == (64,) and same(net, 64).shape == (64,)


def test_the_table() -> None:
    graph = same(Functional(torch.relu), 12, tail=lambda y: functional.log_softmax(y, 1))
    text = table_text(graph.rows).splitlines()
    assert text[0].split() == ["where", "operation", "what", "became", "of", "it", "line"]
    assert re.fullmatch(r"a +linear +mapped to a +test_trace\.py:\d+", text[3])
    assert len({line.index("test_trace") for line in text[1:]}) == 1 and max(map(len, text)) <= 120


def test_the_last_layer_is_a_plain_matrix() -> None:
    """What ends in a sum gets a layer that hands the scores on."""

    class Ends(Skip):
        def forward(self, x: Tensor) -> Tensor:
            y = self.stem(x).relu()
            return self.a(y) + self.b(y)

    graph = same(Ends(), 12)
    assert [op.name for op in graph.ops][-2:] == ["add", "outputs"] and isinstance(graph.ops[-1], Matrix)
    pooled = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    ends = same(pooled, 1, 8, 8).ops
    assert isinstance(ends[-2], Pool) and ends[-1].name == "outputs"
