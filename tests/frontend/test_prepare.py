"""Prepared graphs of every kind: they start as the real one, train, and are exported as what they compute."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import codesign
from codesign.chip.description import Chip
from codesign.devices import Cells
from codesign.frontend.graph import Graph, Matrix
from codesign.frontend.prepare import prepared_of
from codesign.frontend.prepared import Prepared, integers_of
from codesign.frontend.run import values
from codesign.frontend.settle import settled
from codesign.ir import AvgPool, Conv, Linear, MaxPool, Network, run
from codesign.ir.geometry import Window
from codesign.ir.real import to_integers, to_reals
from tests.frontend.small_graphs import FINE, GRAPHS, PADDED, TINY, TWO, add, graph, matrix, options, samples

torch.set_num_threads(1)


def train_a_little(model: Prepared, x: np.ndarray, steps: int = 6) -> Prepared:
    """On random labels, by an optimiser of the user's choice."""
    inputs, labels = torch.from_numpy(x).float(), torch.arange(len(x)) % 4
    optimiser = torch.optim.SGD(model.train().parameters(), lr=0.05, momentum=0.9)
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(inputs), labels)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return model.eval()


def equal(model: Prepared, network: Network, x: np.ndarray) -> None:
    """Equality 1, on the integers and on the scores that they are worth."""
    q = to_integers(network, x)
    assert (q == model.quantize(torch.from_numpy(x)).numpy()).all()
    scores = model.eval()(torch.from_numpy(x)).numpy()
    y = run(network, q)
    assert (y == model.net.integers(q)).all()
    assert scores.dtype == np.float64 and (scores == to_reals(network, y)).all()
    assert (model(torch.from_numpy(x).float()).numpy() == scores.astype(np.float32)).all()
    assert len(np.unique(y)) > 6  # the network is not dead


@pytest.mark.parametrize("name", GRAPHS)
def test_on_a_fine_grid_it_starts_as_the_graph(name: str) -> None:
    x = samples(name)
    made = prepared_of(graph(name), x, 8, options(FINE))
    exact = values(graph(name), x)[GRAPHS[name][1][-1].name]
    found = made.eval()(torch.from_numpy(x)).numpy()
    assert np.abs(found - exact).max() < 0.06 * np.abs(exact).max()
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.999


@pytest.mark.parametrize(
    ("name", "scale"), [*((name, "column") for name in GRAPHS), ("norms", "layer"), ("residual", "layer")]
)
def test_export_equals_the_trained_module(name: str, scale: str) -> None:
    x = samples(name)
    made = prepared_of(graph(name), x, 8, options(TINY, per_column=scale == "column"))
    before = {n: p.clone() for n, p in made.named_parameters()}
    train_a_little(made, x)
    moved = {n for n, p in made.named_parameters() if (p != before[n]).any()}
    assert {n for n, p in made.named_parameters() if p.requires_grad} - moved == set(), "all learn"
    equal(made, integers_of(made, TINY, "net"), samples(name, seed=4))
    made.train()
    with torch.no_grad():  # training's pass has the same integers: only float requantization lies between
        train, ints = made.net.logits(made.quantize(torch.from_numpy(x))), made.eval()(torch.from_numpy(x))
    if not any(layer.norm for layer in made.net.chain):
        wrong = (train - ints).abs() / ints.abs().max()
        assert wrong.max() < 0.1 and wrong.median() < 0.005


@pytest.mark.parametrize("changed", [{"activation_bits": 3}, {"cells": Cells(variation=0.1, read_noise=0.1)}], ids=str)
@pytest.mark.parametrize("name", ["clamps", "norms", "residual", "conv1d"])
def test_narrow_and_noisy_ones_export_what_they_compute(name: str, changed: dict[str, Any]) -> None:
    x = samples(name, lo=-1.0)
    made = train_a_little(prepared_of(graph(name), x, 5, options(TWO, **changed)), x)
    network = integers_of(made, TWO, "net")
    assert str(network.input) == "i5"
    equal(made, network, x)


@pytest.mark.parametrize("name", ["mlp", "norms", "clamps"])
def test_with_converters_the_chip_computes_the_same(name: str) -> None:
    x = samples(name)
    chip = Chip.parse(
        """
        name = "through"
        arrays = {count = 40, rows = 8, columns = 16}
        device = {levels = 4, code_bits = 2}
        adc = {bits = 2, lanes = 4}
        bus = {stream_bytes = 4}
        """
    )
    made = train_a_little(prepared_of(graph(name), x, 8, options(chip, converters=True)), x)
    program = codesign.compile(made, None, chip)
    q = to_integers(program.network, x)
    y = program.run(q)
    assert (y == run(program.network, q)).mean() < 0.5, "the converters do cut"
    assert (made(torch.from_numpy(x)).numpy() == to_reals(program.network, y)).all()


def test_convolutions_through_converters() -> None:
    x = samples("cnn")
    made = train_a_little(prepared_of(graph("cnn"), x, 8, options(TINY, converters=True)), x, 2)
    network = integers_of(made, TINY, "net")
    trims = [n.trim for n in network.nodes if isinstance(n, Conv | Linear)]
    assert len(trims) == 3 and all(trims)


@pytest.mark.parametrize("offset", [(0.25,), tuple(np.linspace(-0.2, 0.4, 20))], ids=["one", "per feature"])
def test_an_offset_of_the_inputs_travels_with_the_network(offset: tuple[float, ...]) -> None:
    x, g = samples("mlp"), graph("mlp", offset=offset)
    made = prepared_of(g, x, 8, options(FINE))
    network = integers_of(made, FINE, "net")
    assert network.offset == offset and network.input.signed
    equal(made, network, x)
    assert np.abs(made(torch.from_numpy(x)).numpy() - values(g, x)["c"]).max() < 0.1


def test_an_offset_per_channel() -> None:
    x, g = samples("cnn"), graph("cnn", offset=(0.1, -0.3))
    equal(made := prepared_of(g, x, 8, options(FINE)), integers_of(made, FINE, "net"), x)
    whole = prepared_of(g, np.round(9 * x).astype(np.int64), 8, options(FINE))
    assert whole.step != 1.0, "an offset leaves no integers"


def test_integers_are_taken_as_they_are() -> None:
    x = np.random.default_rng(1).integers(0, 200, (40, 20))
    made = prepared_of(graph("mlp"), x, 8, options())
    assert made.step == 1.0 and (made.quantize(torch.from_numpy(x)).numpy() == x).all()


def test_names_of_the_nodes() -> None:
    made = prepared_of(graph("residual"), samples("residual"), 8, options())
    nodes = [(n.name, n.sources) for n in integers_of(made, TWO, "net").nodes]
    assert nodes == [(op.name, op.sources) for op in GRAPHS["residual"][1]]
    made = prepared_of(graph("pooled input"), samples("pooled input"), 8, options())
    kinds = [(type(n), n.name, n.sources) for n in integers_of(made, TWO, "net").nodes]
    assert kinds == [
        (MaxPool, "max_pool", ("input",)),
        (AvgPool, "max", ("max_pool",)),
        (Linear, "a", ("max",)),
    ]


def test_norms_stay_where_graphs_are_settled_for_training() -> None:
    kept, folded = settled(graph("norms"), fold=False), settled(graph("norms"))
    assert all(isinstance(op, Matrix) and op.norm is not None for op in kept.ops)
    assert all(isinstance(op, Matrix) and op.norm is None for op in folded.ops)


def test_batch_norm_learns_from_all_values_before_pooling() -> None:
    shape, ops = GRAPHS["cnn"]
    g = Graph((matrix("a", "input", (6, 2, 3, 3), norm=True, window=PADDED), *ops[1:]), shape)
    made = prepared_of(g, samples("cnn"), 8, options(TINY))
    assert made.net.chain[0].pool is None and made.net.chain[0].norm is not None
    assert prepared_of(graph("cnn"), samples("cnn"), 8, options(TINY)).net.chain[0].pool is not None


def test_scales_are_per_column_on_request_but_for_the_last_layer() -> None:
    for per_column, sizes in ((True, [12, 9, 1]), (False, [1, 1, 1])):
        made = prepared_of(graph("mlp"), samples("mlp"), 8, options(TINY, per_column=per_column))
        assert [layer.scale.numel() for layer in made.net.chain] == sizes


def test_max_pooling_that_others_bypass_stays_a_layer_of_its_own() -> None:
    shape, ops = GRAPHS["cnn"]
    skip = matrix("skip", "a", (6, 6, 3, 2), window=Window((3, 2), (3, 2)))
    g = Graph((*ops[:2], skip, add("sum", "pool", "skip", 6), replace(ops[2], source="sum"), *ops[3:]), shape)
    made = prepared_of(g, samples("cnn"), 8, options(TINY))
    assert [layer.name for layer in made.net.in_order] == ["a", "pool", "skip", "sum", "b", "mean", "c"]
    equal(made, integers_of(made, TINY, "net"), samples("cnn"))
