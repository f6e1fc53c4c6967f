"""The chip's bits, once: entries of its memories, the image's stream, section kinds, refusals, register fields.

The encoder and decoder (`codesign.image`), the Verilog (`xb_layout.vh`), the C header, the tables of docs/image.md and
the JSON of `image info` are made from these tables; tests/golden/layout.json pins them.
"""

from dataclasses import dataclass

from codesign.chip.description import Chip
from codesign.chip.fields import WORD, Code, Codes, Entry, Field, Mask
from codesign.fixed import BIAS_BITS, MULT_BITS, clog2

MAGIC = 0x4D494258  # "XBIM" read as bytes

STEP = Entry(
    "step",
    "one matrix-vector step; steps run in order, once per input image",
    (
        Field("input_bits", 0, 0, 3, "bits of an input", less=1),
        Field("input_signed", 0, 4, 1, "input is two's complement"),
        Field("raw", 0, 5, 1, "results leave the chip as 32-bit words"),
        Field("releases_input", 0, 6, 1, "frees the input buffer after this step's loads"),
        Field("wait", 0, 8, 3, "how many steps back its inputs were written (7: seven or more); 0: from the stream"),
        Field("shift", 0, 16, 5, "requantizer shift"),
        Field("first_load", 1, 0, 16, "first load"),
        Field("loads", 1, 16, 16, "number of loads"),
        Field("first_tile", 2, 0, 16, "first tile"),
        Field("tiles", 2, 16, 16, "number of tiles"),
        Field("column_groups", 3, 0, 16, "column groups", less=1),
        Field("first_constant", 3, 16, 16, "first constants entry"),
        Field("word", 4, 0, 16, "first activation word written"),
        Field("lo", 5, 0, 16, "smallest activation, the requantizer's lower clamp; 0 in raw steps", signed=True),
        Field("hi", 5, 16, 16, "largest activation, the upper clamp; 0 in raw steps", signed=True),
    ),
    (
        Mask("enabled", "arrays that convert"),
        Mask("linked", "arrays that add the sum of their lower neighbour"),
    ),
)
LOAD = Entry(
    "load",
    "copies one memory word, an activation per wordline, into wordline registers",
    (
        Field("word", 0, 0, 16, "word of the memory"),
        Field("from_memory", 0, 31, 1, "read the activation memory, not the input buffer"),
    ),
    (Mask("arrays", "arrays that load the word"),),
)
TILE = Entry(
    "tile",
    "columns whose results leave together",
    (
        Field("array", 0, 0, 16, "array where the sum is read, the last of a linked run"),
        Field("columns", 0, 16, 16, "number of columns"),
        Field("correction", 1, 0, 32, "subtracted from the accumulator"),
    ),
)
CONSTANT = Entry(
    "constant",
    "requantizer constants of one lane; lane l of a column group at bits [48*l +: 48] of an entry",
    (
        Field("mult", 0, 0, MULT_BITS, "multiplier", signed=True),
        Field("bias", 0, MULT_BITS, BIAS_BITS, "added to the product", signed=True),
    ),
    word=MULT_BITS + BIAS_BITS,
)
TRIM = Entry(
    "trim",
    "range of an array's converters, its first word",
    (
        Field("gain", 0, 0, 8, "multiplies the current; 1 or more"),
        Field("shift", 0, 16, 4, "shifts the product plus the offset right"),
    ),
    serial=True,
)
OFFSET = Entry(
    "offset",
    "word 1 + j of a trim",
    (Field("offset", 0, 0, 32, "offset of signed column j, -32768 to 32767", signed=True),),
    serial=True,
)
PROGRAM_ENTRY = Entry(
    "program",
    "sizes of the whole program",
    (
        Field("steps", 0, 0, 16, "number of steps"),
        Field("beats", 1, 0, 16, "input beats of one image"),
    ),
    serial=True,
)
HEADER = Entry(
    "header",
    "first words of an image",
    (
        Field("magic", 0, 0, 32, f'`0x{MAGIC:08x}` ("XBIM" as bytes)'),
        Field("format", 1, 0, 32, "`major << 16 | minor`; MUST equal the chip's `VERSION` register"),
        Field("chip", 2, 0, 32, "MUST equal `CHIP_ID`: the CRC-32 of the chip description without its name"),
        Field("sections", 3, 0, 32, "number of sections"),
        Field("crc", 4, 0, 32, "CRC-32 of words 0 to 3"),
    ),
    serial=True,
)
SECTION = Entry(
    "section",
    "first words of a section; the payload and a CRC-32 of all of these follow",
    (
        Field("index", 0, 0, 16, "array number for cells and trims, otherwise 0"),
        Field("kind", 0, 24, 8, "memory"),
        Field("first", 1, 0, 32, "first word address"),
        Field("length", 2, 0, 32, "words of payload, at least 1"),
    ),
    serial=True,
)
ENTRIES = (HEADER, SECTION, PROGRAM_ENTRY, STEP, LOAD, TILE, CONSTANT, TRIM, OFFSET)

KINDS = Codes(
    "kind",
    SECTION.field("kind").width,
    (
        Code("program", 1, "number of steps, input beats of one image"),
        Code("steps", 2, "step descriptors"),
        Code("loads", 3, "load descriptors"),
        Code("tiles", 4, "tile descriptors"),
        Code("constants", 5, "requantizer constants, an entry per column group of a step"),
        Code("cells", 6, "cell levels of array `index`, wordline after wordline"),
        Code("trims", 7, "range trim of array `index`"),
    ),
)
PROGRAM, STEPS, LOADS, TILES, CONSTANTS, CELLS, TRIMS = (c.value for c in KINDS)
STATES = Codes(
    "state",
    2,
    (
        Code("empty", 0, "no image"),
        Code("loading", 1, "an image is being loaded"),
        Code("ok", 2, "the image is good"),
        Code("bad", 3, "the image was refused"),
    ),
)
REASONS = Codes(
    "reason",
    4,
    (
        Code("none", 0, "none"),
        Code("bad_magic", 1, "magic word is wrong"),
        Code("bad_format", 2, "format version is not this chip's"),
        Code("bad_chip", 3, "image is for another chip"),
        Code("bad_header", 4, "header CRC is wrong"),
        Code("bad_section", 5, "a section lies outside the chip"),
        Code("bad_section_crc", 6, "a section CRC is wrong"),
        Code("bad_image_crc", 7, "image CRC is wrong"),
        Code("no_program", 8, "image holds no program"),
    ),
)
CODES = (KINDS, STATES, REASONS)

STATUS = Entry(
    "STATUS",
    "state of the chip",
    (
        Field("IMAGE_STATE", 0, 0, STATES.bits, ", ".join(f"{c.value} {c.name}" for c in STATES)),
        Field("RUNNING", 0, 3, 1, "enabled with a good image"),
        Field("NO_IMAGE", 0, 4, 1, "was enabled without a good image"),
        Field("BAD_FRAME", 0, 5, 1, "an input image had the wrong length; disable and enable again"),
        Field("IMAGE_REASON", 0, 8, REASONS.bits, "why the image is bad"),
    ),
    serial=True,
)
CONTROL = Entry(
    "CONTROL",
    "start and stop",
    (
        Field("ENABLE", 0, 0, 1, "run; cleared by the chip when there is no good image"),
        Field("CLEAR", 0, 1, 1, "write 1 to discard the image; reads 0"),
    ),
    serial=True,
)
IRQ_STATUS = Entry(
    "IRQ_STATUS",
    "pending interrupts",
    (
        Field("DONE", 0, 0, 1, "the last output word of an image has left"),
        Field("ERROR", 0, 1, 1, "enabled without an image, or a bad input frame"),
    ),
    serial=True,
)
IRQ_ENABLE = Entry(
    "IRQ_ENABLE",
    "which pending interrupts raise the irq pin",
    (Field("DONE", 0, 0, 1, "DONE raises irq"), Field("ERROR", 0, 1, 1, "ERROR raises irq")),
    serial=True,
)
REGISTER_BITS = (STATUS, CONTROL, IRQ_STATUS, IRQ_ENABLE)


@dataclass(frozen=True)
class Layout:
    """Sizes of a chip's programmable memories, in 32-bit words per entry."""

    mask: int  # words of one bit per array
    step: int
    load: int
    tile: int
    constant: int
    row: int  # one wordline's cells
    trims: int  # one array's range trim, all of it

    @classmethod
    def of(cls, chip: Chip) -> "Layout":
        """The layout of a chip; the macros of xb_layout.vh give the same numbers."""
        mask = -(-chip.arrays.count // WORD)
        return cls(
            mask,
            _padded(STEP.size(mask)),
            _padded(LOAD.size(mask)),
            _padded(TILE.size()),
            _padded(-(-chip.adc.lanes * CONSTANT.word // WORD)),
            chip.row_words,
            TRIM.size() + chip.columns * OFFSET.size(),
        )


def _padded(words: int) -> int:
    """Words that an entry takes in its memory: a power of two."""
    return 1 << clog2(words)
