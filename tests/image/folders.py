"""An image folder to damage and to forge."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from codesign.chip.description import Chip
from codesign.chip.layout import LOAD, LOADS, STEP, STEPS, TILE, TILES, WALK, WALKS, Layout
from codesign.errors import ImageError
from codesign.fixed import IntType, Trim
from codesign.image import Section, faults, parse, render, sections, verify
from codesign.image.files import read_manifest
from codesign.image.manifest import Manifest
from codesign.image.words import stream
from codesign.mapping import place
from tests.hdl.programs import net
from tests.mapping.sliced import sliced_net

TINY = Chip.load("tiny")
MAPPING = place(net([30, 11, 5], TINY, IntType(5, True)), TINY, {"fc1": Trim(3, 1)})
FILES = render(MAPPING)
PARTS, LAYOUT = sections(MAPPING), Layout.of(TINY)

# Three layers in three arrays: both slices of fc1 and the ninth column of fc2 in array 0, parts of all three in
# array 1, the rest of fc3 in array 2.
SPOTS = {"fc1": ((5, 0),), "fc2": ((25, 0), (0, 0)), "fc3": ((29, 1),)}
PACKED = place(
    sliced_net([20, 4, 9, 3], (2, 1, 1), TINY, kind=IntType(5, True)), TINY, {"fc1": Trim(3, 1)}, spots=SPOTS
)


def written(target: Path, files: dict[str, bytes] = FILES) -> Path:
    """The folder of MAPPING, or of other files, in a new folder."""
    target.mkdir()
    for name, data in files.items():
        (target / name).write_bytes(data)
    return target


def problems(folder: Path, chip: Chip = TINY) -> list[str]:
    """What verify says, a line each, without the folder."""
    with pytest.raises(ImageError) as caught:
        verify(folder, chip)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def seal(folder: Path, manifest: Manifest) -> None:
    """Write a manifest and checksums that agree with it."""
    text = manifest.text().encode()
    (folder / "manifest.json").write_bytes(text)
    sums = dict(manifest.files) | {"manifest.json": hashlib.sha256(text).hexdigest()}
    (folder / "SHA256SUMS").write_text("".join(f"{d}  {n}\n" for n, d in sorted(sums.items())))


def manifested(folder: Path, name: str, content: bytes) -> None:
    """Change a file and make the checksums agree, as someone who mixes two images would."""
    (folder / name).write_bytes(content)
    manifest = read_manifest(folder)
    files = manifest.files | {name: hashlib.sha256(content).hexdigest()}
    seal(folder, manifest.model_copy(update={"files": files}))


def changed(kind: int, at: int, value: int, index: int = 0, parts: tuple[Section, ...] = PARTS) -> tuple[Section, ...]:
    """The image's sections with one word changed."""
    assert any((s.kind, s.index) == (kind, index) for s in parts)
    return tuple(
        replace(s, words=[*s.words[:at], value, *s.words[at + 1 :]]) if (s.kind, s.index) == (kind, index) else s
        for s in parts
    )


def told(parts: tuple[Section, ...]) -> list[str]:
    return faults(parse(stream(TINY, parts).tobytes(), TINY), TINY)


def field(
    kind: int, entry: int, parts: tuple[Section, ...] = PARTS, **values: int | tuple[int, ...]
) -> tuple[Section, ...]:
    """The image's sections with some fields of an entry changed, whatever their words."""
    forms = {
        STEPS: (STEP, LAYOUT.step),
        LOADS: (LOAD, LAYOUT.load),
        TILES: (TILE, LAYOUT.tile),
        WALKS: (WALK, WALK.words),
    }
    form, width = forms[kind]
    words = next(s.words for s in parts if s.kind == kind)[entry * width : (entry + 1) * width].tolist()
    record = form.decode(words, LAYOUT.mask)
    made = form.encode(form.record(**{**record.numbers, **record.arrays, **values}), LAYOUT.mask)
    for k, word in enumerate(made):
        parts = changed(kind, entry * width + k, word, parts=parts)
    return parts
