"""Check an image folder byte for byte against its own words, or against its program."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.chip.layout import CELLS, PROGRAM, PROGRAM_ENTRY
from codesign.errors import ImageError
from codesign.fixed import IntType
from codesign.image.cell_list import Held, held_by, is_listed
from codesign.image.faults import faults
from codesign.image.files import (
    BIN,
    LIST,
    MANIFEST,
    SUMS,
    TEXT,
    checksums,
    compose,
    levels,
    read,
    read_manifest,
    render,
)
from codesign.image.locate import MOST, Contents, differences
from codesign.image.manifest import Manifest, PieceRef
from codesign.image.recover import another, recovered
from codesign.image.tables import Region, Step, producer_of, regions, steps_of
from codesign.image.words import Image, examine, most_words, sections
from codesign.mapping import Mapping


def damages(folder: Path, mapping: Mapping, listed: bool | None = None, most: int = MOST) -> dict[str, str]:
    """Lines for every file of a program's image folder that is not what `render` gives, by name.

    A line for each cell, field or other part that differs; for at most `most` of them in a file.
    """
    want = render(mapping, listed)
    written = Contents(sections(mapping), tuple(ref for held in held_by(mapping) for ref in held.pieces), mapping.chip)
    found: dict[str, str] = {}
    digests = {_digest(data): name for name, data in want.items()}
    limit = 2 * max(map(len, want.values()))  # room for another file, or for what came in between
    crc = int.from_bytes(want[BIN][-4:], "little")
    for name, data in want.items():
        problems: list[str] = []
        got = read(folder / name, limit, problems)
        if got is None:
            found[name] = problems[0]
        elif got != data:
            owner = digests.get(_digest(got))
            whole = f"holds what belongs in {owner}" if owner else another(name, got, crc)
            places = [whole] if whole else differences(name, got, data, written, most)
            found[name] = "\n".join(f"{folder / name}: {place}; copy or compile it again" for place in places)
    return found | _strange(folder, set(want))


def verify(folder: Path, chip: Chip) -> Image:
    """Check a folder without its program: every checksum, every format against the others, every entry in its table.

    Raises ImageError that lists each damaged, missing, swapped or foreign file, and each difference in it that another
    file of the folder can tell.
    """
    manifest = read_manifest(folder)
    known = {*manifest.files, BIN, MANIFEST, SUMS}
    contents, problems = _contents(folder, known, manifest, chip)
    damaged = _checksums(contents, manifest)
    others = list(_strange(folder, known).values())
    whole = {name: another(name, contents[name], int(manifest.crc32, 16)) for name in damaged}
    damaged |= {name: told for name, told in whole.items() if told}
    image = None
    if BIN in contents and not whole.get(BIN):
        image, lines = examine(contents[BIN], chip, str(folder / BIN))
        others = lines + others
        image = None if lines else image
    if image is None:  # other files may tell where image.bin is damaged
        image = recovered(contents, manifest, chip)
    if image is not None:
        wrong = faults(image, chip)
        others += [f"{folder / BIN}: {line}; compile again" for line in wrong]
        others += [] if wrong else _compare(folder, contents, image, manifest, chip, damaged)
    problems += [f"{folder / name}: {line}; copy or compile it again" for name, line in damaged.items()] + others
    if problems or image is None:
        raise ImageError("\n".join(dict.fromkeys(problems)))
    return image


def _contents(folder: Path, names: set[str], manifest: Manifest, chip: Chip) -> tuple[dict[str, bytes], list[str]]:
    """What the files hold, and a line for each that cannot be read."""
    line = 64 + 2 * max((len(p.layer) for p in manifest.pieces), default=0)
    sizes = {LIST: line * (1 + chip.arrays.count * chip.arrays.rows * chip.arrays.columns), MANIFEST: TEXT, SUMS: TEXT}
    problems: list[str] = []
    found = {name: read(folder / name, sizes.get(name, 9 * most_words(chip)), problems) for name in sorted(names)}
    return {name: data for name, data in found.items() if data is not None}, problems


def _checksums(contents: dict[str, bytes], manifest: Manifest) -> dict[str, str]:
    """What is wrong with each file whose SHA-256 is not the recorded one, and with SHA256SUMS."""
    found: dict[str, str] = {}
    digests = {name: _digest(data) for name, data in contents.items()}
    sums = contents.get(SUMS)
    recorded = {**manifest.files, MANIFEST: digests.get(MANIFEST, "")}
    for name, digest in recorded.items():
        if digests.get(name, digest) != digest:
            owner = next((n for n, d in manifest.files.items() if d == digests[name]), None)
            found[name] = f"holds what belongs in {owner}" if owner else f"its SHA-256 is not the one in {MANIFEST}"
    if sums is None:
        return found
    pairs = [line.partition("  ") for line in sums.decode(errors="replace").split("\n")]
    given = {name: digest for digest, _, name in pairs if name}
    if given.get(MANIFEST, recorded[MANIFEST]) != recorded[MANIFEST] and MANIFEST in contents:
        found[MANIFEST] = f"its SHA-256 is not the one in {SUMS}"
    elif sums != checksums(recorded):
        off = [name for name, digest in recorded.items() if given.get(name) != digest]
        extra = [name for name in given if name not in recorded]
        found[SUMS] = (
            f"its line for {off[0]} is damaged"
            if off
            else f"lists {extra[0]}, which is not part of this image"
            if extra
            else "is damaged"
        )
    return found


def _compare(
    folder: Path, contents: dict[str, bytes], image: Image, manifest: Manifest, chip: Chip, damaged: dict[str, str]
) -> list[str]:
    """What contradicts the image. Adds to the line of each damaged file where it differs."""
    lines = contradictions(manifest.pieces, image, chip) or list(_unworthy(manifest, image, chip))
    if lines:
        return [f"{folder / MANIFEST}: {line}; copy or compile it again" for line in lines]
    arrays = sorted({p.array for p in manifest.pieces})
    held = [Held(a, tuple(p for p in manifest.pieces if p.array == a), levels(image, a, chip)) for a in arrays]
    named = chip.model_copy(update={"name": manifest.chip.name})
    listed = LIST in manifest.files or is_listed(held)
    written = Contents(image.sections, manifest.pieces, chip)
    want = compose(named, manifest.network, image.sections, held, listed, manifest.worth)
    found = [f"{folder / name}: is missing; compile again" for name in want if name not in {*contents, *damaged}]
    for name in want.keys() & contents.keys() - {MANIFEST, SUMS}:
        if contents[name] != want[name]:
            places = differences(name, contents[name], want[name], written)
            if name not in damaged:
                places = [f"differs from {BIN}, {place}" for place in places]
            elif damaged[name].startswith("its SHA-256"):
                damaged[name] += f", {places[0]}"
                places = places[1:]
            else:
                continue  # it holds another file, as told
            found += [f"{folder / name}: {place}; copy or compile it again" for place in places]
    if MANIFEST not in damaged and contents.get(MANIFEST) != want[MANIFEST]:
        rendered = Manifest.model_validate_json(want[MANIFEST])
        wrong = [f for f in Manifest.model_fields if getattr(manifest, f) != getattr(rendered, f)]
        if wrong != ["files"] or not (found or damaged):  # else it lists a file that is reported above
            what = f"its {', '.join(wrong)} contradict {BIN}" if wrong else "is not laid out as codesign writes it"
            found.append(f"{folder / MANIFEST}: {what}; copy or compile it again")
    return found


def contradictions(pieces: tuple[PieceRef, ...], image: Image, chip: Chip) -> list[str]:
    """Where a manifest's pieces contradict the steps of an image without `faults`."""
    steps = steps_of(image, chip)
    want = regions(steps, chip)
    if [p.array for p in pieces] != [r.array for r in want] or {p.array for p in pieces} != {
        s.index for s in image.sections if s.kind == CELLS
    }:
        return [f"its arrays are not those of {BIN}"]
    found, firsts = list[str](), dict[int, PieceRef]()
    for p, r in zip(pieces, want, strict=True):
        firsts.setdefault(r.step, p)
    given = _given(steps, firsts)
    for p, r in zip(pieces, want, strict=True):
        first, at = firsts[r.step], given[r.step]
        placed = replace(r, outputs=(r.outputs[0] + at, r.outputs[1] + at))
        if (p.layer, p.kernel, p.groups) != (first.layer, first.kernel, first.groups) or _placed(p) != _placed(placed):
            found.append(f"array {p.array} has other inputs, outputs or another layer than its step")
        elif not (_numbered(p.input_numbers, p.inputs) and _numbered(p.output_numbers, p.outputs)):
            found.append(f"array {p.array} numbers other inputs or outputs than it holds")
    found += [f"array {a} holds cells outside its pieces" for a in _crowded(pieces, image, chip)]
    found += list(_unfed(steps, want, firsts, given, image, chip))
    layers = [p.layer for number, p in firsts.items() if not given[number]]
    if len(set(layers)) != len(layers):
        found.append("two steps carry the same layer name")
    return found


def _given(steps: list[Step], firsts: dict[int, PieceRef]) -> dict[int, int]:
    """Outputs of its layer that come before those of a step: the blocks of a convolution in groups are steps in a row.

    firsts: a piece of each step that converts.
    """
    found: dict[int, int] = {}
    for number, piece in sorted(firsts.items()):
        before = firsts.get(number - 1)
        goes_on = before is not None and piece.groups and (piece.layer, piece.groups) == (before.layer, before.groups)
        found[number] = found[number - 1] + steps[number - 1].outputs if goes_on else 0
    return found


def _placed(piece: PieceRef | Region) -> tuple[object, ...]:
    """Everything but what the layer is called."""
    return piece.array, piece.slice, piece.inputs, piece.outputs, piece.wordline, piece.column


def _crowded(pieces: tuple[PieceRef, ...], image: Image, chip: Chip) -> Iterator[int]:
    """Arrays with cells that are not at level 0 and belong to no piece."""
    for array in sorted({p.array for p in pieces}):
        held = levels(image, array, chip).copy()
        for p in (p for p in pieces if p.array == array):
            high, wide = p.inputs[1] - p.inputs[0], p.outputs[1] - p.outputs[0]
            mine = held[p.wordline : p.wordline + high, 2 * p.column : 2 * (p.column + wide)]
            mine[_owned(p, mine.shape)] = 0
        if held.any():
            yield array


def _owned(piece: PieceRef, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which cells of a piece, (rows, columns), are parts of weights."""
    if piece.groups is None or len(piece.named_inputs) < shape[0]:  # the latter is told elsewhere
        return np.ones(shape, bool)
    group = np.array(piece.named_inputs[: shape[0]]) // piece.groups[0]
    found: NDArray[np.bool_] = group[:, None] == (piece.outputs[0] + np.arange(shape[1]) // 2) // piece.groups[1]
    return found


def _unfed(
    steps: list[Step],
    held: list[Region],
    firsts: dict[int, PieceRef],
    given: dict[int, int],
    image: Image,
    chip: Chip,
) -> Iterator[str]:
    """Layers with other inputs than what they read gives. A convolution reads a part of it at each place."""
    beats = PROGRAM_ENTRY.decode(image.find(PROGRAM).words)["beats"]
    for number, piece in sorted(firsts.items()):
        ends = max(r.inputs[1] for r in held if r.step == number)
        step, producer = steps[number], producer_of(steps, number)
        feeds = ends if producer is None else steps[producer].values
        while producer is not None and given.get(producer):  # a block, as those before it are
            producer -= 1
            feeds += steps[producer].values
        if piece.kernel:
            if ends % math.prod(piece.kernel):
                yield f"layer {piece.layer} has {ends} inputs, which are no channels of {piece.kernel}"
            continue
        if ends != feeds or (not step["wait"] and -(-ends // chip.bus.stream_bytes) != beats):
            yield f"layer {piece.layer} has {ends} inputs, its step has a different number"


def _unworthy(manifest: Manifest, image: Image, chip: Chip) -> Iterator[str]:
    """Where what a manifest says of inputs and outputs contradicts itself or the steps of an image without `faults`."""
    inputs, outputs, steps = manifest.inputs, manifest.outputs, steps_of(image, chip)
    first, last = steps[0], steps[-1]
    pieces = [(p, r) for p, r in zip(manifest.pieces, regions(steps, chip), strict=True) if r.step == 0]
    features = max(r.inputs[1] for _, r in pieces)
    if pieces[0][0].kernel:  # of a convolution, which reads a part
        beats = PROGRAM_ENTRY.decode(image.find(PROGRAM).words)["beats"]
        features = inputs.features if -(-inputs.features // chip.bus.stream_bytes) == beats else 0
    if (inputs.features, inputs.bits, inputs.signed) != (features, first["input_bits"], bool(first["input_signed"])):
        yield "its inputs are not those of the first step"
    if outputs.count != last.values:
        yield "its outputs are not those of the last step"
    if outputs.shape and (outputs.shape[0], math.prod(outputs.shape)) != (last.outputs, last.values):
        pixels = last.values // last.outputs
        yield f"its outputs have another shape than the last step's, {pixels} pixels of {last.outputs} channels"
    kind = IntType(inputs.bits, inputs.signed)
    if not kind.lo <= inputs.lo <= inputs.hi <= kind.hi:
        yield f"its inputs must lie in {kind.lo}..{kind.hi}, got {inputs.lo}..{inputs.hi}"
    sizes = {1, features, *(inputs.shape or ())[:1]}
    if inputs.shape and math.prod(inputs.shape) != features:
        yield f"its inputs have the shape of {math.prod(inputs.shape)} values, not {features}"
    elif not {len(inputs.steps), len(inputs.offsets)} <= sizes:
        yield "its inputs must have one step and offset for all, for each channel or for each"


def _numbered(numbers: tuple[int, ...] | None, places: tuple[int, int]) -> bool:
    """Whether the user's numbers are one for each place, each once."""
    return numbers is None or len(numbers) == len(set(numbers)) == places[1] - places[0]


def _strange(folder: Path, known: set[str]) -> dict[str, str]:
    """A line for everything in the folder that is no part of the image, by name."""
    try:
        names = sorted(p.name for p in folder.iterdir())
    except OSError:
        return {}  # each file is reported
    return {n: f"{folder / n}: is not part of this image; remove it" for n in names if n not in known}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
