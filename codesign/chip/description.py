"""The chip: arrays, cells, converters, memories and bus, described once and validated."""

import json
import zlib
from pathlib import Path
from typing import Annotated

from pydantic import Field

from codesign import resources
from codesign.brief import html_table
from codesign.checked import rule
from codesign.chip.device import Device
from codesign.chip.part import Part
from codesign.errors import ConfigError
from codesign.files import read_text
from codesign.fixed import IntType, clog2
from codesign.settings import TOML_LIMIT, Int, validate, validate_data
from codesign.squares import Square, html_squares

RTL_VERSION = 0x0002_0001  # major.minor of the register map; a chip takes images of its major and of no later minor
IMAGE_FORMAT = 0x0002_0000  # major.minor of descriptors and image words: the first version that has them as they are

MAX_GROUPS = 256  # column groups that an image can number
MAX_ACTIVATIONS = 1 << 24  # of the activation memory, likewise; input buffers cannot have as many


class Arrays(Part):
    """The crossbars. Bitlines 2j and 2j+1 are the + and - of signed column j."""

    count: Annotated[Int, Field(ge=1, le=1024)] = Field(description="crossbar arrays on the chip")
    rows: Annotated[Int, Field(ge=2, le=1024)] = Field(
        description="wordlines of an array: products a column sums at once"
    )
    columns: Annotated[Int, Field(ge=2, le=1024, multiple_of=2)] = Field(
        description="bitlines of an array: two (+ and -) for each signed column"
    )


class Adc(Part):
    """The converters of one array."""

    bits: Annotated[Int, Field(ge=2, le=12)] = Field(description="bits of a converter's signed code")
    lanes: Annotated[Int, Field(ge=1, le=256)] = Field(
        description="converters of an array, which share its signed columns; as many columns are requantized at once. "
        "At most arrays.columns / 2 and memory.word"
    )


class Activation(Part):
    """Numbers that enter wordlines."""

    bits: Annotated[Int, Field(ge=1, le=8)] = Field(
        8, description="bits of the widest activation; each bit takes a phase of a conversion"
    )


class Memory(Part):
    """On-chip memories, in entries."""

    word: Annotated[Int, Field(ge=2, le=1024)] | None = Field(
        None,
        description="activations of a memory word, which a load moves in one cycle: a power of two, at least adc.lanes "
        "and bus.stream_bytes. Absent: arrays.rows, rounded up to a power of two",
    )
    input_words: Annotated[Int, Field(ge=1, le=4096)] = Field(16, description="words of the input buffer; held twice")
    activation_words: Annotated[Int, Field(ge=2, le=65535)] = Field(
        16, description="words for activations between layers"
    )
    steps: Annotated[Int, Field(ge=1, le=4096)] = Field(32, description="matrix-vector steps that a program may have")
    loads: Annotated[Int, Field(ge=1, le=65536)] = Field(
        128, description="wordline load descriptors, one for each run of a step's inputs in an array"
    )
    tiles: Annotated[Int, Field(ge=1, le=65536)] = Field(
        64, description="column tile descriptors, one for each part of a step's outputs"
    )
    constants: Annotated[Int, Field(ge=1, le=65536)] = Field(
        256, description="entries of requantization constants, adc.lanes columns each"
    )
    walks: Annotated[Int, Field(ge=1, le=65536)] = Field(
        16, description="loop nests that take steps over pictures; the first is built in: a single place"
    )
    operands: Annotated[Int, Field(ge=2, le=65536)] = Field(
        32, description="lane groups of operands that wait for the requantizer; for sums and pooling"
    )
    pools: Annotated[Int, Field(ge=1, le=65536)] = Field(
        64, description="column groups of a pixel's outputs, at most, where max pooling follows a convolution"
    )


class Bus(Part):
    """The chip's streams."""

    stream_bytes: Annotated[Int, Field(ge=1, le=128)] = Field(
        16, description="bytes of an input beat, one activation each; at most memory.word"
    )


class Chip(Part):
    """A complete chip. Load it with `Chip.load`; every rule below holds for any instance."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")] = Field(
        description="names files and Verilog modules; not part of the chip's identity"
    )
    clock_mhz: Annotated[float, Field(gt=0, le=100_000)] | None = Field(
        None,
        description="clock frequency in MHz, with which reports turn cycles into time; not part of the chip's identity",
    )
    arrays: Arrays = Field(description="the crossbars")
    device: Device = Field(description="one cell")
    adc: Adc = Field(description="the converters of an array")
    activation: Activation = Field(Activation(), description="numbers that enter wordlines")
    memory: Memory = Field(Memory(), description="on-chip memories, in entries")
    bus: Bus = Field(Bus(), description="the chip's streams")

    @rule
    def _converters_have_columns(self) -> str | None:
        if self.adc.lanes <= self.columns:
            return None
        return f"adc.lanes: must be at most arrays.columns/2 = {self.columns}, got {self.adc.lanes}"

    @rule
    def _groups_have_numbers(self) -> str | None:
        if self.groups <= MAX_GROUPS:
            return None
        return (
            f"adc.lanes: {self.columns} columns are {self.groups} column groups, an image numbers {MAX_GROUPS}; "
            f"must be at least {-(-self.columns // MAX_GROUPS)}, got {self.adc.lanes}"
        )

    @rule
    def _word_is_a_power_of_two(self) -> str | None:
        if self.word & (self.word - 1) == 0:
            return None
        return f"memory.word: must be a power of two, got {self.word}"

    @rule
    def _word_takes_lanes(self) -> str | None:
        return self._word_takes("adc.lanes", self.adc.lanes)

    @rule
    def _word_takes_beats(self) -> str | None:
        return self._word_takes("bus.stream_bytes", self.bus.stream_bytes)

    def _word_takes(self, key: str, value: int) -> str | None:
        return None if value <= self.word else f"{key}: must be at most memory.word = {self.word}, got {value}"

    @rule
    def _activations_have_addresses(self) -> str | None:
        words = self.memory.activation_words
        if words * self.word <= MAX_ACTIVATIONS:
            return None
        return (
            f"memory.activation_words: {words} words of {self.word} activations exceed {MAX_ACTIVATIONS}; "
            "use fewer words"
        )

    def _brief(self) -> str:
        arrays = f"{self.arrays.count} arrays of {self.arrays.rows} x {self.columns} signed columns"
        converters = f"{self.adc.lanes} {self.adc.bits}-bit converters each"
        return f"{self.name}: {arrays}, {self.device.levels}-level cells, {converters}"

    def _repr_html_(self) -> str:
        """For notebooks: the sizes, and the arrays."""
        rows = [
            ("arrays", self.arrays.count),
            ("wordlines of an array", self.arrays.rows),
            ("signed columns of an array", self.columns),
            ("levels of a cell", self.device.levels),
            ("converters of an array", f"{self.adc.lanes} of {self.adc.bits} bits"),
            ("bits of an activation, at most", self.activation.bits),
            ("cells", f"{self.arrays.count * self.arrays.rows * self.arrays.columns:,}"),
            ("clock, MHz", "not said" if self.clock_mhz is None else f"{self.clock_mhz:g}"),
            ("identity", f"0x{self.id:08x}"),
        ]
        squares = [Square(f"array {k}", ()) for k in range(self.arrays.count)]
        drawn = html_squares(squares, self.arrays.columns, self.arrays.rows)
        return "\n".join((html_table(f"chip {self.name}", rows), drawn))

    @classmethod
    def load(cls, source: str | Path) -> "Chip":
        """A chip from a TOML file, the chip.json of a program folder, or a preset by name (`reference-128`, `tiny`).

        Raises ConfigError with every mistake of the file: dotted key, value, what is allowed.

        Usage:

        >>> import codesign
        >>> codesign.Chip.load("tiny")
        Chip(tiny: 6 arrays of 16 x 8 signed columns, 4-level cells, 4 6-bit converters each)
        """
        if preset := resources.presets("chips").get(str(source)):
            return cls.parse(preset.read_text(encoding="utf-8"), f"{source}.toml")
        try:
            text = read_text(source, TOML_LIMIT)
        except OSError as e:
            names = presets()
            raise ConfigError(
                f"chip {source}: cannot be read ({e.strerror}); give a .toml file or one of the presets "
                f"{', '.join(names)}{resources.meant(source, names)}"
            ) from None
        if Path(source).suffix.lower() != ".json":
            return cls.parse(text, str(source))
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as e:
            raise ConfigError(f"{source}: is not valid JSON ({e}); give the chip.json of a program folder") from None
        if not isinstance(data, dict):
            raise ConfigError(f"{source}: must hold the keys of a chip; give the chip.json of a program folder")
        return validate_data(cls, data, str(source))

    @classmethod
    def parse(cls, text: str, where: str = "chip") -> "Chip":
        """A chip from TOML text; `where` names it in messages."""
        return validate(cls, text, where)

    @classmethod
    def of(cls, chip: "Chip | str | Path") -> "Chip":
        """A chip as it is, or what `load` makes of a preset's name or a file."""
        if isinstance(chip, cls):
            return chip
        if not isinstance(chip, str | Path):
            raise ConfigError(
                f"chip: must be a Chip, a .toml file or one of the presets {', '.join(presets())}, "
                f"got {type(chip).__name__}"
            )
        return cls.load(chip)

    @property
    def columns(self) -> int:
        """Signed columns of an array (W)."""
        return self.arrays.columns // 2

    @property
    def groups(self) -> int:
        """Column groups an array's converters go through (G)."""
        return -(-self.columns // self.adc.lanes)

    @property
    def word(self) -> int:
        """Activations of a memory word: memory.word, or arrays.rows rounded up to a power of two."""
        return self.memory.word or 1 << clog2(self.arrays.rows)

    @property
    def code(self) -> IntType:
        """Integer type of an ADC code."""
        return IntType(self.adc.bits, signed=True)

    @property
    def sum_bits(self) -> int:
        """Bits that hold the sum of one offset-binary code from every array."""
        return self.adc.bits + clog2(self.arrays.count)

    @property
    def acc_bits(self) -> int:
        """Bits of an unsigned accumulator; no program can overflow it."""
        return self.sum_bits + self.activation.bits

    @property
    def row_words(self) -> int:
        """32-bit words that program one wordline's cells."""
        return -(-self.arrays.columns * self.device.level_bits // 32)

    @property
    def id(self) -> int:
        """32-bit identity: CRC-32 of everything an image depends on (not the name and the clock)."""
        kept = self.model_dump(mode="json", exclude={"name": True, "clock_mhz": True})
        kept["memory"]["word"] = self.word  # absent and spelled out are the same chip
        return zlib.crc32(json.dumps(kept, separators=(",", ":")).encode())


def presets() -> list[str]:
    """Names that `Chip.load` knows."""
    return list(resources.presets("chips"))
