"""The image folder: `.bin`, `$readmemh` files and cells.csv of the same data, with checksums."""

import csv
import hashlib
import io
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from codesign.errors import ImageError, plain
from codesign.fixed import crc32
from codesign.hardware import RTL_VERSION, Chip
from codesign.image.descriptors import CELLS, CONSTANTS, LOADS, PROGRAM, STEPS, TILES, TRIMS, Layout, decode_cells
from codesign.image.manifest import ArrayRef, ChipRef, Manifest, SectionRef
from codesign.image.words import KINDS, Image, Section, assemble, parse, sections
from codesign.mapping import Mapping

MANIFEST, SUMS = "manifest.json", "SHA256SUMS"
MAX_FILE = 1 << 28  # bytes; nothing larger is read


def render(mapping: Mapping) -> dict[str, bytes]:
    """Every file of the image folder by name. Same mapping, same bytes."""
    chip = mapping.chip
    parts = sections(mapping)
    words = assemble(chip, parts)
    files = {"image.bin": np.asarray(words, dtype="<u4").tobytes(), "image.hex": _hex(words, 1)}
    files |= {name: _hex(part.words, width) for part in parts for name, width in [_hex_name(part, chip)]}
    files["cells.csv"] = _csv(mapping)
    manifest = Manifest(
        schema="codesign-image/1",
        format=RTL_VERSION,
        chip=ChipRef(name=chip.name, id=f"0x{chip.id:08x}"),
        network=mapping.network.name,
        words=len(words),
        word_order="32-bit words, little-endian in image.bin, first word first",
        cell_order="wordline after wordline; cell k of a wordline at bits [k*level_bits +: level_bits]; "
        "bitlines 2j and 2j+1 are + and - of column j",
        crc32=f"0x{words[-1]:08x}",
        sections=tuple(_reference(part) for part in parts),
        arrays=tuple(
            ArrayRef(
                array=u.array,
                layer=u.layer,
                inputs=(u.row, u.row + u.rows),
                outputs=(u.column, u.column + u.columns),
            )
            for u in mapping.arrays
        ),
        files={name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    )
    files[MANIFEST] = manifest.text().encode()
    files[SUMS] = "".join(f"{hashlib.sha256(d).hexdigest()}  {n}\n" for n, d in sorted(files.items())).encode()
    return files


def verify(folder: Path, chip: Chip) -> Image:
    """Read every format back, check every checksum, and compare the formats with one another.

    Raises ImageError that lists each damaged, missing, swapped or foreign file.
    """
    manifest = read_manifest(folder)
    problems: list[str] = []
    sums = _read_sums(folder, problems)
    contents: dict[str, bytes] = {}
    for name in [*manifest.files, MANIFEST]:
        data = _read(folder / name, problems)
        if data is None:
            continue
        contents[name] = data
        digest = hashlib.sha256(data).hexdigest()
        recorded = digest if sums is None else sums.get(name)
        if digest != manifest.files.get(name, recorded):
            twin = next((n for n, d in manifest.files.items() if d == digest), None)
            record = MANIFEST if name != MANIFEST else SUMS
            hint = f"holds what belongs in {twin}" if twin else f"its SHA-256 is not the one in {record}"
            problems.append(f"{folder / name}: {hint}; copy or compile it again")
        elif digest != recorded:
            problems.append(f"{folder / SUMS}: its line for {name} is damaged; copy or compile it again")
    known = {*manifest.files, MANIFEST, SUMS}
    problems += [f"{p}: is not part of this image; remove it" for p in sorted(folder.iterdir()) if p.name not in known]
    problems += [
        f"{folder / SUMS}: lists {n}, which is not part of this image; compile again"
        for n in sums or ()
        if n not in known
    ]
    image = None
    if "image.bin" in contents:  # else it is listed as missing
        try:
            image = parse(contents["image.bin"], chip, str(folder / "image.bin"))
            problems += _compare(folder, contents, image, manifest, chip)
        except ImageError as e:
            problems.append(str(e))
    if problems or image is None:
        listed = problems or [f"{folder / MANIFEST}: does not list image.bin; compile again"]
        raise ImageError("\n".join(dict.fromkeys(listed)))
    return image


def read_manifest(folder: Path) -> Manifest:
    """The manifest, checked against its schema. Raises ImageError."""
    path = folder / MANIFEST
    problems: list[str] = []
    data = _read(path, problems)
    if data is None:
        raise ImageError(problems[0])
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(p) for p in first["loc"]) or "file"
        raise ImageError(
            f"{path}: is not an image manifest ({where}: {first['msg'].lower()}); copy or compile it again"
        ) from None


def _read_sums(folder: Path, problems: list[str]) -> dict[str, str] | None:
    """SHA256SUMS as {name: digest}, None without it; the file is what `sha256sum -c` reads."""
    data = _read(folder / SUMS, problems)
    if data is None:
        return None
    lines = [line.split("  ", 1) for line in data.decode(errors="replace").split("\n")[:-1]]
    if any(len(line) != 2 for line in lines) or not data.endswith(b"\n"):
        problems.append(f"{folder / SUMS}: is damaged; copy or compile it again")
    return {line[1]: line[0] for line in lines if len(line) == 2}


def info(folder: Path) -> str:
    """What the image is, for people."""
    m = read_manifest(folder)
    chip, network = plain(m.chip.name), plain(m.network)
    head = f"image for chip {chip} ({m.chip.id}), network {network}, {m.words} words, CRC-32 {m.crc32}"
    rows = [f"  {plain(s.name)}: {s.words} words from {s.first}, CRC-32 {s.crc32}" for s in m.sections]
    return "\n".join([head, *rows])


def levels(image: Image, array: int, chip: Chip) -> np.ndarray:
    """Cell levels (rows, columns) that the image programs into an array."""
    return decode_cells(image.find(CELLS, array).words, chip)


def _reference(s: Section) -> SectionRef:
    checksum = crc32([s.kind << 24 | s.index, s.first, len(s.words), *s.words])
    return SectionRef.model_validate(
        {
            "name": s.name,
            "kind": KINDS[s.kind],
            "index": s.index,
            "first": s.first,
            "words": len(s.words),
            "crc32": f"0x{checksum:08x}",
        }
    )


def _hex_name(part: Section, chip: Chip) -> tuple[str, int]:
    """File name of a section's $readmemh file, and words per line (one memory entry a line)."""
    layout = Layout.of(chip)
    if part.kind == CELLS:
        return f"array_{part.index}.hex", layout.row
    if part.kind == TRIMS:
        return f"array_{part.index}_trim.hex", 1
    width = {PROGRAM: 1, STEPS: layout.step, LOADS: layout.load, TILES: layout.tile, CONSTANTS: layout.constant}[
        part.kind
    ]
    return f"{KINDS[part.kind]}.hex", width


def _hex(words: tuple[int, ...] | list[int], width: int) -> bytes:
    lines = ["".join(f"{w:08x}" for w in reversed(words[k : k + width])) for k in range(0, len(words), width)]
    return ("\n".join(lines) + "\n").encode()


def _unhex(text: str, width: int) -> list[int]:
    words: list[int] = []
    for line in text.split():
        value = int(line, 16)
        words += [(value >> (32 * k)) & 0xFFFFFFFF for k in range(width)]
    return words


def _csv(mapping: Mapping) -> bytes:
    """Non-zero cells for test floors: array, wordline, bitline, level, conductance code, what it is a weight of."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["array", "wordline", "bitline", "level", "code", "layer", "input", "output", "polarity"])
    codes = mapping.chip.device.codes
    for u in mapping.arrays:
        for r, c in zip(*np.nonzero(u.levels), strict=True):
            level = int(u.levels[r, c])
            table.writerow(
                [
                    u.array,
                    int(r),
                    int(c),
                    level,
                    codes[level],
                    u.layer,
                    u.row + int(r),
                    u.column + int(c) // 2,
                    "+-"[c % 2],
                ]
            )
    return out.getvalue().encode()


def _compare(folder: Path, contents: dict[str, bytes], image: Image, manifest: Manifest, chip: Chip) -> list[str]:
    problems = []
    if f"0x{image.crc:08x}" != manifest.crc32:
        problems.append(
            f"{folder / 'image.bin'}: CRC-32 is 0x{image.crc:08x}, the manifest says {manifest.crc32}; compile again"
        )
    for section in image.sections:
        name, width = _hex_name(section, chip)
        try:
            if _unhex(contents[name].decode(), width) != list(section.words):
                problems.append(f"{folder / name}: differs from the {section.name} in image.bin; compile again")
        except (KeyError, ValueError):
            problems.append(f"{folder / name}: cannot be read as hex words; copy or compile it again")
    try:
        if _unhex(contents["image.hex"].decode(), 1) != assemble(chip, image.sections):
            problems.append(f"{folder / 'image.hex'}: differs from image.bin; compile again")
        if _cells_of(contents["cells.csv"].decode()) != _cells(image, chip):
            problems.append(f"{folder / 'cells.csv'}: differs from the cells in image.bin; compile again")
    except (ValueError, KeyError, IndexError, TypeError, csv.Error):
        problems.append(f"{folder}: image.hex or cells.csv cannot be read; copy or compile it again")
    return problems


Cell = tuple[int, int, int, int, int]  # array, wordline, bitline, level, code


def _cells_of(text: str) -> set[Cell]:
    return {
        (int(r["array"]), int(r["wordline"]), int(r["bitline"]), int(r["level"]), int(r["code"]))
        for r in csv.DictReader(io.StringIO(text))
    }


def _cells(image: Image, chip: Chip) -> set[Cell]:
    found = set()
    for array in (s.index for s in image.sections if s.kind == CELLS):
        held = levels(image, array, chip)
        for r, c in zip(*np.nonzero(held), strict=True):
            found.add((array, int(r), int(c), int(held[r, c]), chip.device.codes[int(held[r, c])]))
    return found


def _read(path: Path, problems: list[str]) -> bytes | None:
    try:
        if path.stat().st_size > MAX_FILE:
            problems.append(f"{path}: is larger than {MAX_FILE} bytes; this is not an image file")
            return None
        return path.read_bytes()
    except OSError:
        problems.append(f"{path}: is missing or cannot be read; copy or compile it again")
        return None
