"""What an image says, decoded, is what the mapping means: every field of every entry, on random programs."""

import math
from collections import defaultdict
from collections.abc import Iterator
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
    TRIMS,
    WALK,
)
from codesign.errors import ImageError
from codesign.fixed import IntType, Trim
from codesign.image import entries, parse, sections
from codesign.image.descriptors import decode_constants, decode_offsets, step_record
from codesign.image.manifest import SectionRef
from codesign.image.words import Image, stream
from codesign.ir import Add, AvgPool, MaxPool, Network
from codesign.mapping import Mapping, place
from codesign.mapping.arrange import OBJECTIVES
from codesign.mapping.layer import Layer, Matrix
from codesign.mapping.walk import Level
from tests.hdl.random_pictures import random_pictures
from tests.mapping.pictures import pooled
from tests.mapping.sliced import sliced_net

Seen = dict[str, set[Value]]
SEEDS = range(66)


def random_mapping(seed: int) -> Mapping:
    """A network on a chip of two or three mask words, packed or not, some layers sliced, two of three over pictures,
    with trims, offsets, skips to far steps and narrow ranges.
    """
    rng = np.random.default_rng(seed)
    lanes = int(rng.choice([1, 3, 4]))
    rows, columns = int(rng.integers(5, 20)), 2 * lanes * int(rng.integers(2, 5))
    chip = Chip.model_validate(
        {
            "name": "random",
            "arrays": {"count": int(rng.choice([60, 90])), "rows": rows, "columns": columns},
            "device": {"levels": 4, "code_bits": 2},
            "adc": {"bits": 8, "lanes": lanes},
            "memory": {
                "word": int(rng.choice([4, 16, 32])),
                "steps": 16,
                "loads": 512,
                "tiles": 256,
                "constants": 512,
                "operands": int(rng.integers(2, 9)),
                "input_words": 128,
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
    if seed % 3 == 1:
        mapping = random_pictures(rng, chip, 2)[0].mapping
    elif seed % 3 == 2:
        mapping = place(pooled(rng), chip)
    else:
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


def joined(layer: Layer, network: Network) -> list[tuple[int, int, int]]:
    """What a layer makes of operands: how each joins the result (0 first, 1 added, 2 the larger), times, sign."""
    signed = {"input": int(network.input.signed)} | {n.name: int(network.type_of(n.name).signed) for n in network.nodes}
    node, other = layer.node, layer.size.other
    if isinstance(layer, Matrix):
        return [(1, 1, signed[other])] if other else []
    first = (0, 1, signed[node.source])
    if isinstance(node, Add):
        return [first, (1, 1, signed[other])]
    assert isinstance(node, MaxPool | AvgPool)
    more = math.prod(node.size) - 1
    return [first, (2 if isinstance(node, MaxPool) else 1, more, first[2])][: 1 + (more > 0)]


def meaning(mapping: Mapping) -> dict[str, list[dict[str, Value]]]:
    """Every entry by the names of its table, from the mapping alone."""
    found: dict[str, list[dict[str, Value]]] = defaultdict(list)
    outputs = math.prod(mapping.network.shape_of(mapping.network.nodes[-1].name))
    walks: list[tuple[Level, ...]] = [()]  # loops of each entry
    found["program"].append({"steps": len(mapping.steps), "beats": mapping.beats, "outputs": outputs})
    lanes = mapping.chip.adc.lanes
    for s in mapping.steps:
        w = s.walk
        if w.levels not in walks:
            walks.append(w.levels)
        layer = next(n for n in mapping.layers if n.name == s.layer)
        vector = not isinstance(layer, Matrix)
        padded = (w.row, w.column, w.rows, w.row_length) if any(load.bounded for load in s.loads) else (0, 0, 0, 0)
        runs = [tuple(span.array for span in b.spans) for b in s.blocks]
        found["step"].append(
            {
                "input_bits": s.input.bits,
                "input_signed": int(s.input.signed),
                "vector": int(vector),
                "raw": int(s is mapping.steps[-1]),
                "releases_input": int(s.releases_input),
                "wait": min(s.wait, 7),
                "whole_input": int(not s.loads[0].from_memory and (w.instances > 1 or padded[2] > 0)),
                "walk": walks.index(w.levels),
                "window": w.window,
                "instances": math.prod(level.count for level in w.levels),
                **dict(zip(("row", "column", "rows", "row_length"), padded, strict=True)),
                "shift": s.shift,
                "first_load": len(found["load"]),
                "loads": len(s.loads),
                "first_tile": len(found["tile"]),
                "tiles": sum(len(t.terms) + len(t.operands) for t in s.tiles),
                "column_groups": 1 if vector else max(b.groups for b in s.blocks),
                "first_group": s.first_group,
                "range_gain": s.trim.gain,
                "range_shift": s.trim.shift,
                "source": (s.source + w.source) % (1 << 24),
                "write": s.write,
                "lo": 0 if s is mapping.steps[-1] else s.out.lo,
                "hi": 0 if s is mapping.steps[-1] else s.out.hi,
                "enabled": tuple(sorted(a for run in runs for a in run)),
                "linked": tuple(sorted(a for run in runs for a in run if a != run[0])),
            }
        )
        added = [] if vector or not layer.size.other else s.loads[: sum(-(-t.columns // lanes) for t in s.tiles)]
        for load in s.loads:
            found["load"].append(
                {
                    "offset": load.offset % (1 << 24),
                    "operand": int(vector or load in added),
                    "at_write": int(load in added),
                    "from_memory": int(load.from_memory),
                    "bounded": int(load.bounded),
                    "row": load.row,
                    "column": load.column,
                    "wordline": load.wordline,
                    "count": load.count,
                    "arrays": tuple(load.arrays),
                }
            )
        for t in s.tiles:
            for k, term in enumerate(t.terms):
                found["tile"].append(
                    {
                        "array": runs[term.block][-1],
                        "columns": t.columns,
                        "first_group": term.group,
                        "correction": term.correction,
                        "write": t.column,
                        "from_operand": 0,
                        "operand_signed": 0,
                        "repeats": 1,
                        "op": 1 if k else 0,
                        "last": int(k == len(t.terms) - 1 and not layer.size.other),
                        "first_constant": term.constant,
                    }
                )
            parts = joined(layer, mapping.network)
            for k, (op, repeats, signed) in enumerate(parts, len(t.terms)):
                found["tile"].append(
                    {
                        "array": 0,
                        "columns": t.columns,
                        "first_group": 0,
                        "correction": 0,
                        "write": t.column,
                        "from_operand": 1,
                        "operand_signed": signed,
                        "repeats": repeats,
                        "op": op,
                        "last": int(k == len(t.terms) + len(parts) - 1),
                        "first_constant": t.operands[k - len(t.terms)].constant,
                    }
                )
    for levels in walks if len(walks) > 1 else []:
        padding = [Level(1, 0, 0, 0, 0)] * (4 - len(levels))
        loops = enumerate([*levels, *padding])
        found["walk"].append({f"{name}_{k}": number for k, level in loops for name, number in vars(level).items()})
    return found


def scaled(mapping: Mapping) -> Iterator[tuple[int, int, int, int]]:
    """(entry, lane, multiplier, bias) of every output, slice and edge: the bias comes once, base^slice in the
    multiplier. Values of a window share theirs.
    """
    lanes = mapping.chip.adc.lanes
    for s, layer in zip(mapping.steps, mapping.layers, strict=True):
        for t in s.tiles:
            for k, term in enumerate(t.terms):
                for n in range(t.columns):
                    mult, bias = int(s.mult[t.column + n]) * 4**k, 0 if k else int(s.bias[t.column + n])
                    yield term.constant + n // lanes, n % lanes, mult, bias
            for n in range(t.columns) if t.operands else ():
                if not t.terms:
                    first = int(s.mult[t.column + n]), int(s.bias[t.column + n])
                    yield t.operands[0].constant + n // lanes, n % lanes, *first
                if layer.size.other:
                    assert s.other is not None
                    yield t.operands[-1].constant + n // lanes, n % lanes, int(s.other[t.column + n]), 0


def told(mapping: Mapping) -> Image:
    return parse(stream(mapping.chip, sections(mapping)).tobytes(), mapping.chip)


def check(mapping: Mapping, seen: dict[str, Seen]) -> None:
    chip, image, want = mapping.chip, told(mapping), meaning(mapping)
    found = entries(image, chip)
    named = (STEP, "steps"), (LOAD, "loads"), (TILE, "tiles"), (WALK, "walks")
    got = {entry.name: [*found[name].values()] for entry, name in named}
    got["program"] = [PROGRAM_ENTRY.decode(image.find(PROGRAM).words)]
    for entry in (PROGRAM_ENTRY, STEP, LOAD, TILE, WALK):
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
    for entry in (PROGRAM_ENTRY, STEP, LOAD, TILE, WALK, CONSTANT, OFFSET):
        dull = [n for n in entry.names if len(seen[entry.name][n]) < 2]
        assert not dull, f"{entry.name}: always the same value of {', '.join(dull)}"
    assert seen["tile"]["op"] == {0, 1, 2}, "first, add and max"
    for name in ("row", "column", "source"):
        assert min(min(seen["walk"][f"{name}_{k}"]) for k in range(4)) < 0, f"no loop takes back a {name}"  # type: ignore[type-var, operator]
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
