"""Lists to program by, delta images, and where a weight lies: everything by the user's names, and back."""

import csv
import io
import random

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.chip.layout import CELLS
from codesign.errors import InputError
from codesign.image import (
    cell_at,
    cell_levels,
    changed_cells,
    delta,
    faults,
    find,
    held_by,
    merged,
    parse,
    sections,
    stream,
    target_list,
    targets,
    title,
    whole_chip,
)
from codesign.ir import Conv, Linear
from codesign.mapping import Mapping, place
from tests.hdl.programs import net
from tests.image import test_numbers, test_pictures
from tests.image.folders import MAPPING, PACKED, TINY

REFERENCE = Chip.load("reference-128")
MAPPINGS = {"plain": MAPPING, "sliced": PACKED, "removed": test_numbers.MAPPING, "pictures": test_pictures.MAPPING}


def rows(mapping: Mapping, **options: object) -> list[dict[str, str]]:
    told = targets(mapping.chip.device, 40.0)
    text = b"".join(target_list(whole_chip(held_by(mapping), mapping.chip), mapping.chip, told, **options)).decode()
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_every_cell_of_every_array_once(mapping: Mapping) -> None:
    found, used = rows(mapping), {u.array: u.levels for u in mapping.arrays}
    assert len(found) == 6 * 16 * 16
    assert [int(r["order"]) for r in found] == list(range(1, len(found) + 1))
    seen = {(int(r["array"]), int(r["wordline"]), int(r["bitline"])): int(r["level"]) for r in found}
    assert len(seen) == len(found)
    for (a, w, b), level in seen.items():
        assert level == (used[a][w, b] if a in used else 0)
    before = [(int(r["array"]), int(r["wordline"]), int(r["level"])) for r in found]
    assert before == sorted(before), "levels rise on a wordline"


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_the_list_holds_every_weight_by_its_name(mapping: Mapping) -> None:
    """Weights summed up from the list are those of the network, zeros included, at the user's numbers."""
    codes, base = mapping.chip.device.codes, mapping.chip.device.levels
    sums: dict[tuple[str, int, int], int] = {}
    for r in rows(mapping):
        if r["layer"]:
            key = r["layer"], int(r["output"]), int(r["input"])
            sign = 1 if r["polarity"] == "+" else -1
            sums[key] = sums.get(key, 0) + sign * codes[int(r["level"])] * base ** int(r["slice"])
    expected = {}
    for node in mapping.network.nodes:
        if isinstance(node, Linear | Conv):
            numbers = mapping.network.numbers_of(node.name)
            inputs = node.rows(mapping.network.numbers_of(node.source), mapping.network.shape_of(node.source))
            for (r, c), weight in np.ndenumerate(node.matrix):
                expected[node.name, int(numbers[c]), int(inputs[r])] = int(weight)
    assert sums == expected and 0 in expected.values()


def test_targets() -> None:
    told = targets(TINY.device, 40.0)
    assert told.unit == "uS"
    assert told.target == pytest.approx((0, 40 / 3, 80 / 3, 40)) and told.low[0] == 0
    assert told.high[0] == told.target[3] - told.low[3] == 1.0, "1 of 40 uS"
    assert targets(TINY.device).unit == "g_on" and targets(TINY.device).target[3] == 1
    table = TINY.device.model_copy(update={"spacing": "table", "table": (1.2, 14.8, 33.1, 50.4), "code_bits": 6})
    assert targets(table, 50.4).target == pytest.approx((1.2, 14.8, 33.1, 50.4))
    fine = TINY.device.model_copy(update={"levels": 32, "code_bits": 5})
    assert targets(fine).high[0] == pytest.approx(1 / 31 / 4), "windows of neighbours stay apart"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"window": 0.2},
            "--window 0.2: must be above 0 and below 0.1667, half the smallest distance between two levels",
        ),
        ({"window": 0.0}, "--window 0: must be above 0"),
        ({"window": float("nan")}, "--window nan: must be above 0"),
        ({"g_on": 0.0}, "--g-on 0: must be a conductance above 0, in uS"),
        ({"g_on": -1.0}, "--g-on -1: must be"),
        ({"g_on": float("inf")}, "--g-on inf: must be"),
    ],
)
def test_targets_that_cannot_be(options: dict[str, float], told: str) -> None:
    with pytest.raises(InputError) as caught:
        targets(TINY.device, **options)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("chip", [TINY, REFERENCE], ids=["tiny", "reference-128"])
def test_a_delta_makes_the_chip_hold_the_new_image(seed: int, chip: Chip) -> None:
    rng = random.Random(seed)
    sizes = [[rng.randint(1, 40), rng.randint(1, 12), rng.randint(1, 8)] for _ in "ab"]
    if seed % 2:  # the same network with a few other weights
        sizes[1] = sizes[0]
    old, new = (place(net(s, chip, seed=k), chip) for k, s in enumerate(sizes))
    if seed == 3:
        new = old
    one, other = (parse(stream(chip, sections(m)).tobytes(), chip) for m in (old, new))
    made = parse(stream(chip, delta(one, other, chip)).tobytes(), chip)
    both = merged(one, made, "delta")
    assert faults(both, chip) == []
    before, after = cell_levels(both, chip), cell_levels(other, chip)
    assert all((before[a][held >= 0] == held[held >= 0]).all() for a, held in after.items())
    cells = changed_cells(one, other, chip)
    touched = sum(len(s.words) for s in made.sections if s.kind == CELLS)
    most = sum(int(mask.sum()) for mask in cells.values())
    assert touched <= most and (touched == 0) == (most == 0)
    for s in made.sections:
        if s.kind == CELLS:
            for k in range(len(s.words)):  # no word without a cell that differs
                row, within = divmod(s.first + k, chip.row_words)
                per = 32 // chip.device.level_bits
                assert cells[s.index][row, within * per : (within + 1) * per].any()


def test_a_list_of_the_cells_that_differ() -> None:
    other = place(net([30, 11, 5], TINY, seed=5, kind=MAPPING.network.input), TINY)
    one, new = (parse(stream(TINY, sections(m)).tobytes(), TINY) for m in (MAPPING, other))
    only = changed_cells(one, new, TINY)
    told = b"".join(target_list(held_by(other), TINY, targets(TINY.device), only)).decode()
    found = list(csv.DictReader(io.StringIO(told)))
    was = {u.array: u.levels for u in MAPPING.arrays}
    want = {u.array: u.levels for u in other.arrays}
    places = {(int(r["array"]), int(r["wordline"]), int(r["bitline"])) for r in found}
    differ = {(a, w, b) for a in want for w in range(16) for b in range(16) if want[a][w, b] != was[a][w, b]}
    assert places == differ and 50 < len(differ) < 5 * 256
    assert found[0].keys() >= {"target_g_on", "low_g_on", "high_g_on"}


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_where_there_and_back(mapping: Mapping) -> None:
    """Every cell of every weight, by every form of its name."""
    base, seen = mapping.chip.device.levels, set()
    for u in mapping.arrays:
        for wordline in range(16):
            for bitline in range(0, 16, 2):
                cell = cell_at(mapping, u.array, wordline, bitline)
                assert cell.level == u.levels[wordline, bitline] and cell.used
                if cell.pair is None:
                    continue
                pairs = find(mapping, cell.pair.weight)
                assert cell.pair in pairs
                assert (cell.pair.array, cell.pair.wordline) == (u.array, wordline)
                assert cell.pair.bitlines == (bitline, bitline + 1)
                assert list(cell.pair.levels) == u.levels[wordline, bitline : bitline + 2].tolist()
                seen.add(cell.pair.weight)
                value = sum((p.codes[0] - p.codes[1]) * base**p.slice for p in pairs)
                assert title(mapping, pairs).endswith(f": weight {value}")
    assert len(seen) == sum(n.weight.size for n in mapping.network.nodes if isinstance(n, Linear | Conv))


def test_a_flat_number_of_a_kernel_and_a_whole_unit() -> None:
    mapping = test_pictures.MAPPING
    kernel = next(n for n in mapping.network.nodes if n.name == "conv2")
    (flat,) = find(mapping, "conv2[1,7]")
    height, width = kernel.window.size
    channel, pixel = divmod(7, height * width)
    assert [flat] == find(mapping, f" conv2 [1, {channel}, {pixel // width}, {pixel % width}]")
    unit = find(mapping, "conv2[1]")
    assert len(unit) == kernel.weight[0].size and flat in unit
    assert title(mapping, unit).startswith("conv2[1] of small on tiny: ")
    assert str(cell_at(MAPPING, 5, 0, 0)) == "array 5, wordline 0, bitline 0: the program does not use this array"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fc1", "'fc1': is no weight; give LAYER[OUTPUT,INPUT], such as fc1[3,17]"),
        ("fc1[]", "'fc1[]': is no weight"),
        ("fc1[1,,2]", "'fc1[1,,2]': is no weight"),
        ("fc1[-1,0]", "'fc1[-1,0]': is no weight"),
        ("fc3[0,0]", "'fc3[0,0]': the program has no layer fc3; its layers with weights are fc1, fc2"),
        (
            "fc1[4,0]",
            "'fc1[4,0]': output 4 is not on the chip, the compiler removed it; fc1 has outputs 1-3,5-8,",
        ),
        ("fc1[15,0]", "'fc1[15,0]': output 15 is not on the chip, the layer has none, or the compiler removed it; fc1"),
        (
            "fc2[0,9]",
            "'fc2[0,9]': input 9 is not on the chip, the compiler removed it; fc2 has inputs 1-3,5-8",
        ),
        ("fc1[0,0,0]", "'fc1[0,0,0]': output 0 is not"),
        ("fc1[1,0,0]", "'fc1[1,0,0]': has 3 numbers; give LAYER[OUTPUT,INPUT]"),
    ],
)
def test_a_name_that_is_none(name: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        find(test_numbers.MAPPING, name)
    assert str(caught.value).startswith(told)


def test_a_place_outside_a_kernel_or_the_chip() -> None:
    for name, told in (("conv2[1,0,9,0]", "lies outside the kernel of "), ("conv2[1,0,0]", "[OUTPUT,CHANNEL,Y,X]")):
        with pytest.raises(InputError, match=told.replace("[", r"\[")):
            find(test_pictures.MAPPING, name)
    for place_, told in (
        ((6, 0, 0), "--array 6: chip tiny has arrays 0..5"),
        ((0, 16, 0), "--wordline 16"),
        ((0, 0, -1), "--bitline -1"),
    ):
        with pytest.raises(InputError) as caught:
            cell_at(MAPPING, *place_)
        assert str(caught.value).startswith(told)


def test_the_mappings_are_interesting() -> None:
    assert any(p.slice for u in PACKED.arrays for p in u.pieces) and len(MAPPING.arrays) < 6
