"""The image that a damaged folder was written from, put together from what is still whole in its files."""

from collections.abc import Iterator, Mapping

import numpy as np

from codesign.chip.description import Chip
from codesign.chip.layout import KINDS as KIND_CODES
from codesign.errors import ImageError
from codesign.fixed import crc32
from codesign.image.files import BIN, HEX, hex_name
from codesign.image.formats import decode
from codesign.image.manifest import Manifest, SectionRef
from codesign.image.words import Image, Section, examine, parse, stream


def recovered(contents: Mapping[str, bytes], manifest: Manifest, chip: Chip) -> Image | None:
    """The image whose sections have the checksums that the manifest tells; None if one of them is whole in no file.

    Each section is taken from image.bin, image.hex or its own $readmemh file.
    """
    if manifest.chip.id != f"0x{chip.id:08x}":
        return None
    whole = [examine(contents[BIN], chip)[0]] if BIN in contents else []
    if HEX in contents:
        whole.append(examine(decode(contents[HEX], "readmemh").data, chip)[0])
    parts = []
    for ref in manifest.sections:
        part = next((s for s in _candidates(ref, whole, contents, chip) if _is_told(s, ref)), None)
        if part is None:
            return None
        parts.append(part)
    try:
        return parse(stream(chip, tuple(parts)).tobytes(), chip)
    except ImageError:
        return None


def another(name: str, data: bytes, crc: int) -> str | None:
    """What to say of an image.bin or image.hex that holds another image, whole; None of other files, and of damage."""
    if name not in (BIN, HEX):
        return None
    found = decode(data, "bin" if name == BIN else "readmemh")
    image, problems = examine(found.data, None)
    if image is None or problems or found.problems or image.crc == crc:
        return None
    return f"holds another image, CRC-32 0x{image.crc:08x} instead of 0x{crc:08x}"


def _candidates(
    ref: SectionRef, images: list[Image | None], contents: Mapping[str, bytes], chip: Chip
) -> Iterator[Section]:
    kind = KIND_CODES.value(ref.kind)
    for image in images:
        yield from (
            (s for s in image.sections if (s.kind, s.index, s.first) == (kind, ref.index, ref.first)) if (image) else ()
        )
    name, width = hex_name(Section(kind, ref.index, ref.first, np.zeros(0, np.uint32)), chip)
    lines = contents.get(name, b"").decode("latin-1").split()
    try:
        # `width` words a line, the last word first
        words = [w for line in lines for w in np.frombuffer(bytes.fromhex(line), ">u4")[::-1].tolist()]
    except ValueError:  # digits, or whole words, are missing
        return
    if len(words) >= ref.words and width:
        yield Section(kind, ref.index, ref.first, np.array(words[: ref.words], np.uint32))


def _is_told(part: Section, ref: SectionRef) -> bool:
    return len(part.words) == ref.words and f"0x{crc32(part.block):08x}" == ref.crc32
