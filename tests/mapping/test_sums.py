"""Sums of accumulators: their ranges, terms and operands, against what the chip holds."""

import re
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from codesign import fixed, ir
from codesign.chip.description import Chip
from codesign.chip.layout import TILE
from codesign.errors import CapacityError
from codesign.fixed import INT32, Ints, IntType, Trim
from codesign.ir import Add, Linear, Network, Requant, verify
from codesign.ir.geometry import Window
from codesign.mapping import LayerSize, Outline, Plan, layers, outline, place, plan, predict
from codesign.mapping.capacity import needs
from codesign.mapping.outline import Places
from codesign.mapping.trim import choose_trims
from tests.hdl.programs import images

TINY = Chip.load("tiny")
LARGE = Chip.load("reference-128").model_copy(
    update={
        "arrays": Chip.load("reference-128").arrays.model_copy(update={"count": 64}),
        "memory": Chip.load("reference-128").memory.model_copy(update={"activation_words": 64, "constants": 512}),
    }
)
WIDE = TINY.model_copy(update={"adc": TINY.adc.model_copy(update={"bits": 12})})
COARSE = TINY.model_copy(update={"adc": TINY.adc.model_copy(update={"bits": 2})})


def summed(mult: int, other: int, shift: int, units: int = 8) -> Network:
    """fc1, accumulators of it added to it, fc3: each of 8 units, if not said otherwise."""
    rng = np.random.default_rng(0)
    weights = [rng.integers(-3, 4, size).astype(np.int32) for size in ((12, units), (units, units), (units, 4))]
    ones, none = np.ones(units, np.int64), np.zeros(units, np.int64)
    first = Requant(40 * ones, 3000 * ones, 7, IntType(6))
    raw, last = Requant(ones, none, 0, INT32), Requant(ones[:4], none[:4], 0, INT32)
    nodes = (
        Linear("fc1", "input", weights[0], first),
        Linear("fc2", "fc1", weights[1], raw),
        Add("add", "fc2", "fc1", other * ones, Requant(mult * ones, none, shift, IntType(8, True))),
        Linear("fc3", "add", weights[2], last),
    )
    return verify(Network("summed", 12, IntType(4), nodes))


def chosen(network: Network, chip: Chip, calibration: Ints | None) -> dict[str, Trim]:
    return choose_trims(network, plan(outline(network), chip), calibration)


@pytest.mark.parametrize("other", [1, -1, 9, 3000])
def test_a_range_leaves_the_other_edge_its_multipliers(other: int) -> None:
    """Coarser codes take larger multipliers; where those overflow, both give up bits, and small ones would be 0."""
    network = summed(20000, other, 14)
    trims = chosen(network, COARSE, images(40, network))
    step = place(network, COARSE, trims).steps[1]
    assert step.other is not None and step.other.all()
    assert trims["fc2"] == Trim(1, {1: 1, -1: 0}.get(other, 2))
    assert step.shift == 14 - trims["fc2"].shift, "mult is as large as it can be"


def test_ranges_of_sums_without_calibration() -> None:
    """Two-bit codes hold -2..1; the multipliers of fc1 vanish with the second bit."""
    with pytest.raises(CapacityError) as caught:
        chosen(summed(20000, 1, 14), COARSE, None)
    assert re.fullmatch(
        r"layer fc2: its currents span -\d+..\d+, 2-bit converters hold only -2..1 in units of 2; "
        r"give calibration inputs, raise adc.bits or choose a chip with fewer rows",
        str(caught.value),
    )
    assert chosen(summed(20000, 3000, 14), COARSE, None)["fc2"].shift > 2


@pytest.mark.parametrize("shift", [0, 2, 5])
def test_a_sum_behind_ranged_converters_is_near_the_exact_one(shift: int) -> None:
    """Each bit plane is off by half a code at most; the other edge by nothing."""
    network = summed(700, 12000, 14)
    x = images(200, network)
    mapping = place(network, WIDE, {"fc2": Trim(1, shift)})
    exact, found = ir.edges(network, x)["add"], layers(mapping, x)["add"]
    off = np.abs(exact - found).max()
    assert off <= 0.5 * (1 << shift) * 63 * 700 / (1 << 14) + 1 and (off > 0) == (shift > 0)
    assert len(np.unique(exact)) > 50


def test_more_groups_of_the_other_edge_than_places() -> None:
    """Nine columns are three lane groups. All are loaded before the first one is taken."""
    network = summed(700, 12000, 14, units=9)

    def holding(operands: int) -> Chip:
        return TINY.model_copy(update={"memory": TINY.memory.model_copy(update={"operands": operands})})

    with pytest.raises(CapacityError) as caught:
        plan(outline(network), holding(2))
    assert str(caught.value) == (
        "network summed: needs memory.operands >= 3, chip tiny has 2; raise memory.operands or shrink the network"
    )
    assert predict(plan(outline(network), holding(3))).interval > 0
    assert needs(plan(outline(network), holding(3)))["memory.operands"] == (3, 3)
    assert needs(plan(outline(apart(network)), holding(2)))["memory.operands"] == (0, 2), "taken one by one"


def apart(network: Network) -> Network:
    """The same with activations in place of accumulators."""
    fc1, fc2, add, fc3 = network.nodes
    assert isinstance(fc1, Linear) and isinstance(fc2, Linear)
    return verify(replace(network, nodes=(fc1, replace(fc2, requant=fc1.requant), add, fc3)))


def test_no_sum_of_terms_exceeds_the_requantizer() -> None:
    """It adds signed 47 bits. What no chip has more of: arrays in a run, bits, operands of a place."""
    limits = {"arrays.count": 1024, "adc.bits": 12, "activation.bits": 8, "memory.loads": 65536}
    for key, most in limits.items():
        part, name = key.split(".")
        for value, taken in ((most, True), (most + 1, False)):
            data = TINY.model_dump(mode="json")
            data[part] = data[part] | {name: value}
            with nullcontext() if taken else pytest.raises(ValidationError, match=name):
                Chip.model_validate(data)
    accumulator = 1024 << (8 + 12 - 1)
    slices = sum((1 << fixed.MULT_BITS - 1) // 2**s for s in range(fixed.MAX_SLICES))  # the highest one fits
    operand, bias = 1 << 8 + fixed.MULT_BITS - 1, 1 << fixed.BIAS_BITS - 1
    assert accumulator * slices + operand + bias < 1 << 46 and 65536 * operand + bias < 1 << 46


def test_more_channels_than_an_entry_counts() -> None:
    """Layers without a matrix take a step more: a pixel's channels are one entry."""

    def planned(channels: int, joins: str, steps: int = 16) -> Plan:
        places, other = Places((channels, 1, 1), Window((1, 1))), "c" if joins == "add" else ""
        sizes = (
            LayerSize("c", "input", 1, channels, IntType(8)),
            LayerSize("v", "c", 0, channels, IntType(8), places=places, other=other, joins=joins),
            LayerSize("d", "v", channels, 2, INT32),
        )
        memory = LARGE.memory.model_copy(update={"steps": steps})
        return plan(Outline("n", 1, IntType(8), sizes), LARGE.model_copy(update={"memory": memory}))

    most = TILE.field("columns").hi // 8 * 8
    assert (LARGE.adc.lanes, most) == (8, 1016)
    for joins in ("add", "max"):
        assert [s.outputs for s in planned(1016, joins).steps if s.is_vector] == [1016]
        one, two = (s for s in planned(1024, joins).steps if s.is_vector)
        assert (one.outputs, two.outputs) == (1016, 8)
        assert (two.walk.source - one.walk.source, two.write - one.write) == (1016, 1016)
        with pytest.raises(CapacityError) as caught:
            planned(2040, joins, 4)
        assert str(caught.value) == (
            "network n: needs memory.steps >= 5, chip reference-128 has 4 (v takes 3, one for every 1,016 of its 2,040 "
            "channels); raise memory.steps or shrink the network"
        )
