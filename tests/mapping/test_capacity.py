"""What does not fit, and advice that is true."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import INT32, IntType, Trim
from codesign.image.descriptors import load_record, step_record
from codesign.ir.geometry import Shape, Window
from codesign.mapping import LayerSize, Outline, Plan, Step, capacity, place, plan
from codesign.mapping.arrange import own
from codesign.mapping.capacity import needs
from codesign.mapping.lower import outline
from codesign.mapping.outline import Places
from tests.hdl.programs import net
from tests.mapping.pictures import lenet, reference, small, small_nodes
from tests.mapping.sliced import sliced_net

TINY = Chip.load("tiny")


def refusal(sizes: list[int], chip: Chip = TINY, **options: IntType) -> str:
    with pytest.raises(CapacityError) as caught:
        place(net(sizes, chip, **options), chip)
    return str(caught.value)


def fits(sizes: list[int]) -> bool:
    try:
        plan(outline(net(sizes, TINY)), TINY)
    except CapacityError:
        return False
    return True


def test_wording() -> None:
    told = refusal([40, 20, 5])
    need = re.search(r"needs (\d+) arrays", told)
    assert need and int(need[1]) >= 8, "40 rows of 5 groups and 20 of 2, two groups of 16 rows an array"
    assert re.fullmatch(
        rf"network net0: needs {need[1]} arrays [a-z ]+, chip tiny has 6 \(fc1 40x20 takes 3x3, fc2 20x5 takes 2x1\); "
        rf"narrow fc1 to 8 outputs, or choose a chip with arrays.count >= {need[1]}",
        told,
    )
    assert "(fc1 40x30 takes 3x4); choose a chip with arrays.count >= 1" in refusal([40, 30])


def test_slices_are_part_of_the_arithmetic() -> None:
    with pytest.raises(CapacityError) as caught:
        place(sliced_net([40, 20, 5], (1, 2), TINY), TINY)
    assert "(fc1 40x20 takes 3x3, fc2 20x5 in 2 slices takes 2x2); " in str(caught.value)


def test_recorded_cuts_are_part_of_the_arithmetic() -> None:
    """16 rows from wordline 1 on reach into a second array."""
    one = TINY.model_copy(update={"arrays": TINY.arrays.model_copy(update={"count": 1})})
    whole = net([16, 4], TINY)
    cut = replace(whole, nodes=(replace(whole.nodes[0], trim=Trim(), cut=1),))
    assert place(whole, one).plan.arrays == 1
    with pytest.raises(CapacityError) as caught:
        place(cut, one)
    assert str(caught.value) == (
        "network net0: needs 2 arrays however packed with the row cuts that fc1 had in training, chip tiny has 1 "
        "(fc1 16x4 takes 2x1); choose a chip with arrays.count >= 2"
    )


def test_a_network_that_does_not_fit_unpacked_is_packed() -> None:
    """Own tiles would take 7 arrays."""
    network = outline(net([20, 9, 20, 4], TINY))
    assert own(network, TINY) == 4 + 3 + 2 > TINY.arrays.count
    assert plan(network, TINY).arrays <= TINY.arrays.count


@pytest.mark.parametrize("sizes", [[40, 20, 5], [30, 17, 5], [16, 33, 8], [8, 16, 17, 8, 9], [16, 60, 8]], ids=str)
def test_the_advised_width_is_the_largest_with_own_tiles(sizes: list[int]) -> None:
    advice = re.search(r"narrow fc(\d+) to (\d+) outputs, or choose", refusal(sizes))
    assert advice, "a network that narrowing one layer mends"
    layer, width = int(advice[1]), int(advice[2])
    narrowed = sizes[layer] - width
    assert fits([*sizes[:layer], width, *sizes[layer + 1 :]])
    for k in range(1, len(sizes) - 1):  # nothing smaller gives every tile an array, in no hidden layer
        for less in range(1, min(narrowed, sizes[k])):
            narrower = [*sizes[:k], sizes[k] - less, *sizes[k + 1 :]]
            assert own(outline(net(narrower, TINY)), TINY) > TINY.arrays.count


def test_no_advice_when_no_single_layer_helps() -> None:
    assert "narrow" not in refusal([60, 30, 30, 20])


@pytest.mark.parametrize(
    ("key", "sizes"),
    [("input_words", [33, 4]), ("steps", [4, 4, 4]), ("loads", [33, 4]), ("tiles", [4, 9]), ("constants", [4, 9])],
)
def test_memories(key: str, sizes: list[int]) -> None:
    limits = {"input_words": 2, "steps": 1, "loads": 2, "tiles": 1, "constants": 2}
    needs = limits[key] + 1
    chip = TINY.model_copy(update={"memory": TINY.memory.model_copy(update={key: limits[key]})})
    assert refusal(sizes, chip) == (
        f"network net0: needs memory.{key} >= {needs}, chip tiny has {limits[key]}; "
        f"raise memory.{key} or shrink the network"
    )
    enough = TINY.model_copy(update={"memory": TINY.memory.model_copy(update={key: needs})})
    assert place(net(sizes, enough), enough).chip is enough


def test_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "MAX_BEATS", 2)
    assert place(net([8, 4], TINY), TINY).beats == 2
    assert refusal([9, 4]) == (
        "network net0: an image takes 3 input beats, the chip counts up to 2; "
        "raise bus.stream_bytes or shrink the input"
    )


def test_wide_activations() -> None:
    chip = TINY.model_copy(update={"activation": TINY.activation.model_copy(update={"bits": 4})})
    text = "network net0: has 8-bit activations, chip tiny takes 4; train with fewer bits or raise activation.bits"
    assert refusal([4, 4], chip) == text
    assert refusal([4, 4, 4], chip, kind=IntType(4)) == text
    assert place(net([4, 4, 4], chip, kind=IntType(4), hidden=IntType(4)), chip)


def test_terms_and_loads_of_packed_and_sliced_layers_count() -> None:
    planned = plan(outline(sliced_net([20, 4, 9, 3], (2, 1, 1), TINY)), TINY)
    tight = {"tiles": 5, "constants": 6}  # two terms of one tile; two blocks of one; one
    assert {key: used for key, (used, _) in needs(planned).items() if key[7:] in tight} == {
        f"memory.{key}": used for key, used in tight.items()
    }
    half = TINY.model_copy(update={"memory": TINY.memory.model_copy(update={"word": 8})})
    assert needs(plan(outline(net([20, 4], half)), half))["memory.loads"] == (3, 64), "8 + 8 + 4 activations"
    assert needs(plan(outline(net([20, 4], half)), half))["memory.input_words"] == (3, 8)


def with_memory(chip: Chip, **sizes: int) -> Chip:
    return chip.model_copy(update={"memory": chip.memory.model_copy(update=sizes)})


def test_a_picture_larger_than_the_activation_memory() -> None:
    """After pooling: 12 x 12 pixels of 20 channels, 23 words; then 4 x 4 of 50 beside them."""
    for words, told in (
        (22, "layer conv1: its 2880 activations need words 0..22, memory.activation_words is 22; raise it to 23"),
        (29, "layer conv2: its 800 activations need words 23..29, memory.activation_words is 29; raise it to 30"),
    ):
        with pytest.raises(CapacityError) as caught:
            plan(lenet(), with_memory(reference(32), activation_words=words))
        assert str(caught.value) == f"{told} or narrow the layer"
    assert plan(lenet(), with_memory(reference(32), activation_words=30)).activation_words == 30


@pytest.mark.parametrize(("key", "needed"), [("pools", 7), ("walks", 3)])
def test_pools_and_walks(key: str, needed: int) -> None:
    """The widest pooled layer has 50 outputs, in seven groups. Two layers walk, the others share an entry."""
    tight = with_memory(reference(32), **{key: needed - 1})
    with pytest.raises(CapacityError) as caught:
        plan(lenet(), tight)
    assert str(caught.value) == (
        f"network lenet: needs memory.{key} >= {needed}, chip reference-128 has {needed - 1}; "
        f"raise memory.{key} or shrink the network"
    )
    assert plan(lenet(), with_memory(tight, **{key: needed})).arrays == 20


def test_what_is_not_pooled_needs_no_place_for_it() -> None:
    """fc1 has 128 outputs, in 16 groups."""
    assert needs(plan(lenet(), reference(32)))["memory.pools"] == (7, 64)
    flat = small(nodes=(replace(small_nodes()[-1], source="input", weight=np.ones((84, 3), np.int32)),))
    assert needs(plan(outline(flat), TINY))["memory.pools"] == (0, 64)


PADDED: dict[str, tuple[Shape, Window, str]] = {
    "rows": ((1, 65536, 1), Window((1, 1), (64, 1), (1, 0)), "the picture has 65536 rows, a chip counts up to 65535"),
    "row length": (
        (1, 1, 65536),
        Window((1, 1), (1, 64), (1, 0)),
        "a row of the picture has 65536 activations, a chip counts up to 65535",
    ),
    "kernel rows": ((1, 129, 1), Window((129, 1), padding=(1, 0)), "the kernel has 129 rows, a chip counts up to 128"),
    "kernel row": (
        (1, 1, 32769),
        Window((1, 32769), padding=(0, 1)),
        "a row of the kernel has 32769 activations, a chip counts up to 32768",
    ),
    "left": (
        (1, 1, 9),
        Window((1, 2), (1, 64), (0, 32769)),
        "32769 activations of 0 lie left of a row, a chip counts up to 32768",
    ),
    "above": (
        (1, 9, 1),
        Window((2, 1), (64, 1), (32769, 0)),
        "32769 rows of 0 lie above it, a chip counts up to 32768",
    ),
}


@pytest.mark.parametrize(("picture", "window", "told"), PADDED.values(), ids=PADDED)
def test_more_of_a_padded_picture_than_entries_count(picture: Shape, window: Window, told: str) -> None:
    """One less, or no padding, is taken, and its entries can be written."""
    wide = with_memory(reference(300), input_words=1024, activation_words=60000, loads=2000)

    def planned(picture: Shape, window: Window) -> Plan:
        size = LayerSize("c", "input", math.prod(window.size), 2, INT32, places=Places(picture, window))
        return plan(Outline("n", math.prod(picture), IntType(8), (size,)), wide)

    with pytest.raises(CapacityError) as caught:
        planned(picture, window)
    assert str(caught.value) == f"layer c: pads a picture, and {told} there; make that smaller or do not pad"

    largest = max(*picture, *window.size, *window.padding)
    one, height, width = (n - (n == largest) for n in picture)
    size, padding = ((a - (a == largest), b - (b == largest)) for a, b in (window.size, window.padding))
    fits = planned((one, height, width), Window(size, window.stride, padding)).steps[0]
    step = Step(**vars(fits), trim=Trim(), mult=np.ones(2, np.int64), bias=np.zeros(2, np.int64), shift=0, base=1)
    assert step.walk.bounded and step_record(step, 0, 0, 1)["rows"] == step.walk.rows
    assert all(load_record(load)["row"] == load.row for load in step.loads)
    unpadded = Window(window.size, window.stride)
    if unpadded.fits(picture):
        assert not planned(picture, unpadded).steps[0].walk.bounded
