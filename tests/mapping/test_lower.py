"""From nodes to layers of the chip: orders of rows, and which pooling is part of a convolution."""

import math
from dataclasses import replace

import numpy as np
import pytest

from codesign import ir
from codesign.errors import UnsupportedError
from codesign.fixed import IntType
from codesign.ir import Add, AvgPool, MaxPool, Network, Node, edges
from codesign.ir.geometry import Window
from codesign.mapping import outline, place, plan, run
from codesign.mapping.layer import Matrix, order_of
from codesign.mapping.lower import lower
from codesign.mapping.trim import choose_trims
from tests.hdl.programs import net
from tests.image.folders import TINY
from tests.ir.networks import hidden, raw
from tests.mapping.pictures import conv, random_places, small, small_nodes

CONV1, POOL1, CONV2, FC = small_nodes()


def matrices(network: Network) -> list[Matrix]:
    """The layers of a network, all of which have a matrix."""
    found = lower(network)
    assert all(isinstance(layer, Matrix) for layer in found)
    return [layer for layer in found if isinstance(layer, Matrix)]


def test_orders_of_rows_by_hand() -> None:
    window = Window((1, 2))
    assert order_of((5,), None, False).tolist() == [0, 1, 2, 3, 4]
    assert order_of((2, 1, 3), None, False).tolist() == [0, 3, 1, 4, 2, 5], "pixel by pixel"
    assert order_of((2, 1, 3), None, True).tolist() == [0, 1, 2, 3, 4, 5], "the input comes channel by channel"
    assert order_of((3, 4, 4), window, False).tolist() == [0, 2, 4, 1, 3, 5], "three channels of each pixel"
    assert order_of((3, 4, 4), window, True).tolist() == [0, 1, 2, 3, 4, 5]


def test_a_matrix_and_what_it_multiplies_have_rows_in_one_order() -> None:
    network = small()
    x = np.random.default_rng(0).integers(0, 16, (7, 84))
    found = edges(network, x)
    for layer in matrices(network):
        rows = layer.gather(found[layer.node.source])
        assert rows.shape == (7 * layer.positions, layer.size.inputs)
        assert (layer.shaped(layer.node.requant(rows @ layer.matrix)) == found[layer.name]).all()
        assert layer.matrix.shape == (layer.size.inputs, layer.size.outputs)
    orders = [layer.order.tolist() for layer in matrices(network)]
    assert [order == sorted(order) for order in orders] == [True, False, False]


def test_sizes_of_a_picture() -> None:
    conv1, conv2, fc = matrices(small())
    assert conv1.size.places is not None
    assert (conv1.size.places.pixels, conv1.size.places.count, conv1.positions) == ((3, 3), 36, 42)
    assert [layer.size.values for layer in (conv1, conv2, fc)] == [45, 36, 3]
    assert [layer.pixels for layer in (conv1, conv2, fc)] == [9, 6, 1]
    assert [layer.kernel for layer in (conv1, conv2, fc)] == [(3, 3), (2, 1), None]
    assert [layer.size.gives for layer in (conv1, conv2, fc)] == ["pool1", "conv2", "fc"]


@pytest.mark.parametrize("seed", range(30))
def test_a_place_for_every_position_that_a_pool_takes(seed: int) -> None:
    places = random_places(np.random.default_rng(seed))
    channels = places.picture[0]
    positions = places.window.over(places.picture)
    assert (channels, *places.pixels) == MaxPool("p", "c", places.pool, places.pool).shape(positions)


WIDE = TINY.model_copy(
    update={
        "arrays": TINY.arrays.model_copy(update={"count": 60}),
        "memory": TINY.memory.model_copy(update={"activation_words": 64}),
    }
)
X = np.random.default_rng(0).integers(0, 16, (6, 84))


def assert_same(network: Network) -> None:
    """A chip gives what the network does."""
    found = run(place(network, WIDE), X, adc=False)
    assert (found == ir.run(network, X)).all() and len(np.unique(found, axis=0)) > 3


def pooled(**changes: object) -> MaxPool:
    return replace(POOL1, **changes)  # type: ignore[arg-type, return-value]


def residual_of_input(name: str) -> Network:
    """A 1 x 1 convolution of the input, of as many channels, raw if that is its name, added to the other edge."""
    first = replace(CONV1, name=name, weight=np.ones((2, 2, 1, 1), np.int32), padding=0)
    first = replace(first, requant=raw(2) if name == "raw" else hidden(2))
    second = replace(first, name="second", requant=hidden(2))
    add = Add("add", name, "second" if name == "raw" else "input", np.ones(2, np.int64), hidden(2))
    last = replace(FC, source="add", weight=np.ones((84, 3), np.int32))
    return small(nodes=(first, second, add, last))


def ending(*nodes: Node) -> Network:
    """The convolution, then these nodes, then a linear layer that reads the last one."""
    width = math.prod(replace(small(), nodes=(CONV1, *nodes)).shape_of(nodes[-1].name))
    return small(nodes=(CONV1, *nodes, replace(FC, source=nodes[-1].name, weight=np.ones((width, 3), np.int32))))


@pytest.mark.parametrize(
    ("pool", "width"),
    [(pooled(), 45), (pooled(size=(1, 3), stride=(1, 3)), 60), (pooled(size=6, stride=6), 5)],
    ids=["square", "flat", "all but a rest"],
)
def test_pools_that_are_part_of_their_convolution(pool: MaxPool, width: int) -> None:
    first, last = lower(ending(pool))
    assert (first.pool, first.size.gives, last.pool) == (pool, "pool1", None)
    assert first.size.values == width


AVERAGE = AvgPool("avg", "conv1", 2, 2, replace(CONV1.requant, shift=6))
ADD = Add("add", "conv1", "conv1", np.ones(5, np.int64), CONV1.requant)
APART = {
    "overlapping": ending(pooled(stride=1)),
    "with gaps": ending(pooled(size=1)),
    "padded": ending(pooled(size=3, stride=3, padding=1)),
    "of a pool": ending(POOL1, pooled(name="pool2", source="pool1", size=(2, 3), stride=1)),
    "of a convolution with another reader": ending(POOL1, replace(CONV2, source="conv1")),
    "of a sum": ending(ADD, pooled(source="add")),
    "average": ending(AVERAGE),
}


@pytest.mark.parametrize("network", APART.values(), ids=APART)
def test_pools_and_sums_that_are_steps_of_their_own(network: Network) -> None:
    """Each reads its edges of the memory, and no convolution pools."""
    found = lower(network)
    apart = [layer for layer in found if not isinstance(layer, Matrix)]
    kinds = (MaxPool, AvgPool, Add)
    pools = [layer.pool for layer in found if layer.pool]
    assert [n.node for n in apart] == [n for n in network.nodes if isinstance(n, kinds) and n not in pools] != []
    for layer in apart:
        assert layer.size.is_vector and layer.size.gives == layer.name and layer.size.sources[0] == layer.node.source
        assert layer.size.joins == ("max" if isinstance(layer.node, MaxPool) else "add")
    assert_same(network)


def sum_of(source: str, other: str, name: str = "add") -> Add:
    """Its two multipliers differ, and both of every channel's."""
    return Add(name, source, other, np.array([7, -2, 5, 3, 4, -6]), hidden(6, IntType(5), 3))


RAW = conv("raw", "conv2", (6, 6, 1, 1), raw(6), seed=3)


def summed(add: Add, *between: Node) -> Network:
    """conv2 and accumulators of a 1 x 1 convolution of it, added; between them what comes before the sum."""
    return small(nodes=(CONV1, POOL1, CONV2, RAW, *between, add, replace(FC, source="add")))


ALSO = replace(CONV2, name="also", weight=CONV2.weight[:, ::-1].copy())
FUSED = {
    "first edge": summed(sum_of("raw", "conv2")),
    "second edge": summed(sum_of("conv2", "raw")),
    "the other edge is computed after the convolution": summed(sum_of("raw", "also"), ALSO),
    "computed after it, and first": summed(sum_of("also", "raw"), ALSO),
}


@pytest.mark.parametrize("network", FUSED.values(), ids=FUSED)
def test_accumulators_that_enter_a_sum(network: Network) -> None:
    """They run in its place, where both edges are known; its multipliers and range are theirs."""
    *before, layer, last = matrices(network)
    *_, add, _ = network.nodes
    assert isinstance(add, Add)
    assert [n.node for n in before] == [n for n in network.nodes if n.name not in ("pool1", "raw", "add", "fc")]
    assert (layer.node, layer.add, layer.pool, last.node.source) == (RAW, add, None, "add")
    other = add.other if add.source == "raw" else add.source
    assert (layer.size.gives, layer.size.other, layer.size.out) == ("add", other, add.requant.out)
    both = (layer.requant.mult, layer.other_mult)
    assert [list(m) for m in (both if add.source == "raw" else both[::-1]) if m is not None] == [
        list(add.requant.mult),
        list(add.other_mult),
    ]
    assert (layer.requant.bias == add.requant.bias).all() and layer.requant.shift == add.requant.shift
    assert_same(network)
    assert len(np.unique(ir.edges(network, X)["add"])) > 8, "a dull sum"


def test_a_sum_of_activations_is_a_step_of_its_own() -> None:
    network = small(nodes=(CONV1, POOL1, CONV2, ALSO, sum_of("conv2", "also"), replace(FC, source="add")))
    assert [(n.name, n.size.other, n.size.is_vector) for n in lower(network)][-2:] == [
        ("add", "also", True),
        ("fc", "", False),
    ]
    assert_same(network)


OF_INPUT = "of the network's input, which comes channel by channel,"
REFUSED = {
    "pooling of the input": (ending(pooled(source="input")), "pool1", f"max pooling {OF_INPUT}"),
    "average of the input": (
        ending(replace(AVERAGE, source="input", requant=hidden(2))),
        "avg",
        f"average pooling {OF_INPUT}",
    ),
    "sum with the input": (residual_of_input("conv1"), "add", f"residual sums {OF_INPUT}"),
    "sum with accumulators of the input": (
        residual_of_input("raw"),
        "add",
        "residual sums of raw accumulators that the network's input gives,",
    ),
}


@pytest.mark.parametrize(("network", "name", "what"), REFUSED.values(), ids=REFUSED)
def test_layers_that_chips_do_not_take_yet(network: Network, name: str, what: str) -> None:
    """Whatever asks first names the first such layer, however many arrays the others would take."""
    before = net([2000, 2000], TINY).nodes[0]
    large = replace(network, nodes=(before, *network.nodes))
    for ask in (
        lambda: place(large, TINY),
        lambda: plan(outline(large), TINY),
        lambda: choose_trims(network, plan(outline(net([4, 4], TINY)), TINY), None),
    ):
        with pytest.raises(UnsupportedError) as caught:
            ask()
        assert str(caught.value) == (
            f"layer {name}: the compiler cannot map {what} to a chip yet; "
            "run the network with codesign.ir.run, or train one without"
        )


def test_an_image_may_feed_linear_layers() -> None:
    network = replace(net([20, 4], TINY), shape=(1, 4, 5))
    assert [layer.node for layer in lower(network)] == list(network.nodes)
    assert place(network, TINY).network is network


def test_a_vector_is_no_picture() -> None:
    """Nothing of it is reordered."""
    first, last = matrices(net([20, 6, 4], TINY, kind=IntType(4)))
    assert [(n.pool, n.kernel, n.pixels, n.size.places) for n in (first, last)] == [(None, None, 1, None)] * 2
    assert (last.matrix == last.node.matrix).all()
