"""Graphs of every operation become networks that compute what the graphs do, with the integers chosen for them."""

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.errors import UnsupportedError
from codesign.fixed import Ints
from codesign.frontend import integers
from codesign.frontend import quantize as module
from codesign.frontend.graph import Clamp, Graph, Matrix, Pool
from codesign.frontend.quality import judged
from codesign.frontend.quantize import quantize, quantized
from codesign.frontend.run import values
from codesign.ir import edges, verify
from codesign.ir.geometry import Window
from codesign.ir.real import to_integers, to_reals
from tests.frontend.graphs import conv, flat_graph, image_graph, inputs, linear

TINY = Chip.load("tiny")
SIXTEEN = TINY.model_copy(update={"device": TINY.device.model_copy(update={"levels": 16, "code_bits": 4})})
GRAPHS = {f"{make.__name__} {seed}": (make, seed) for make in (flat_graph, image_graph) for seed in range(6)}
LATER = [("image_graph 4", "high"), ("image_graph 5", "normal")]  # the longest; each is tried with the other effort


@pytest.mark.parametrize(
    ("name", "effort"),
    [
        pytest.param(name, effort, marks=pytest.mark.slow if (name, effort) in LATER else ())
        for name in GRAPHS
        for effort in ("normal", "high")
    ],
)
def test_outputs_follow_the_graph(name: str, effort: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, seed = GRAPHS[name]
    graph = make(seed)
    x = inputs(graph)
    chosen: dict[str, Ints] = {}

    def watched(op, read, reader, how):
        made, after = original(op, read, reader, how)
        chosen[op.name] = after.q
        return made, after

    original = integers.to_nodes
    monkeypatch.setattr(module, "to_nodes", watched)
    made = quantized(graph, x, SIXTEEN, "net", effort)
    network = verify(made.network)
    found = edges(network, to_integers(network, x))
    assert chosen.keys() == found.keys() - {"input"} and all((found[n] == q).all() for n, q in chosen.items())
    real = values(graph, x)["fc"]
    error = to_reals(network, found["fc"]) - real
    assert real.std() > 0.05 and 10 * np.log10(np.square(real).mean() / np.square(error).mean()) > 22
    fresh = inputs(graph, 50, seed=9)  # inputs that the scales have not seen
    y = to_reals(network, network.run(to_integers(network, fresh)))
    assert np.corrcoef(y.ravel(), values(graph, fresh)["fc"].ravel())[0, 1] > 0.98
    quality, _ = judged(made, x, None)
    assert [layer.name for layer in quality.layers] == [n.name for n in network.nodes]
    assert all(layer.snr_db > 18 and layer.saturated < 0.05 for layer in quality.layers)


def test_the_graphs_hold_every_case() -> None:
    """Or the test above would prove less than it says."""
    made = [image_graph(seed) for seed in range(6)]
    pools = [op for g in made for op in g.ops if isinstance(op, Pool)]
    assert {p.largest for p in pools} == {True, False} and any(p.act for p in pools)
    assert any(g.offset for g in made) and any(g.shape[1] == 1 for g in made)
    acts = {(op.act.lo, op.act.hi) for g in made for op in g.ops if op.act}
    assert len(acts) >= 4
    assert {len(quantize(g, inputs(g), SIXTEEN, "n", "normal").nodes) - len(g.ops) for g in made} == {
        0,
        1,
    }  # a pool that clips


def test_an_activation_ends_where_the_real_one_does() -> None:
    rng = np.random.default_rng(0)
    first = Matrix("a", "a", "input", 4 * rng.standard_normal((8, 6)), np.zeros(8), act=Clamp(-1.0, 0.5))
    graph = Graph((first, linear(rng, "fc", "a", 8, 3, last=True)), (6,))
    x = inputs(graph)
    made = quantized(graph, x, SIXTEEN, "net", "normal")
    kind = made.network.type_of("a")
    scale = float(made.scales["a"][0])
    assert (
        kind.signed
        and kind.lo * scale == pytest.approx(-1, rel=0.02)
        and kind.hi * scale == pytest.approx(0.5, rel=0.02)
    )
    q = edges(made.network, to_integers(made.network, x))["a"]
    assert q.min() == kind.lo and q.max() == kind.hi  # it does clip


def test_an_offset_is_taken_off_and_stays_in_the_network() -> None:
    graph = image_graph(0)
    network = quantize(graph, inputs(graph), SIXTEEN, "net", "normal")
    assert network.offset == (0.5,) and network.input.signed
    assert (to_integers(network, np.full((1, *graph.shape), 0.5)) == 0).all()


def test_a_last_convolution_of_one_position_is_linear() -> None:
    rng = np.random.default_rng(3)
    head = Matrix("head", "head", "a", rng.standard_normal((5, 4, 6, 8)), rng.standard_normal(5), Window((6, 8)))
    graph = Graph((conv(rng, "a", "input", 2, 4), head), (2, 6, 8))
    x = inputs(graph)
    network = quantize(graph, x, SIXTEEN, "net", "normal")
    y = to_reals(network, network.run(to_integers(network, x)))
    assert network.nodes[-1].kind == "linear"
    assert np.corrcoef(y.ravel(), values(graph, x)["head"].ravel())[0, 1] > 0.99


def test_a_graph_that_ends_in_an_image_is_refused() -> None:
    rng = np.random.default_rng(0)
    graph = Graph((conv(rng, "a", "input", 2, 4), conv(rng, "features.1", "a", 4, 4)), (2, 6, 8))
    with pytest.raises(UnsupportedError) as caught:
        quantize(graph, inputs(graph), SIXTEEN, "net", "normal")
    assert str(caught.value).startswith("model: must end in a linear layer, got ")
