"""What an image says, decoded, is what the mapping means: every field of every entry, on random programs."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.chip.fields import Entry, Value
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
    TRIMS,
)
from codesign.errors import ImageError
from codesign.fixed import IntType, Trim
from codesign.image import entries, parse, sections
from codesign.image.descriptors import decode_constants, decode_offsets, step_record
from codesign.image.manifest import SectionRef
from codesign.image.words import Image, stream
from codesign.mapping import Mapping, place
from codesign.mapping.arrange import OBJECTIVES
from tests.mapping.sliced import sliced_net

Seen = dict[str, set[Value]]
SEEDS = range(24)


def random_mapping(seed: int) -> Mapping:
    """A network on a chip of two or three mask words, packed or not, some layers sliced, with trims, offsets, skips to
    far steps and narrow ranges."""
    rng = np.random.default_rng(seed)
    lanes = int(rng.choice([1, 3, 4]))
    rows, columns = int(rng.integers(5, 20)), 2 * lanes * int(rng.integers(2, 5))
    chip = Chip.model_validate(
        {
            "name": "random",
            "arrays": {"count": int(rng.choice([40, 70])), "rows": rows, "columns": columns},
            "device": {"levels": 4, "code_bits": 2},
            "adc": {"bits": 8, "lanes": lanes},
            "memory": {
                "word": int(rng.choice([4, 16, 32])),
                "steps": 16,
                "loads": 512,
                "tiles": 256,
                "constants": 512,
                "activation_words": 64,
            },
            "bus": {"stream_bytes": lanes},
        }
    )
    kind = IntType(int(rng.integers(2, 9)), bool(rng.integers(2)))
    sizes = [int(n) for n in rng.integers(2, 2 * rows, int(rng.integers(2, 5)))]
    sizes = [n if rng.integers(3) else min(n, lanes) for n in sizes]
    hidden = IntType(int(rng.integers(2, 9)), bool(rng.integers(2)))
    slices = rng.integers(1, 3, len(sizes) - 1).tolist()
    network = sliced_net(sizes, slices, chip, seed, kind=kind, hidden=hidden)
    mapping = place(network, chip, objective=str(rng.choice(OBJECTIVES)))
    steps = []  # as of deeper networks with other scales; an image does not ask whether they run
    for s in mapping.steps:
        ends = sorted(rng.integers(-128, 128, 2).tolist())
        out = s.out if s.raw else IntType(8, True, (ends[0], ends[1]))
        wait, shift = s.wait and int(rng.integers(1, 12)), int(rng.integers(32))
        trim = Trim(int(rng.integers(1, 256)), int(rng.integers(16)))
        source = int(rng.integers(1 << 24))
        steps.append(replace(s, wait=wait, shift=shift, mult=-s.mult, out=out, trim=trim, source=source))
    offsets = rng.integers(-32768, 32768, (len(mapping.arrays), chip.columns))
    arrays = tuple(replace(a, offset=o) for a, o in zip(mapping.arrays, offsets, strict=True))
    return replace(mapping, steps=tuple(steps), arrays=arrays)


def blank(entry: Entry) -> dict[str, Value]:
    """What the fields for convolutions say while they are 0."""
    return {f.name: f.less for f in entry.fields if f.later}


def meaning(mapping: Mapping) -> dict[str, list[dict[str, Value]]]:
    """Every entry by the names of its table, from the mapping alone."""
    found: dict[str, list[dict[str, Value]]] = defaultdict(list)
    outputs = mapping.network.nodes[-1].outputs
    found["program"].append({"steps": len(mapping.steps), "beats": mapping.beats, "outputs": outputs})
    for s in mapping.steps:
        runs = [tuple(span.array for span in b.spans) for b in s.blocks]
        found["step"].append(
            blank(STEP)
            | {
                "input_bits": s.input.bits,
                "input_signed": int(s.input.signed),
                "raw": int(s is mapping.steps[-1]),
                "releases_input": int(s.releases_input),
                "wait": min(s.wait, 7),
                "shift": s.shift,
                "first_load": len(found["load"]),
                "loads": len(s.loads),
                "first_tile": len(found["tile"]),
                "tiles": sum(len(t.terms) for t in s.tiles),
                "column_groups": max(b.groups for b in s.blocks),
                "first_group": s.first_group,
                "range_gain": s.trim.gain,
                "range_shift": s.trim.shift,
                "source": s.source,
                "write": s.write,
                "lo": 0 if s is mapping.steps[-1] else s.out.lo,
                "hi": 0 if s is mapping.steps[-1] else s.out.hi,
                "enabled": tuple(sorted(a for run in runs for a in run)),
                "linked": tuple(sorted(a for run in runs for a in run if a != run[0])),
            }
        )
        for load in s.loads:
            found["load"].append(
                blank(LOAD)
                | {
                    "offset": load.offset,
                    "from_memory": int(load.from_memory),
                    "wordline": load.wordline,
                    "count": load.count,
                    "arrays": tuple(load.arrays),
                }
            )
        for t in s.tiles:
            for k, term in enumerate(t.terms):
                found["tile"].append(
                    blank(TILE)
                    | {
                        "array": runs[term.block][-1],
                        "columns": t.columns,
                        "first_group": term.group,
                        "correction": term.correction,
                        "write": t.column,
                        "op": 1 if k else 0,
                        "last": int(k == len(t.terms) - 1),
                        "first_constant": term.constant,
                    }
                )
    return found


def scaled(mapping: Mapping) -> Iterator[tuple[int, int, int, int]]:
    """(entry, lane, multiplier, bias) of every output and slice: the bias comes once, base^slice in the multiplier."""
    lanes = mapping.chip.adc.lanes
    for s in mapping.steps:
        for t in s.tiles:
            for k, term in enumerate(t.terms):
                for n in range(t.columns):
                    mult, bias = int(s.mult[t.column + n]) * 4**k, 0 if k else int(s.bias[t.column + n])
                    yield term.constant + n // lanes, n % lanes, mult, bias


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
    for row, lane, mult, bias in scaled(mapping):
        assert not used[row, lane], "no two terms share constants"
        used[row, lane] = True
        assert (int(constants["mult"][row, lane]), int(constants["bias"][row, lane])) == (mult, bias)
        seen["constant"]["mult"].add(mult)
        seen["constant"]["bias"].add(bias)
    assert not constants["mult"][~used].any() and not constants["bias"][~used].any(), "lanes of no output are 0"
    for a in mapping.arrays:
        offset = decode_offsets(image.find(TRIMS, a.array).words)
        assert offset.tolist() == a.offset.tolist()
        seen["offset"]["offset"] |= {*offset.tolist()}


def test_decoded_is_what_the_mapping_says() -> None:
    seen: dict[str, Seen] = defaultdict(lambda: defaultdict(set))
    for seed in SEEDS:
        check(random_mapping(seed), seen)
    for entry in (PROGRAM_ENTRY, STEP, LOAD, TILE, CONSTANT, OFFSET):
        dull = [n for n in entry.names if n not in blank(entry) and len(seen[entry.name][n]) < 2]
        assert not dull, f"{entry.name}: always the same value of {', '.join(dull)}"
    for entry in (STEP, CONSTANT, OFFSET):
        for f in entry.fields:
            assert f.later or not f.signed or min(seen[entry.name][f.name]) < 0, f"no negative {f.name}"  # type: ignore[type-var, operator]


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
