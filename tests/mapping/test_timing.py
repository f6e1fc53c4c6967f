"""Predicted cycles. That they are the chip's is tested in tests/hdl/test_chip.py."""

import math
from collections import Counter, deque
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import INT32, IntType
from codesign.mapping import LayerSize, Outline, by_layer, lead, outline, place, plan, predict, stream, timing
from codesign.mapping.arrange import own as own_of
from codesign.mapping.pipeline import Core, Instances, Pipe
from codesign.mapping.timing import bound
from tests.hdl.programs import alternating, net
from tests.mapping.pictures import lenet, mobilenet_v2, random_places, reference, resnet20

TINY = Chip.load("tiny")


def test_mnist_on_the_reference_chip() -> None:
    chip = Chip.load("reference-128")
    own = place(net([784, 128, 10], chip), chip)
    cycles = predict(own)
    assert (cycles.bound, cycles.latency, cycles.interval) == (80, 115, 97)
    assert (len(own.arrays), plan(outline(own.network), chip, "arrays").arrays) == (15, 14)


@pytest.mark.parametrize(
    ("sizes", "arrays", "own", "interval"),
    [((784, 256, 128, 10), 30, 33, 214), ((784, 64, 10), 7, 8, 89), ((784, 128, 10), 14, 15, 98)],
)
def test_arrays_of_the_reference_geometry(sizes: tuple[int, ...], arrays: int, own: int, interval: int) -> None:
    """Packed on a chip that has no array more. The last of them costs a cycle against own tiles, 97."""
    chip = Chip.load("reference-128")
    chip = chip.model_copy(update={"arrays": chip.arrays.model_copy(update={"count": arrays})})
    network = Outline("x", sizes[0], IntType(8), layer_sizes(sizes, IntType(8)))
    few = plan(network, chip, "arrays")
    assert (few.arrays, own_of(network, chip), predict(few).interval) == (arrays, own, interval)
    assert plan(network, chip).arrays == arrays, "too few for own tiles"


@pytest.mark.parametrize(
    ("objective", "arrays", "interval", "loads"),
    [("cycles", 20, 17539, [5, 8, 7, 1]), ("arrays", 18, 17548, [5, 9, 14, 2])],
)
def test_lenet(objective: str, arrays: int, interval: int, loads: list[int]) -> None:
    """Pooling is part of the convolutions; packed, it takes the fewest arrays that it can."""
    planned = plan(lenet(), reference(32), objective)
    cycles = predict(planned)
    assert (planned.arrays, cycles.bound, cycles.interval) == (arrays, 17488, interval)
    assert [len(s.loads) for s in planned.steps] == loads
    assert (planned.lower_bound, planned.least, planned.activation_words) == (16, 18, 30)
    assert [s.instances for s in planned.steps] == [576, 64, 1, 1]
    assert [s.whole_input for s in planned.steps] == [True, False, False, False]


def test_resnet20() -> None:
    """Sums are part of their convolutions; all of it lies in as few arrays as there can be."""
    chip = reference(34, activation_words=384, input_words=24, loads=512, tiles=64)
    planned = plan(resnet20(), chip, "arrays")
    cycles = predict(planned)
    assert (planned.arrays, planned.lower_bound, planned.least) == (34, 34, 34)
    assert (cycles.bound, cycles.interval, cycles.latency) == (200720, 201577, 201605)
    assert cycles.interval / cycles.bound <= 1.02
    assert (len(planned.steps), planned.activation_words) == (23, 384)
    assert [s.instances for s in planned.steps[-3:]] == [64, 8, 1], "eight lane groups of a global average"
    assert predict(plan(resnet20(), reference(61, **chip.memory.model_dump()))).interval == 201580


@pytest.mark.slow
def test_mobilenet_v2() -> None:
    """Half of what converters do is depthwise: a step for every eight channels, nine loads and eight cycles a place.

    Its last pooling averages 1,280 channels in two steps.
    """
    chip = reference(
        481,
        activation_words=13328,
        input_words=1176,
        steps=930,
        loads=8375,
        tiles=1092,
        constants=2516,
        walks=33,
    )
    planned = plan(mobilenet_v2(), chip, "arrays")
    assert (planned.arrays, planned.lower_bound, planned.least) == (481, 424, 479)
    cycles, layers = predict(planned), by_layer(planned)
    assert (cycles.bound, cycles.interval) == (4_373_608, 4_692_893)
    deep = [n for n in layers if n.layer.endswith("_deep")]
    assert (len(planned.steps), len(layers), len(deep)) == (930, 54, 17)
    assert sum(n.convert for n in deep) == 2_301_824 and all(8 * n.load == 9 * n.convert for n in deep)


def test_lenets_second_convolution_loads_by_rows_of_its_kernel() -> None:
    """The example of docs/image.md: five kernel rows of 100 activations, cut where arrays end."""
    found = [(a.offset, a.wordline, a.count, a.arrays) for a in plan(lenet(), reference(32)).steps[1].loads]
    assert found == [
        (0, 0, 100, (1,)),
        (240, 100, 28, (1,)),
        (268, 0, 72, (2,)),
        (480, 72, 56, (2,)),
        (536, 0, 44, (3,)),
        (720, 44, 84, (3,)),
        (804, 0, 16, (4,)),
        (960, 16, 100, (4,)),
    ]


def test_the_law_of_a_loop() -> None:
    """What docs/layout.md says a place of a convolution takes, once the loop is under way."""
    binding = Counter[int]()
    for seed in range(300):
        rng = np.random.default_rng(seed)
        places, outputs, kind = random_places(rng), int(rng.integers(1, 40)), IntType(int(rng.integers(1, 9)))
        inputs = places.picture[0] * places.window.area
        conv = LayerSize("conv", "input", inputs, outputs, IntType(8), places=places)
        last = LayerSize("fc", "conv", conv.values, 1, INT32)
        outlined = Outline("loop", math.prod(places.picture), kind, (conv, last))
        chip = reference(int(rng.integers(24, 300)))
        sizes = {"rows": int(rng.integers(8, 64)), "columns": 2 * int(rng.integers(8, 20))}
        arrays, adc = (
            chip.arrays.model_copy(update=sizes),
            chip.adc.model_copy(update={"lanes": int(rng.integers(1, 9))}),
        )
        memory = chip.memory.model_copy(
            update={"loads": 999, "word": int(rng.choice([16, 64])), "activation_words": 999}
        )
        chip = chip.model_copy(update={"arrays": arrays, "adc": adc, "memory": memory})
        try:
            planned = plan(outlined, chip)
        except CapacityError:
            continue
        step, stages = planned.steps[0], timing.scan_stages(planned)
        loads, bits, groups = len(step.loads), kind.bits, step.column_groups
        drains = sum(-(-t.columns // chip.adc.lanes) for t in step.tiles)
        law = (
            bits * groups,
            loads,
            drains,
            Fraction(loads + 2 + (bits - 1) * groups, 2),
            Fraction((bits - 1) * groups + stages + 3 + drains, 2),
        )
        core, instance = Core(stages, chip.memory.operands, False), timing._timed(planned)[0]
        core.first(instance, 0)
        ends = []
        for _ in range(150):
            core.next(instance)
            ends.append(core.last_load)
        assert Fraction(ends[149] - ends[49], 100) == max(law)
        binding[law.index(max(law))] += 1
    assert sum(binding.values()) > 100 and binding.keys() == {0, 1, 2, 3, 4}, binding


def test_digits_as_the_readme_says() -> None:
    """flows/digits_mlp.toml."""
    chip = Chip.load("reference-128")
    cycles = predict(plan(Outline("x", 64, IntType(4), layer_sizes((64, 64, 10), IntType(4))), chip))
    assert (cycles.latency, cycles.interval) == (67, 49)


def layer_sizes(sizes: tuple[int, ...], hidden: IntType) -> tuple[LayerSize, ...]:
    """fc1, fc2, ..., the last of them raw."""
    last = len(sizes) - 2
    return tuple(
        LayerSize(f"fc{k + 1}", f"fc{k}" if k else "input", i, o, INT32 if k == last else hidden)
        for k, (i, o) in enumerate(pairwise(sizes))
    )


@pytest.mark.parametrize(
    ("sizes", "kind", "hidden", "expected"),
    [
        ([5, 3], IntType(8), IntType(8), 8),  # one group of four
        ([5, 5], IntType(8), IntType(8), 16),  # two groups
        ([5, 5], IntType(3, True), IntType(8), 6),
        ([30, 11, 5], IntType(8), IntType(8), 32),  # columns of several arrays convert together
        ([16, 9, 8, 4], IntType(3), IntType(5), 6 + 10 + 5),
    ],
)
def test_bound(sizes: list[int], kind: IntType, hidden: IntType, expected: int) -> None:
    mapping = place(net(sizes, TINY, kind=kind, hidden=hidden), TINY)
    assert bound(mapping) == expected
    cycles = predict(mapping)
    assert cycles.bound == expected <= cycles.interval
    assert cycles.latency > expected


def test_the_stream_is_steady_and_bounded_by_what_is_busiest() -> None:
    mapping = place(net([30, 11, 5], TINY), TINY)
    ins, outs = stream(mapping, 20)
    assert ins[0] == mapping.beats - 1
    assert outs[0] - ins[0] == predict(mapping).latency
    gaps = set(np.diff(outs[10:]).tolist())
    assert gaps == {predict(mapping).interval}
    assert min(gaps) >= max(bound(mapping), mapping.beats, mapping.network.outputs)


def test_slow_input_or_output_bounds_the_interval() -> None:
    narrow = TINY.model_copy(update={"bus": TINY.bus.model_copy(update={"stream_bytes": 1})})
    mapping = place(net([90, 1], narrow, kind=IntType(1)), narrow)
    assert predict(mapping).interval == mapping.beats == 90


@pytest.mark.parametrize("seed", range(30))
def test_a_plan_without_weights_tells_what_the_placed_network_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    chip = TINY.model_copy(update={"arrays": TINY.arrays.model_copy(update={"count": 64})})
    sizes = [int(n) for n in rng.integers(1, 40, rng.integers(2, 5))]
    network = net(sizes, chip)
    planned, mapping = plan(outline(network), chip), place(network, chip)
    assert stream(planned, 6) == stream(mapping, 6)
    assert predict(planned) == predict(mapping)
    assert planned.arrays == len(mapping.arrays)
    assert planned.lower_bound == mapping.lower_bound


def test_the_interval_of_images_that_take_turns_is_their_mean() -> None:
    mapping = alternating().mapping
    _, outs = stream(mapping, 40)
    assert set(np.diff(outs[20:]).tolist()) == {3, 6}, "each parity alone would be another interval"
    cycles = predict(mapping)
    assert (cycles.interval, cycles.period) == (4.5, 2)
    assert Fraction(outs[-1] - outs[19], 20) == Fraction(9, 2)


def test_a_stream_that_is_not_periodic_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "LONGEST", 1)
    with pytest.raises(CapacityError) as caught:
        predict(alternating().mapping)
    assert str(caught.value) == (
        "chip alternating: the network's stream is not periodic within 1 images, so its initiation interval is not "
        "known; change a layer's width or the chip's converters"
    )


def late(mapping: timing.Timed, images: int, own: int) -> tuple[list[int], list[int]]:
    """Latencies of the last `own` images of a stream, and what the last period took."""
    ins, outs = stream(mapping, images)
    period = predict(mapping).period
    return [o - i for i, o in zip(ins, outs, strict=True)][-own:], [outs[-1] - outs[-1 - period]]


@pytest.mark.parametrize("seed", range(30))
def test_after_a_lead_a_stream_does_not_tell_how_it_began(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [int(n) for n in rng.integers(1, 30, size=int(rng.integers(2, 5)))]
    chip = TINY.model_copy(update={"arrays": TINY.arrays.model_copy(update={"count": 40})})
    mapping = place(net(sizes, chip, kind=IntType(int(rng.integers(1, 9)))), chip)
    before, period = lead(mapping), predict(mapping).period
    assert before % period == 0
    for more in range(1, 2 * period + 2):
        for longer in (before + period, before + 8 * period):
            assert late(mapping, before + more, more) == late(mapping, longer + more, more)


def test_a_lead_matters() -> None:
    mapping = alternating().mapping
    assert predict(mapping).period == 2 and lead(mapping) > 2
    assert late(mapping, 6, 5) != late(mapping, 26, 5)


@pytest.mark.parametrize("objective", ["cycles", "arrays"])
def test_the_layers_together_take_the_image(objective: str) -> None:
    """Convolutions with pooling, residual sums with and without a matrix, a vector step."""
    seen = 0
    for network in (lenet(), resnet20()):
        chip = reference(64, activation_words=384, input_words=24, loads=512, tiles=128, steps=64)
        planned = plan(network, chip, objective)
        cycles, found = predict(planned), by_layer(planned)
        assert sum(n.takes for n in found) == planned.beats + cycles.latency
        assert sum(n.convert for n in found) == cycles.bound
        for n, step in zip(found, planned.steps, strict=True):
            assert (n.layer, n.places) == (step.layer, step.instances)
            assert n.load == step.instances * len(step.loads)
            assert n.wait == max(0, n.takes - n.convert) and n.takes >= n.drain
            seen += not n.convert
    assert seen == 1, "ResNet-20's average pooling"


def test_column_groups_behind_an_output_word_that_waits() -> None:
    """One by one, or as many groups of a single term as there are: the requantizer's stages move alike."""
    step = Instances(0, False, (0,), 1, False, 0, 8, 4, False, (((0,), (8, 8, 8, 8)),))
    for waiting in range(12):
        whole, parts = Pipe(1), Pipe(1)
        whole.left = parts.left = 10 + waiting
        found = whole.drain(step, 8, deque())
        for group in range(4):
            one = step._replace(tiles=(((group,), (8,)),))
            last = parts.drain(one, 8, deque())
        assert (found, whole.state) == (last, parts.state)
