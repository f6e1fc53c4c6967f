"""The register map, once: the Verilog constants, the C header and the documentation come from here."""

from dataclasses import dataclass

ID_VALUE = 0x4E445343  # "CSDN" read as bytes


@dataclass(frozen=True)
class Field:
    """Bits [low + width - 1 : low] of a register."""

    name: str
    low: int
    width: int
    meaning: str


@dataclass(frozen=True)
class Register:
    """A 32-bit register. access: ro, rw, w1c (write 1 to clear) or wo."""

    name: str
    offset: int
    access: str
    meaning: str
    fields: tuple[Field, ...] = ()


IMAGE_STATES = ("empty", "loading", "ok", "bad")
IMAGE_REASONS = (
    "none",
    "magic word is wrong",
    "format version is not this chip's",
    "image is for another chip",
    "header CRC is wrong",
    "a section lies outside the chip",
    "a section CRC is wrong",
    "image CRC is wrong",
    "image holds no program",
)

REGISTERS = (
    Register("ID", 0x000, "ro", f"0x{ID_VALUE:08x}"),
    Register("VERSION", 0x004, "ro", "register map and image format, major << 16 | minor"),
    Register("CHIP_ID", 0x008, "ro", "CRC-32 of the chip description; an image must carry it"),
    Register(
        "STATUS",
        0x00C,
        "ro",
        "what the chip is doing",
        (
            Field("IMAGE_STATE", 0, 2, "0 empty, 1 loading, 2 ok, 3 bad"),
            Field("RUNNING", 3, 1, "enabled with a good image"),
            Field("NO_IMAGE", 4, 1, "was enabled without a good image"),
            Field("BAD_FRAME", 5, 1, "an input image had the wrong length; disable and enable again"),
            Field("IMAGE_REASON", 8, 4, "why the image is bad"),
        ),
    ),
    Register("IMAGE_CRC", 0x010, "ro", "last word of the loaded image; 0 when there is none"),
    Register(
        "CONTROL",
        0x014,
        "rw",
        "start and stop",
        (
            Field("ENABLE", 0, 1, "run; cleared by the chip when there is no good image"),
            Field("CLEAR", 1, 1, "write 1: forget the image"),
        ),
    ),
    Register(
        "IRQ_STATUS",
        0x018,
        "w1c",
        "pending interrupts",
        (
            Field("DONE", 0, 1, "an image's last output word left"),
            Field("ERROR", 1, 1, "enabled without an image, or a bad input frame"),
        ),
    ),
    Register(
        "IRQ_ENABLE",
        0x01C,
        "rw",
        "which pending interrupts raise the irq pin",
        (Field("DONE", 0, 1, "on done"), Field("ERROR", 1, 1, "on error")),
    ),
    Register("IMAGES", 0x020, "ro", "images finished since the chip was enabled"),
    Register("IMAGE_DATA", 0x040, "wo", "programming image, word after word"),
)


def offset(name: str) -> int:
    """Byte offset of a register."""
    return next(r.offset for r in REGISTERS if r.name == name)


def field(register: str, name: str) -> Field:
    """A field by name."""
    r = next(r for r in REGISTERS if r.name == register)
    return next(f for f in r.fields if f.name == name)


def verilog_header() -> str:
    """Text of hdl_templates/xb_registers.vh."""
    lines = ["// Register offsets. Made from codesign.chip.registers; a test keeps them equal."]
    lines += [f"localparam [31:0] ID_VALUE = 32'h{ID_VALUE:08x};"]
    lines += [f"localparam [11:0] ADDR_{r.name} = 12'h{r.offset:03x};" for r in REGISTERS]
    return "\n".join(lines) + "\n"


def c_header() -> str:
    """Text of the firmware header: offsets, bit positions, widths and masks."""
    lines = [
        "/* Registers of a codesign chip. Generated; do not edit. */",
        "#ifndef CODESIGN_REGS_H",
        "#define CODESIGN_REGS_H",
    ]
    lines += [f"#define CODESIGN_ID_VALUE 0x{ID_VALUE:08x}u"]
    for r in REGISTERS:
        lines.append(f"#define CODESIGN_{r.name} 0x{r.offset:03x}u /* {r.access}: {r.meaning} */")
        for f in r.fields:
            stem = f"CODESIGN_{r.name}__{f.name}"
            mask = ((1 << f.width) - 1) << f.low
            lines += [f"#define {stem}_bp {f.low}", f"#define {stem}_bw {f.width}", f"#define {stem}_bm 0x{mask:x}u"]
    return "\n".join([*lines, "#endif"]) + "\n"


def markdown() -> str:
    """The register table of the documentation."""
    rows = ["| offset | name | access | meaning |", "|---|---|---|---|"]
    for r in REGISTERS:
        rows.append(f"| 0x{r.offset:03x} | {r.name} | {r.access} | {r.meaning} |")
        for f in r.fields:
            bits = str(f.low) if f.width == 1 else f"{f.low + f.width - 1}:{f.low}"
            rows.append(f"| | {r.name}[{bits}] | | {f.name}: {f.meaning} |")
    return "\n".join(rows) + "\n"
