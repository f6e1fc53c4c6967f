"""What does not fit, and advice that is true."""

import re

import pytest

from codesign.errors import CapacityError
from codesign.fixed import IntType
from codesign.hardware import Chip
from codesign.mapping import place
from codesign.mapping.capacity import arrays_needed, check_capacity
from hdl.programs import net

TINY = Chip.load("tiny")


def refusal(sizes: list[int], chip: Chip = TINY, **options: IntType) -> str:
    with pytest.raises(CapacityError) as caught:
        place(net(sizes, chip, **options), chip)
    return str(caught.value)


def fits(sizes: list[int]) -> bool:
    try:
        check_capacity(net(sizes, TINY), TINY)
    except CapacityError:
        return False
    return True


def test_wording() -> None:
    assert refusal([40, 20, 5]) == (
        "network net0: needs 11 arrays, chip tiny has 6 (fc1 40x20 takes 3x3, fc2 20x5 takes 2x1); "
        "narrow fc1 to 8 outputs, or choose a chip with arrays.count >= 11"
    )
    assert refusal([40, 30]) == (
        "network net0: needs 12 arrays, chip tiny has 6 (fc1 40x30 takes 3x4); choose a chip with arrays.count >= 12"
    )


@pytest.mark.parametrize(
    "sizes", [[40, 20, 5], [30, 17, 5], [16, 33, 8], [20, 9, 20, 4], [8, 16, 17, 8, 9], [33, 8, 17, 2], [16, 60, 8]]
)
def test_the_advised_width_is_the_largest_that_fits(sizes: list[int]) -> None:
    advice = re.search(r"narrow fc(\d+) to (\d+) outputs, or choose", refusal(sizes))
    assert advice, "a network that narrowing one layer mends"
    layer, width = int(advice[1]), int(advice[2])
    narrowed = sizes[layer] - width
    assert fits([*sizes[:layer], width, *sizes[layer + 1 :]])
    for k in range(1, len(sizes) - 1):  # nothing smaller helps, in no hidden layer
        for less in range(1, min(narrowed, sizes[k])):
            assert not fits([*sizes[:k], sizes[k] - less, *sizes[k + 1 :]])


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


def test_wide_activations() -> None:
    chip = TINY.model_copy(update={"activation": TINY.activation.model_copy(update={"bits": 4})})
    text = "network net0: has 8-bit activations, chip tiny takes 4; train with fewer bits or raise activation.bits"
    assert refusal([4, 4], chip) == text
    assert refusal([4, 4, 4], chip, kind=IntType(4)) == text
    assert place(net([4, 4, 4], chip, kind=IntType(4), hidden=IntType(4)), chip)


def test_arrays_needed() -> None:
    assert arrays_needed(net([40, 20, 5], TINY), TINY) == 11
