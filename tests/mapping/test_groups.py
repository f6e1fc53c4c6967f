"""Convolutions in groups: blocks of groups, what each reads and where it writes, by hand and against the network."""

from dataclasses import replace

import numpy as np
import pytest

from codesign import ir
from codesign.chip.description import Chip
from codesign.errors import CapacityError, InputError
from codesign.fixed import INT32, IntType, Trim
from codesign.ir import Linear, Network, Requant, verify
from codesign.ir.geometry import Window
from codesign.mapping import LayerSize, Outline, by_layer, capacity, outline, place, plan, predict, run, stream, usage
from codesign.mapping.arrange import bounds, own
from codesign.mapping.layer import Matrix
from codesign.mapping.lower import steps_of
from codesign.mapping.outline import Part, Places
from codesign.mapping.parts import split, together, width
from codesign.mapping.plan import unsliced
from codesign.mapping.trim import choose_trims
from codesign.train.nets import architecture as arch
from codesign.train.recipe import Quantization
from codesign.train.slices import slices_of
from tests.mapping.pictures import U8, conv

SMALL = Chip.parse(
    """
    name = "small"
    arrays = {count = 16, rows = 24, columns = 20}
    device = {levels = 4, code_bits = 2}
    adc = {bits = 8, lanes = 4}
    activation = {bits = 6}
    memory = {word = 16, activation_words = 40, input_words = 32, loads = 256}
    """
)
KIND = IntType(5)


def hidden(outputs: int, shift: int = 3) -> Requant:
    return Requant(np.arange(1, outputs + 1, dtype=np.int64), np.full(outputs, 40, np.int64), shift, KIND)


def raw(outputs: int) -> Requant:
    return Requant(np.ones(outputs, np.int64), np.zeros(outputs, np.int64), 0, INT32)


def depthwise(channels: int = 6, **options: object) -> Network:
    """A convolution, a depthwise one of its channels, a linear layer."""
    nodes = (
        conv("first", "input", (channels, 2, 1, 1), hidden(channels)),
        conv("deep", "first", (channels, 1, 3, 3), hidden(channels), seed=1, padding=1, groups=channels, **options),
        Linear("fc", "deep", np.random.default_rng(2).integers(-3, 4, (20 * channels, 3)).astype(np.int32), raw(3)),
    )
    return verify(Network("net", 40, IntType(4), nodes, shape=(2, 4, 5)))


X = np.random.default_rng(5).integers(0, 16, (4, 40))


@pytest.mark.parametrize(
    ("outputs", "groups", "lanes", "expected"),
    [(6, 6, 4, 4), (6, 6, 8, 6), (6, 3, 4, 2), (6, 2, 4, 1), (12, 2, 4, 1), (9, 3, 8, 2), (5, 5, 1, 1)],
)
def test_groups_fill_a_column_group(outputs: int, groups: int, lanes: int, expected: int) -> None:
    chip = SMALL.model_copy(update={"adc": SMALL.adc.model_copy(update={"lanes": lanes})})
    assert together(outputs, groups, chip) == expected
    assert width(outputs, groups, chip) == expected * outputs // groups


def test_blocks_of_a_depthwise_convolution_by_hand() -> None:
    """Six channels of 3 x 3, four lanes: 36 rows of four columns, then 18 of two. A load a pixel of the kernel."""
    sizes = split(outline(depthwise()), SMALL)
    assert [(n.name, n.inputs, n.outputs, n.groups, n.part) for n in sizes.layers] == [
        ("first", 2, 6, 1, None),
        ("deep", 36, 4, 4, Part(0, 4, 0, 6)),
        ("deep", 18, 2, 2, Part(4, 2, 4, 6)),
        ("fc", 120, 3, 1, None),
    ]
    assert split(sizes, SMALL) == sizes
    planned = plan(outline(depthwise()), SMALL)
    _, one, two, _ = planned.steps
    assert [(s.source, s.walk.source, s.walk.column, s.write) for s in (one, two)] == [
        (0, -36, -6, 128),
        (0, -32, -2, 132),
    ]
    assert one.walk.levels == two.walk.levels, "both go over the same picture"
    assert [(n.offset, n.row, n.column, n.count) for n in two.loads] == [
        (30 * y + 6 * x, y, 6 * x, 2) for y in range(3) for x in range(3)
    ]
    assert [n.count for n in one.loads] == [4] * 9
    odd = SMALL.model_copy(update={"arrays": SMALL.arrays.model_copy(update={"rows": 22})})
    found = [(n.offset, n.column, n.count) for n in plan(outline(depthwise()), odd).steps[1].loads]
    assert found[5:7] == [(42, 12, 2), (44, 14, 2)], "an array ends between the channels of a pixel"
    assert [s.wait for s in planned.steps] == [0, 1, 21, 1], "the second block waits for the first convolution, too"
    assert capacity.needs(planned)["memory.walks"][0] == 3


def test_cells_of_a_block_hold_the_weights_of_its_groups() -> None:
    network = depthwise()
    node = network.nodes[1]
    assert isinstance(node, ir.Conv)
    _, one, two, _ = steps_of(network, SMALL)
    assert isinstance(one, Matrix) and isinstance(two, Matrix)
    for part, first, count in ((one, 0, 4), (two, 4, 2)):
        cells = part.matrix.reshape(3, 3, count, count)  # y, x, channel, output
        for channel in range(count):
            for output in range(count):
                want = node.weight[first + output, 0] if channel == output else 0
                assert (cells[:, :, channel, output] == want).all()
    assert outline(network).layers[1].cells == one.size.cells + two.size.cells == 2 * 6 * 9


def test_the_network_is_what_the_chip_computes() -> None:
    for channels in (1, 2, 4, 5, 6, 9):
        network = depthwise(channels)
        mapping = place(network, SMALL)
        found = run(mapping, X)
        assert (found == ir.run(network, X)).all() and len(np.unique(found, axis=0)) == len(X)


def test_the_last_layers_groups_leave_together() -> None:
    """Their words come pixel by pixel, all channels of a pixel together."""
    nodes = depthwise().nodes
    last = replace(nodes[1], requant=raw(6))  # type: ignore[call-arg]
    network = verify(replace(depthwise(), nodes=(nodes[0], last)))
    (part,) = split(outline(network), SMALL).layers[1:]
    assert (part.inputs, part.outputs, part.groups, part.part) == (54, 6, 6, Part(0, 6, 0, 6))
    assert (run(place(network, SMALL), X) == ir.run(network, X)).all()


def test_what_a_layer_takes_counts_its_blocks_together() -> None:
    planned = plan(outline(depthwise()), SMALL)
    _, deep, _ = usage(planned)
    assert (deep.layer, deep.inputs, deep.outputs, deep.cells, deep.columns) == ("deep", 9, 6, 108, 6)
    assert deep.arrays == (1, 2, 3) and deep.cycles == 2 * 20 * 5 and deep.left == 6 + 8
    assert [n.layer for n in by_layer(planned)] == ["first", "deep", "fc"]
    cycles = by_layer(planned)
    assert (cycles[1].places, cycles[1].load, cycles[1].convert) == (40, 20 * (len(planned.steps[1].loads) + 9), 200)
    assert sum(n.takes for n in cycles) == stream(planned, 1)[1][0] + 1
    assert predict(planned).bound == sum(n.convert for n in cycles)


@pytest.mark.parametrize("objective", ["cycles", "arrays"])
def test_blocks_share_arrays_where_they_are_packed(objective: str) -> None:
    mapping = place(depthwise(8), SMALL, objective=objective)
    spots = mapping.plan.spots["deep"]
    one, two = (set(s.arrays) for s in mapping.steps[1:3])
    assert len(spots) == 2 and bool(one & two) == (objective == "arrays")
    again = place(depthwise(8), SMALL, spots=mapping.plan.spots)
    assert again.plan.spots == mapping.plan.spots and (run(again, X) == run(mapping, X)).all()
    for wrong, told in (
        ({**mapping.plan.spots, "deep": spots[:1]}, "layer deep has 2 blocks, got 1"),
        ({**mapping.plan.spots, "deep": (spots[0], spots[0])}, "layer deep covers cells of array"),
    ):
        with pytest.raises(InputError, match=told):
            place(depthwise(8), SMALL, spots=wrong)


def test_bounds_count_weights_and_blocks() -> None:
    """64 channels: 1,152 cells of weights, and 16 blocks of 36 rows."""
    sizes = outline(depthwise(64))
    assert sizes.layers[1].cells == 2 * 64 * 9
    least = bounds(sizes, SMALL)
    assert least == bounds(split(sizes, SMALL), SMALL) and least[0] < least[1]
    assert own(sizes, SMALL) == own(split(sizes, SMALL), SMALL)


def test_every_output_is_read_where_its_block_lies() -> None:
    mapping = place(depthwise(), SMALL)
    deep = mapping.plan.spots["deep"]
    found = [mapping.locate("deep", k) for k in range(6)]
    assert found == [(deep[0][0] // 24 + 1, k) for k in range(4)] + [(deep[1][0] // 24, k) for k in range(2)]


def test_all_blocks_have_one_range() -> None:
    """That of the largest current, which the second block causes; constants round as those of one layer."""
    network = depthwise()
    node = network.nodes[1]
    assert isinstance(node, ir.Conv)
    weight, mult = np.zeros_like(node.weight), np.full(6, 7)
    weight[5], mult[1] = 3, 20001
    network = replace(network, nodes=(network.nodes[0], node, network.nodes[2]))
    network.nodes[1].weight[...] = weight  # type: ignore[union-attr]
    narrow = SMALL.model_copy(update={"adc": SMALL.adc.model_copy(update={"bits": 5})})
    planned = plan(outline(network), narrow)
    assert choose_trims(network, planned, None)["deep"] == Trim(1, 1)
    assert choose_trims(network, planned, X)["deep"].gain == 1
    sized = replace(network.nodes[1], requant=replace(node.requant, mult=mult))  # type: ignore[call-arg]
    _, one, two, _ = place(
        replace(network, nodes=(network.nodes[0], sized, network.nodes[2])), narrow, {"deep": Trim(3, 4)}
    ).steps
    assert one.shift == two.shift and one.mult[0] == two.mult[0] and one.mult[1] > one.mult[0]


def through(channels: int, cut: int, last: bool = False) -> LayerSize:
    """A depthwise convolution of 3 x 3 that was trained through converters."""
    places = Places((channels, 6, 6), Window.square(3))
    return LayerSize(
        "deep", "first", 9 * channels, channels, INT32 if last else U8, cut=cut, places=places, groups=channels
    )


@pytest.mark.parametrize(
    ("channels", "cut", "blocks"), [(2, 0, 1), (2, 6, 1), (2, 7, 2), (4, 0, 2), (6, 15, 6), (3, 20, 3)]
)
def test_rows_are_cut_as_in_training(channels: int, cut: int, blocks: int) -> None:
    """Where an array ends inside a block, its groups would be cut at other rows: blocks are smaller then."""
    parts = split(Outline("net", 9, U8, (through(channels, cut),)), SMALL).layers
    assert len(parts) == blocks and sum(n.outputs for n in parts) == channels
    assert [n.part.gives for n in parts if n.part] == list(range(0, channels, channels // blocks))


def test_one_block_that_training_cut_elsewhere_is_refused() -> None:
    with pytest.raises(CapacityError) as caught:
        split(Outline("net", 9, U8, (through(4, 0, last=True),)), SMALL)
    assert str(caught.value) == (
        "layer deep: was trained through converters in 4 groups of 9 rows, and leaves the chip as one block of 36 "
        "from wordline 0 on, which arrays of 24 rows cut elsewhere; add a linear layer behind it, or choose a chip "
        "with more rows"
    )


def test_too_many_blocks_are_told() -> None:
    few = SMALL.model_copy(update={"memory": SMALL.memory.model_copy(update={"steps": 4})})
    assert plan(outline(depthwise()), few).steps
    with pytest.raises(CapacityError) as caught:
        plan(outline(depthwise(9)), few)
    assert str(caught.value) == (
        "network net: needs memory.steps >= 5, chip small has 4 (deep takes 3, one for every 4 of its 9 groups); raise "
        "memory.steps or shrink the network"
    )
    less = SMALL.model_copy(update={"arrays": SMALL.arrays.model_copy(update={"count": 2})})
    with pytest.raises(CapacityError) as caught:
        plan(outline(depthwise()), less)
    assert "deep 2 blocks of up to 36x4 takes 2x1" in str(caught.value)


def test_slices_that_are_free_beside_a_block() -> None:
    """A block of four columns leaves room beside it in its own arrays; the last layer's is as wide as all of it."""
    layers = (
        arch.Conv("first", "input", 8, 1),
        arch.Conv("deep", "first", 8, 3, groups=8),
        arch.Conv("last", "deep", 8, 1, groups=8, act=False),
    )
    found = slices_of(Quantization.model_validate({"slices": "free"}), layers, SMALL)
    assert found == {"first": 1, "deep": 2, "last": 1}
    sizes = outline(depthwise())
    sliced = replace(sizes, layers=(sizes.layers[0], replace(sizes.layers[1], slices=2), sizes.layers[2]))
    single = unsliced(plan(sliced, SMALL))
    assert single is not None and single.arrays == plan(sliced, SMALL).arrays == plan(sizes, SMALL).arrays


def test_places_of_a_part() -> None:
    assert through(4, 0).channels == 4
    (part, *_) = split(Outline("net", 9, U8, (through(4, 0),)), SMALL).layers
    assert (part.values, part.channels, part.pixels) == (32, 4, 16)
