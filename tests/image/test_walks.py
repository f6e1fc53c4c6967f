"""Damaged walks, bounded loads and pooling: what the checks of an image say."""

import pytest

from codesign.chip.layout import LOADS, STEPS, WALKS
from codesign.image import Section, entries, faults, parse, places, sections
from codesign.image.descriptors import walk_record
from codesign.image.tables import regions, steps_of
from codesign.image.words import stream
from codesign.mapping import place
from tests.image.folders import PARTS, TINY, changed, field, told
from tests.mapping.pictures import small, visited

PICTURE = place(small(), TINY)
WALKED = sections(PICTURE)
WHOLE = "must wait for the whole input image if, and only if, it reads it at several places"


def walked(kind: int, entry: int, **values: int) -> tuple[Section, ...]:
    return field(kind, entry, WALKED, **values)


# conv1: 3 x 3 windows of 2 x 2 places over 2 planes of 6 x 7, padded by one; the input has 84 values.
# conv2: 2 x 3 places over 3 x 3 pixels of 5 channels, activations 0 to 44. It writes 48 to 83.
WALK_FAULTS = [
    (field(STEPS, 0, walk=2), "step 0: walk 2 is not in the image"),
    (walked(STEPS, 1, walk=3), "step 1: walk 3 is not in the image"),
    (changed(WALKS, 16 + 1, 1 << 31, parts=WALKED), "step 0: walk 1 has unused bits set"),
    (field(STEPS, 0, instances=9), "step 0: has 9 instances and a window of 0 loops without a walk"),
    (walked(STEPS, 2, window=1), "step 2: has 1 instances and a window of 1 loops without a walk"),
    (walked(STEPS, 0, instances=35), "step 0: has 35 instances, its walk 36 places"),
    (walked(WALKS, 1, count_0=3), "step 0: has 36 instances, its walk 54 places"),
    (walked(WALKS, 2, count_3=2), "step 1: has 6 instances, its walk 12 places"),
    (field(STEPS, 1, parts=walked(STEPS, 1, raw=1), window=1), "step 1: pools raw results, which leave as they come"),
    (walked(STEPS, 0, whole_input=0), f"step 0: {WHOLE}"),
    (walked(STEPS, 1, whole_input=1), f"step 1: {WHOLE}"),
    (field(STEPS, 0, whole_input=1), f"step 0: {WHOLE}"),
    (field(LOADS, 0, bounded=1), f"step 0: {WHOLE}"),
    (walked(STEPS, 0, row=0), "step 0: load 0 reads activation 16777215, the last is 83"),
    (walked(STEPS, 0, column=0), "step 0: load 0 reads activation 16777215, the last is 83"),
    (walked(STEPS, 0, rows=7), "step 0: load 6 reads activation 90, the last is 83"),
    (walked(LOADS, 5, row=1), "step 0: load 5 reads activation 88, the last is 83"),
    (walked(WALKS, 1, source_2=9), "step 0: load 0 reads activation 124, the last is 83"),
    (walked(WALKS, 2, source_0=100), "step 1: load 7 reads activation 409, the last is 127"),
    (walked(WALKS, 2, source_1=-20), "step 1: load 7 reads activation 16777215, the last is 127"),
    (walked(WALKS, 2, write_1=-100), "step 1: writes activations -40..65 of 128"),
    (walked(WALKS, 2, write_1=60), "step 1: writes activations 48..137 of 128"),
]


@pytest.mark.parametrize("chunk", [5, 1 << 16])
@pytest.mark.parametrize(("parts", "expected"), WALK_FAULTS, ids=[line for _, line in WALK_FAULTS])
def test_damaged_walks(parts: tuple[Section, ...], expected: str, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many places are looked at together."""
    monkeypatch.setattr(places, "CHUNK", chunk)
    assert expected in told(parts)


def test_what_the_compiler_writes_has_no_faults() -> None:
    assert told(WALKED) == []


def test_entry_0_is_one_place() -> None:
    """No step names it, and the chip never reads it."""
    found = entries(parse(stream(TINY, WALKED).tobytes(), TINY), TINY)
    assert found["walks"].keys() == {0, 1, 2} and found["walks"][0] == walk_record(())
    assert [step["walk"] for step in found["steps"].values()] == [1, 2, 0]


def test_more_groups_than_a_pooling_window_holds() -> None:
    """conv1 has five outputs, in two groups of four lanes. Layers that are not pooled may have more."""
    narrow = TINY.model_copy(update={"memory": TINY.memory.model_copy(update={"pools": 1})})
    image = parse(stream(narrow, WALKED).tobytes(), narrow)
    assert faults(image, narrow) == ["step 0: pools 2 column groups, chip tiny holds 1"]
    assert faults(parse(stream(narrow, PARTS).tobytes(), narrow), narrow) == []


@pytest.mark.parametrize("chunk", [1, 5, 1 << 16])
def test_places_are_those_of_the_mapping(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "CHUNK", chunk)
    image = parse(stream(TINY, WALKED).tobytes(), TINY)
    for step, planned in zip(steps_of(image, TINY), PICTURE.steps, strict=True):
        found = [tuple(map(int, place)) for part in places.places(step) for place in zip(*part[-4:], strict=True)]
        want = [(r, c, (planned.source + source) % (1 << 24), w) for (r, c, source, w), _ in visited(planned.walk)]
        assert [(r, c, source % (1 << 24), w) for r, c, source, w in found] == want


def test_values_of_pooled_steps() -> None:
    """A window writes once."""
    image = parse(stream(TINY, WALKED).tobytes(), TINY)
    assert [(s.outputs, s.values) for s in steps_of(image, TINY)] == [(5, 45), (6, 36), (3, 3)]


def test_regions_do_not_depend_on_places() -> None:
    image = parse(stream(TINY, WALKED).tobytes(), TINY)
    assert [(r.array, r.step, r.inputs, r.outputs, r.wordline) for r in regions(steps_of(image, TINY), TINY)] == [
        (0, 0, (0, 16), (0, 5), 0),
        (1, 0, (16, 18), (0, 5), 0),
        (2, 1, (0, 10), (0, 6), 0),
        (3, 2, (0, 16), (0, 3), 0),
        (4, 2, (16, 32), (0, 3), 0),
        (5, 2, (32, 36), (0, 3), 0),
    ]
