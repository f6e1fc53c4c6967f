"""The chip's bits, once: entries of its memories, the image's stream, section kinds, refusals, register fields.

The encoder and decoder (`codesign.image`), the Verilog (`xb_layout.vh`), the C header, the tables of docs/image.md and
the JSON of `image info` are made from these tables; tests/golden/layout.json pins them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codesign.chip.fields import WORD, Code, Codes, Entry, Field, Mask
from codesign.fixed import BIAS_BITS, MULT_BITS, clog2

if TYPE_CHECKING:  # benches inside the simulator start without pydantic
    from codesign.chip.description import Chip

MAGIC = 0x4D494258  # "XBIM" read as bytes

STEP = Entry(
    "step",
    "one matrix-vector step; steps run in order, once per input image",
    (
        Field("input_bits", 0, 0, 3, "bits of an input", less=1),
        Field("input_signed", 0, 4, 1, "input is two's complement"),
        Field("raw", 0, 5, 1, "results leave the chip as 32-bit words"),
        Field("releases_input", 0, 6, 1, "frees the input buffer after this step's loads"),
        Field("vector", 0, 7, 1, "combines operands and converts nothing"),
        Field("wait", 0, 8, 3, "instances back to its producer's last one (7: seven or more); 0: reads the stream"),
        Field("whole_input", 0, 11, 1, "waits for the whole input image"),
        Field("range_shift", 0, 12, 4, "range of the converters: shifts the product plus the offset right"),
        Field("shift", 0, 16, 5, "requantizer shift"),
        Field("range_gain", 0, 24, 8, "range of the converters: multiplies the current; 1 or more"),
        Field("first_load", 1, 0, 16, "first load"),
        Field("loads", 1, 16, 16, "number of loads"),
        Field("first_tile", 2, 0, 16, "first tile"),
        Field("tiles", 2, 16, 16, "number of tiles"),
        Field("column_groups", 3, 0, 8, "column groups that are converted", less=1),
        Field("first_group", 3, 8, 8, "first of them in each array"),
        Field("walk", 3, 16, 16, "loop nest of the step's places"),
        Field("write", 4, 0, 24, "first activation written"),
        Field("window", 4, 24, 2, "levels of the walk that make one pooling window; 0: none"),
        Field("lo", 5, 0, 16, "smallest activation, the requantizer's lower clamp; 0 in raw steps", signed=True),
        Field("hi", 5, 16, 16, "largest activation, the upper clamp; 0 in raw steps", signed=True),
        Field("source", 6, 0, 24, "activation that loads count from; modulo 2^24"),
        Field("row", 7, 0, 16, "row of the picture at the first place", signed=True),
        Field("column", 7, 16, 16, "column, in activations", signed=True),
        Field("rows", 8, 0, 16, "rows of the picture"),
        Field("row_length", 8, 16, 16, "activations of a row"),
        Field("instances", 9, 0, 24, "places of the walk", less=1),
    ),
    (
        Mask("enabled", "arrays that convert"),
        Mask("linked", "arrays that add the sum of their lower neighbour"),
    ),
)
LOAD = Entry(
    "load",
    "copies a run of activations into the wordline registers of arrays; the first load of an array clears the others",
    (
        Field("offset", 0, 0, 24, "first activation, from the step's source on; modulo 2^24"),
        Field("at_write", 0, 27, 1, "counts from the place that is written"),
        Field("operand", 0, 28, 1, "goes to the operands, not to wordlines"),
        Field("bounded", 0, 30, 1, "activations outside the picture are 0"),
        Field("from_memory", 0, 31, 1, "read the activation memory, not the input buffer"),
        Field("wordline", 1, 0, 10, "wordline of the first activation"),
        Field("count", 1, 10, 10, "activations; at most those of a memory word", less=1),
        Field("row", 2, 0, 8, "row of the picture, from the place on", signed=True),
        Field("column", 2, 16, 16, "column, from the place on", signed=True),
    ),
    (Mask("arrays", "arrays that load the run"),),
)
TILE = Entry(
    "tile",
    "columns whose results leave together, or a further term of them",
    (
        Field("array", 0, 0, 10, "array where the sum is read, the last of a linked run"),
        Field("columns", 0, 10, 10, "number of columns"),
        Field("first_group", 0, 24, 8, "first column group, among those that the step converts"),
        Field("correction", 1, 0, 32, "subtracted from the accumulator"),
        Field("write", 2, 0, 24, "first activation written, from the step's on"),
        Field("from_operand", 2, 24, 1, "the term is an operand"),
        Field("op", 2, 25, 2, "how the term joins the result"),
        Field("last", 2, 27, 1, "last term of its columns: the result leaves"),
        Field("operand_signed", 2, 28, 1, "the operand is two's complement"),
        Field("first_constant", 3, 0, 16, "first constants entry"),
        Field("repeats", 3, 16, 16, "times the operand comes", less=1),
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
WALK_LEVELS = 4
WALK = Entry(
    "walk",
    "a loop nest over the places of a step, level 0 innermost; entry 0 is built in: one place",
    tuple(
        field
        for k in range(WALK_LEVELS)
        for field in (
            Field(f"count_{k}", 4 * k, 0, 16, f"turns of level {k}", less=1),
            Field(f"row_{k}", 4 * k, 16, 16, "added to the row when the level advances", signed=True),
            Field(f"column_{k}", 4 * k + 1, 0, 24, "to the column", signed=True),
            Field(f"source_{k}", 4 * k + 2, 0, 24, "to the first activation read", signed=True),
            Field(f"write_{k}", 4 * k + 3, 0, 24, "to the first activation written", signed=True),
        )
    ),
)
OFFSET = Entry(
    "offset",
    "word j of an array's trims",
    (Field("offset", 0, 0, 32, "added to the current of signed column j, -32768 to 32767", signed=True),),
    serial=True,
)
PROGRAM_ENTRY = Entry(
    "program",
    "sizes of the whole program",
    (
        Field("steps", 0, 0, 16, "number of steps"),
        Field("beats", 1, 0, 16, "input beats of one image"),
        Field("outputs", 2, 0, 32, "output words of one image"),
    ),
    serial=True,
)
HEADER = Entry(
    "header",
    "first words of an image",
    (
        Field("magic", 0, 0, 32, f'`0x{MAGIC:08x}` ("XBIM" as bytes)'),
        Field("format", 1, 0, 32, "`major << 16 | minor`; MUST be of the major of `VERSION`, and no later minor"),
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
ENTRIES = (HEADER, SECTION, PROGRAM_ENTRY, STEP, LOAD, TILE, WALK, CONSTANT, OFFSET)

KINDS = Codes(
    "kind",
    SECTION.field("kind").width,
    (
        Code("program", 1, "number of steps, input beats and output words of one image"),
        Code("steps", 2, "step descriptors"),
        Code("loads", 3, "load descriptors"),
        Code("tiles", 4, "tile descriptors"),
        Code("constants", 5, "requantizer constants, an entry per column group of a step"),
        Code("cells", 6, "cell levels of array `index`, wordline after wordline"),
        Code("trims", 7, "converter offsets of array `index`"),
        Code("walks", 8, "loop nests of steps; entry 0 is built in, one place, and never read"),
    ),
)
PROGRAM, STEPS, LOADS, TILES, CONSTANTS, CELLS, TRIMS, WALKS = (c.value for c in KINDS)
OPS = Codes(
    "op",
    TILE.field("op").width,
    (
        Code("first", 0, "product plus bias: the first term"),
        Code("add", 1, "product added to the terms before, without a bias"),
        Code("max", 2, "product plus bias, or the terms before, whatever is larger"),
    ),
)
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
CODES = (KINDS, OPS, STATES, REASONS)

STATUS = Entry(
    "STATUS",
    "state of the chip",
    (
        Field("IMAGE_STATE", 0, 0, STATES.bits, ", ".join(f"{c.value} {c.name}" for c in STATES)),
        Field("RUNNING", 0, 3, 1, "enabled with a good image"),
        Field("NO_IMAGE", 0, 4, 1, "was enabled without a good image"),
        Field("BAD_FRAME", 0, 5, 1, "an input image had the wrong length; disable and enable again"),
        Field("BUSY", 0, 6, 1, "an image is on its way: its first beat was taken, its last word has not left"),
        Field("IDLE", 0, 7, 1, "running with no image on its way: it can be stopped without loss"),
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
        Field("BAD_IMAGE", 0, 2, 1, "an image was refused; STATUS.IMAGE_REASON says why"),
    ),
    serial=True,
)
IRQ_ENABLE = Entry(
    "IRQ_ENABLE",
    "which pending interrupts raise the irq pin",
    (
        Field("DONE", 0, 0, 1, "DONE raises irq"),
        Field("ERROR", 0, 1, 1, "ERROR raises irq"),
        Field("BAD_IMAGE", 0, 2, 1, "BAD_IMAGE raises irq"),
    ),
    serial=True,
)
ACTIVATION_ADDRESS = Entry(
    "ACTIVATION_ADDRESS",
    "where ACTIVATION_DATA reads; written only while the chip is stopped",
    (Field("ACTIVATION", 0, 0, 24, "number of an activation in the activation memory"),),
    serial=True,
)
REGISTER_BITS = (STATUS, CONTROL, IRQ_STATUS, IRQ_ENABLE, ACTIVATION_ADDRESS)
PEEK = 4  # activations that ACTIVATION_DATA shows, or memory.word if that is less


@dataclass(frozen=True)
class Layout:
    """Sizes of a chip's programmable memories, in 32-bit words per entry."""

    mask: int  # words of one bit per array
    step: int
    load: int
    tile: int
    constant: int
    row: int  # one wordline's cells
    trims: int  # one array's converter offsets

    @classmethod
    def of(cls, chip: "Chip") -> "Layout":
        """The layout of a chip; the macros of xb_layout.vh give the same numbers."""
        mask = -(-chip.arrays.count // WORD)
        return cls(
            mask,
            _padded(STEP.size(mask)),
            _padded(LOAD.size(mask)),
            _padded(TILE.size()),
            _padded(-(-chip.adc.lanes * CONSTANT.word // WORD)),
            chip.row_words,
            chip.columns * OFFSET.size(),
        )


def _padded(words: int) -> int:
    """Words that an entry takes in its memory: a power of two."""
    return 1 << clog2(words)
