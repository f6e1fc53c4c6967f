"""The register map, once: offsets here, bits in `layout`. Verilog, C and documents are made from both by `texts`."""

from dataclasses import dataclass

from codesign.chip import layout
from codesign.chip.fields import Entry, Field

ID_VALUE = 0x4E445343  # "CSDN" read as bytes
IMAGE_STATES = tuple(c.name for c in layout.STATES)
IMAGE_REASONS = tuple(c.meaning for c in layout.REASONS)


@dataclass(frozen=True)
class Register:
    """A 32-bit register. access: ro, rw, w1c (write 1 to clear) or wo."""

    name: str
    offset: int
    access: str
    meaning: str
    fields: tuple[Field, ...] = ()


def _of(bits: Entry, at: int, access: str) -> Register:
    return Register(bits.name, at, access, bits.meaning, bits.fields)


REGISTERS = (
    Register("ID", 0x000, "ro", f'0x{ID_VALUE:08x} ("CSDN" as bytes)'),
    Register("VERSION", 0x004, "ro", "register map and image format, major << 16 | minor"),
    Register("CHIP_ID", 0x008, "ro", "CRC-32 of the chip description; an image must carry it"),
    _of(layout.STATUS, 0x00C, "ro"),
    Register("IMAGE_CRC", 0x010, "ro", "last word of the loaded image; 0 when there is none"),
    _of(layout.CONTROL, 0x014, "rw"),
    _of(layout.IRQ_STATUS, 0x018, "w1c"),
    _of(layout.IRQ_ENABLE, 0x01C, "rw"),
    Register("IMAGES", 0x020, "ro", "images finished since the chip was enabled"),
    _of(layout.ACTIVATION_ADDRESS, 0x024, "rw"),
    Register(
        "ACTIVATION_DATA",
        0x028,
        "ro",
        "four activations (memory.word, if less), one a byte, the first in bits 7:0; a read moves ACTIVATION_ADDRESS "
        "on by as many; only while the chip is stopped",
    ),
    Register("IMAGE_DATA", 0x040, "wo", "programming image, word after word"),
)


def offset(name: str) -> int:
    """Byte offset of a register."""
    return next(r.offset for r in REGISTERS if r.name == name)


def field(register: str, name: str) -> Field:
    """A field by name."""
    r = next(r for r in REGISTERS if r.name == register)
    return next(f for f in r.fields if f.name == name)
