"""The image folder: `.bin`, `$readmemh` files and cells.csv of the same data, with checksums."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from codesign import files
from codesign.brief import runs
from codesign.chip.description import IMAGE_FORMAT, Chip
from codesign.chip.layout import (
    CELLS,
    CONSTANTS,
    HEADER,
    LOADS,
    PROGRAM,
    SECTION,
    STEPS,
    TILES,
    TRIMS,
    WALK,
    WALKS,
    Layout,
)
from codesign.errors import ImageError, plain
from codesign.fixed import crc32
from codesign.image import header
from codesign.image.cell_list import Held, cell_list, held_by, is_listed
from codesign.image.descriptors import decode_cells
from codesign.image.formats import SPREAD, SUFFIXES, Read, decode, guessed
from codesign.image.manifest import ChipRef, Manifest, PieceRef, SectionRef, Worth
from codesign.image.words import KINDS, Image, Section, most_words, parse, sections, stream
from codesign.mapping import Mapping

MANIFEST, SUMS, BIN, HEX, LIST = "manifest.json", "SHA256SUMS", "image.bin", "image.hex", "cells.csv"
TEXT = 1 << 24  # bytes of a manifest or of checksums, 1,024 arrays of layers with long names
WHOLE = 1 << 31  # bytes of an image.bin: the largest chip's, 1,024 arrays of 1,024 x 1,024 8-bit cells, has 1 GiB


def render(mapping: Mapping, listed: bool | None = None) -> dict[str, bytes]:
    """Every file of the image folder by name. Same mapping, same bytes.

    listed: whether cells.csv is one of them (absent: if it is short enough, see `cell_list.LISTED`).
    """
    held = held_by(mapping)
    listed = is_listed(held) if listed is None else listed
    return compose(mapping.chip, mapping.network.name, sections(mapping), held, listed, header.worth_of(mapping))


def cells_csv(mapping: Mapping) -> Iterator[bytes]:
    """cells.csv of a program of any size, piece by piece."""
    return cell_list(held_by(mapping), mapping.chip)


def compose(
    chip: Chip,
    network: str,
    parts: tuple[Section, ...],
    held: list[Held],
    listed: bool,
    worth: Worth,
) -> dict[str, bytes]:
    """Every file of the image folder that holds these sections, by name."""
    words = stream(chip, parts)
    found = {BIN: words.tobytes(), HEX: _hex(words, 1)}
    found |= {name: _hex(part.words, width) for part in parts for name, width in [hex_name(part, chip)]}
    if listed:
        found[LIST] = b"".join(cell_list(held, chip))
    found[header.NAME] = header.text(worth, network, chip.name).encode()
    manifest = Manifest(
        schema="codesign-image/2",
        format=IMAGE_FORMAT,
        chip=ChipRef(name=chip.name, id=f"0x{chip.id:08x}"),
        network=network,
        words=len(words),
        word_order="32-bit words, little-endian in image.bin, first word first",
        cell_order="wordline after wordline; cell k of a wordline at bits [k*level_bits +: level_bits]; "
        "bitlines 2j and 2j+1 are + and - of column j",
        crc32=f"0x{words[-1]:08x}",
        sections=tuple(_reference(part) for part in parts),
        pieces=tuple(ref for array in held for ref in array.pieces),
        inputs=worth.inputs,
        outputs=worth.outputs,
        files={name: hashlib.sha256(data).hexdigest() for name, data in sorted(found.items())},
    )
    found[MANIFEST] = manifest.text().encode()
    found[SUMS] = checksums({name: hashlib.sha256(data).hexdigest() for name, data in found.items()})
    return found


def checksums(digests: dict[str, str]) -> bytes:
    """What `sha256sum -c` reads."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()


def read_manifest(folder: Path) -> Manifest:
    """The manifest, checked against its schema. Raises ImageError."""
    path = folder / MANIFEST
    problems: list[str] = []
    data = read(path, TEXT, problems)
    if data is None:
        raise ImageError(problems[0])
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as e:
        if b'"codesign-image/1"' in data:
            raise ImageError(
                f"{path}: is of format 1, this codesign reads format 2; compile the network again, for its chip.json "
                "and with --calibration if its ranges came from samples"
            ) from None
        first = e.errors()[0]
        where = ".".join(str(p) for p in first["loc"]) or "file"
        raise ImageError(
            f"{path}: is not an image manifest ({where}: {first['msg'].lower()}); copy or compile it again"
        ) from None


def read_image(path: Path, chip: Chip | None) -> Image:
    """The image that a lone file of any format holds, checked as the chip does. Raises ImageError."""
    found = read_words(path, chip)
    if found.problems:
        raise ImageError("\n".join(found.problems))
    return parse(found.data, chip, str(path))


def read_words(path: Path, chip: Chip | None) -> Read:
    """The bytes of an image in a file of any format, and a line for each damage of the format.

    Raises ImageError when it cannot be read or is larger than any image, for this chip if it is given.
    """
    problems: list[str] = []
    most, is_text = WHOLE if chip is None else 4 * most_words(chip), path.suffix.lower() not in SUFFIXES["bin"]
    data = read(path, SPREAD * most if is_text else most, problems)
    if data is None:
        raise ImageError(problems[0])
    found = decode(data, guessed(path, data))
    return found._replace(problems=[f"{path}: {line}; copy or convert it again" for line in found.problems])


def read(path: Path, limit: int, problems: list[str]) -> bytes | None:
    """A file of an image, or None and a line more in `problems`."""
    try:
        return files.read_bytes(path, limit)
    except FileNotFoundError:
        problems.append(f"{path}: is missing; copy or compile it again")
    except OSError as e:
        problems.append(f"{path}: cannot be read ({e.strerror}); copy or compile it again")
    return None


def info(source: Path) -> str:
    """Describe an image folder, or a lone file of any format, for people. Raises ImageError."""
    return "\n".join(_lines(record(source)))


def record(source: Path) -> dict[str, object]:
    """Describe an image folder, or a lone file of any format, for programs: its manifest, or what its words say."""
    if source.is_dir() or not source.exists():
        return read_manifest(source).content()
    image = read_image(source, None)
    return {
        "format": IMAGE_FORMAT,
        "chip": {"id": f"0x{image.chip_id:08x}"},
        "words": sum(len(s.words) + SECTION.words + 1 for s in image.sections) + HEADER.words + 1,
        "crc32": f"0x{image.crc:08x}",
        "sections": [_reference(s).model_dump(mode="json") for s in image.sections],
    }


def _lines(found: dict[str, Any]) -> Iterator[str]:
    chip, network = found["chip"], found.get("network")
    name = f"{plain(chip['name'])} ({chip['id']})" if "name" in chip else chip["id"]
    of = f", network {plain(network)}" if network else ""
    yield f"image for chip {name}{of}, {found['words']} words, CRC-32 {found['crc32']}"
    pieces = [PieceRef.model_validate(p) for p in found.get("pieces", ())]
    for s in found["sections"]:
        held = "; ".join(_told(p) for p in pieces if s["kind"] == KINDS[CELLS] and p.array == s["index"])
        held = held and f": {held}"
        yield f"  {plain(s['name'])}: {s['words']} words from {s['first']}, CRC-32 {s['crc32']}{held}"


def _told(ref: PieceRef) -> str:
    """The part of a layer that lies in an array, by the user's numbers."""
    of = f" (slice {ref.slice})" if ref.slice else ""
    return f"{plain(ref.layer)}{of}, outputs {runs(ref.named_outputs)} of inputs {runs(sorted(ref.named_inputs))}"


def levels(image: Image, array: int, chip: Chip) -> NDArray[np.uint8]:
    """Cell levels (rows, columns) that the image programs into an array."""
    return decode_cells(image.find(CELLS, array).words, chip)


def hex_name(part: Section, chip: Chip) -> tuple[str, int]:
    """File name of a section's $readmemh file, and words per line (one memory entry a line)."""
    layout = Layout.of(chip)
    if part.kind == CELLS:
        return f"array_{part.index}.hex", layout.row
    if part.kind == TRIMS:
        return f"array_{part.index}_trim.hex", 1
    widths = {
        PROGRAM: 1,
        STEPS: layout.step,
        LOADS: layout.load,
        TILES: layout.tile,
        CONSTANTS: layout.constant,
        WALKS: WALK.words,
    }
    return f"{KINDS[part.kind]}.hex", widths[part.kind]


def _reference(s: Section) -> SectionRef:
    return SectionRef.model_validate(
        {
            "name": s.name,
            "kind": KINDS[s.kind],
            "index": s.index,
            "first": s.first,
            "words": len(s.words),
            "crc32": f"0x{crc32(s.block):08x}",
        }
    )


def _hex(words: NDArray[np.uint32], width: int) -> bytes:
    """`width` words a line, the last word of a line first; a last line may have fewer."""
    whole = len(words) // width * width
    lines = [words[:whole].reshape(-1, width)[:, ::-1], words[whole:][::-1]]
    text = [part.astype(">u4").tobytes().hex("\n", 4 * width) for part in lines if part.size]
    return ("\n".join(text) + "\n").encode()
