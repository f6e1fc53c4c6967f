"""What does not fit, and advice that is true."""

import re
from dataclasses import replace

import pytest

from codesign.chip.description import Chip
from codesign.errors import CapacityError, UnsupportedError
from codesign.fixed import IntType, Trim
from codesign.ir import Add, AvgPool, Conv, MaxPool, Network, Node
from codesign.mapping import capacity, place, plan
from codesign.mapping.arrange import own
from codesign.mapping.capacity import needs
from codesign.mapping.outline import linear_layers, outline
from codesign.mapping.trim import choose_trims
from tests.hdl.programs import net
from tests.ir.networks import residual
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


KINDS: list[tuple[type[Node], str, str]] = [
    (Conv, "conv1", "convolutions"),
    (MaxPool, "pool", "max pooling"),
    (AvgPool, "avg", "average pooling"),
    (Add, "add", "residual sums"),
]


@pytest.mark.parametrize(("kind", "name", "told"), KINDS, ids=[name for _, name, _ in KINDS])
def test_layers_that_chips_do_not_take_yet(kind: type[Node], name: str, told: str) -> None:
    """Whatever asks first names the first such layer, however many arrays the linear ones would take."""
    first = next(n for n in residual().nodes if isinstance(n, kind))
    before = net([2000, 2000], TINY).nodes[0]
    network = Network("n", 2000, residual().input, (before, first, residual().nodes[-1]))
    for ask in (
        lambda: place(network, TINY),
        lambda: plan(outline(network), TINY),
        lambda: choose_trims(network, plan(outline(net([4, 4], TINY)), TINY), None),
    ):
        with pytest.raises(UnsupportedError) as caught:
            ask()
        assert str(caught.value) == (
            f"layer {name}: the compiler cannot map {told} to a chip yet, only linear layers; "
            "run the network with codesign.ir.run, or train one of linear layers"
        )


def test_an_image_may_feed_linear_layers() -> None:
    network = replace(net([20, 4], TINY), shape=(1, 4, 5))
    assert linear_layers(network) == network.nodes
    assert place(network, TINY).network is network
