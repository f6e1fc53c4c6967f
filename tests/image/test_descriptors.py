"""What an image says, decoded, is what the mapping means: every field of every entry, on random programs."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.chip.fields import Value
from codesign.chip.layout import (
    CONSTANT,
    CONSTANTS,
    KINDS,
    LOAD,
    OFFSET,
    PROGRAM,
    PROGRAM_ENTRY,
    STEP,
    TILE,
    TRIM,
    TRIMS,
)
from codesign.errors import ImageError
from codesign.fixed import IntType, Trim
from codesign.image import entries, parse, sections
from codesign.image.descriptors import decode_constants, decode_trim, step_record
from codesign.image.manifest import SectionRef
from codesign.image.words import Image, stream
from codesign.mapping import Mapping, place
from tests.hdl.programs import net

Seen = dict[str, set[Value]]
SEEDS = range(24)


def random_mapping(seed: int) -> Mapping:
    """A network on a chip of two or three mask words, with trims, offsets, skips to far steps and narrow ranges."""
    rng = np.random.default_rng(seed)
    lanes = int(rng.choice([1, 3, 4]))
    rows, columns = lanes * int(rng.integers(2, 6)), 2 * lanes * int(rng.integers(1, 4))
    chip = Chip.model_validate(
        {
            "name": "random",
            "arrays": {"count": int(rng.choice([40, 70])), "rows": rows, "columns": columns},
            "device": {"levels": 4, "code_bits": 2},
            "adc": {"bits": 8, "lanes": lanes},
            "memory": {"steps": 16, "loads": 256, "tiles": 256, "constants": 512, "activation_words": 64},
            "bus": {"stream_bytes": lanes},
        }
    )
    kind = IntType(int(rng.integers(2, 9)), bool(rng.integers(2)))
    sizes = [int(n) for n in rng.integers(2, 2 * rows, int(rng.integers(2, 5)))]
    network = net(sizes, chip, kind, IntType(int(rng.integers(2, 9)), bool(rng.integers(2))), seed)
    trims = {n.name: Trim(int(rng.integers(1, 4)), 0) for n in network.nodes[:-1]}
    mapping = place(network, chip, trims)
    steps = []  # as of deeper networks with other scales; an image does not ask whether they run
    for s in mapping.steps:
        ends = sorted(rng.integers(-128, 128, 2).tolist())
        out = s.out if s.raw else IntType(8, True, (ends[0], ends[1]))
        wait, shift = s.wait and int(rng.integers(1, 12)), int(rng.integers(32))
        steps.append(replace(s, wait=wait, shift=shift, mult=-s.mult, out=out))
    offsets = rng.integers(-32768, 32768, (len(mapping.arrays), chip.columns))
    arrays = tuple(
        replace(a, offset=o, trim=Trim(int(rng.integers(1, 256)), int(rng.integers(16))))
        for a, o in zip(mapping.arrays, offsets, strict=True)
    )
    return replace(mapping, steps=tuple(steps), arrays=arrays)


def meaning(mapping: Mapping) -> dict[str, list[dict[str, Value]]]:
    """Every entry by the names of its table, from the mapping alone."""
    found: dict[str, list[dict[str, Value]]] = defaultdict(list)
    found["program"].append({"steps": len(mapping.steps), "beats": mapping.beats})
    for s in mapping.steps:
        runs = [t.arrays for t in s.tiles]
        found["step"].append(
            {
                "input_bits": s.input.bits,
                "input_signed": int(s.input.signed),
                "raw": int(s is mapping.steps[-1]),
                "releases_input": int(s.releases_input),
                "wait": min(s.wait, 7),
                "shift": s.shift,
                "first_load": len(found["load"]),
                "loads": len(s.loads),
                "first_tile": len(found["tile"]),
                "tiles": len(s.tiles),
                "column_groups": s.column_groups,
                "first_constant": s.constant,
                "word": s.word,
                "lo": 0 if s is mapping.steps[-1] else s.out.lo,
                "hi": 0 if s is mapping.steps[-1] else s.out.hi,
                "enabled": tuple(sorted(a for run in runs for a in run)),
                "linked": tuple(sorted(a for run in runs for a in run if a != run[0])),
            }
        )
        for load in s.loads:
            found["load"].append(
                {"word": load.word, "from_memory": int(load.from_memory), "arrays": tuple(load.arrays)}
            )
        for t in s.tiles:
            found["tile"].append({"array": t.arrays[-1], "columns": t.columns, "correction": t.correction})
    return found


def told(mapping: Mapping) -> Image:
    return parse(stream(mapping.chip, sections(mapping)).tobytes(), mapping.chip)


def check(mapping: Mapping, seen: dict[str, Seen]) -> None:
    chip, image, want = mapping.chip, told(mapping), meaning(mapping)
    found = entries(image, chip)
    got = {entry.name: [*found[name].values()] for entry, name in ((STEP, "steps"), (LOAD, "loads"), (TILE, "tiles"))}
    got["program"] = [PROGRAM_ENTRY.decode(image.find(PROGRAM).words)]
    for entry in (PROGRAM_ENTRY, STEP, LOAD, TILE):
        assert len(got[entry.name]) == len(want[entry.name])
        for record, values in zip(got[entry.name], want[entry.name], strict=True):
            assert values.keys() == {*entry.names}, f"say here what the new field of a {entry.name} means"
            assert {**record.numbers, **record.arrays} == values
            for name, value in values.items():
                seen[entry.name][name].add(value)
    constants = decode_constants(image.find(CONSTANTS).words, chip)
    assert constants.keys() == {*CONSTANT.names}
    used = np.zeros(constants["mult"].shape, bool)
    for s in mapping.steps:
        at = [(s.constant + k // chip.adc.lanes, k % chip.adc.lanes) for k in range(s.outputs)]
        for name, numbers in (("mult", s.mult), ("bias", s.bias)):
            assert [int(constants[name][k]) for k in at] == numbers.tolist()
            seen["constant"][name] |= {*numbers.tolist()}
        for k in at:
            used[k] = True
    assert not constants["mult"][~used].any() and not constants["bias"][~used].any(), "lanes of no output are 0"
    for a in mapping.arrays:
        trim, offset = decode_trim(image.find(TRIMS, a.array).words)
        assert dict(trim.numbers) == {"gain": a.trim.gain, "shift": a.trim.shift}
        assert offset.tolist() == a.offset.tolist()
        for name, value in trim.numbers.items():
            seen["trim"][name].add(value)
        seen["offset"]["offset"] |= {*offset.tolist()}


def test_decoded_is_what_the_mapping_says() -> None:
    seen: dict[str, Seen] = defaultdict(lambda: defaultdict(set))
    for seed in SEEDS:
        check(random_mapping(seed), seen)
    for entry in (PROGRAM_ENTRY, STEP, LOAD, TILE, CONSTANT, TRIM, OFFSET):
        dull = [name for name in entry.names if len(seen[entry.name][name]) < 2]
        assert not dull, f"{entry.name}: always the same value of {', '.join(dull)}"
    for entry in (STEP, CONSTANT, OFFSET):
        for f in entry.fields:
            assert not f.signed or min(seen[entry.name][f.name]) < 0, f"no negative {f.name}"  # type: ignore[type-var, operator]


def test_more_than_an_entry_can_say_is_refused() -> None:
    """Before, it ran over into the field beside it."""
    step = random_mapping(0).steps[0]
    with pytest.raises(ImageError, match=r"^step: first_load must be an integer in 0..65535 \(16 bits\), got 65536; "):
        step_record(step, 65536, 0)
    with pytest.raises(ImageError, match=r"^step: shift must be an integer in 0..31 \(5 bits\), got 32; "):
        step_record(replace(step, shift=32), 0, 0)


def test_section_names_of_the_manifest() -> None:
    """Its schema lists them as a type."""
    assert SectionRef.model_json_schema()["properties"]["kind"]["enum"] == [c.name for c in KINDS]
