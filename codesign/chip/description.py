"""The chip: arrays, cells, converters, memories and bus, described once and validated."""

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
from codesign.settings import TOML_LIMIT, Int, validate

RTL_VERSION = 0x0001_0000  # major.minor of the register map, descriptors and image words


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
        "At most arrays.columns / 2; must divide arrays.rows"
    )


class Activation(Part):
    """Numbers that enter wordlines."""

    bits: Annotated[Int, Field(ge=1, le=8)] = Field(
        8, description="bits of the widest activation; each bit takes a phase of a conversion"
    )


class Memory(Part):
    """On-chip memories, in entries."""

    input_words: Annotated[Int, Field(ge=1, le=4096)] = Field(
        16, description="words of the input buffer, arrays.rows activations each; held twice"
    )
    activation_words: Annotated[Int, Field(ge=2, le=4096)] = Field(
        16, description="words for activations between layers, arrays.rows activations each"
    )
    steps: Annotated[Int, Field(ge=1, le=4096)] = Field(32, description="matrix-vector steps that a program may have")
    loads: Annotated[Int, Field(ge=1, le=65536)] = Field(
        128, description="wordline load descriptors, one per word of a step's inputs"
    )
    tiles: Annotated[Int, Field(ge=1, le=65536)] = Field(
        64, description="column tile descriptors, one per arrays.columns / 2 outputs of a step"
    )
    constants: Annotated[Int, Field(ge=1, le=65536)] = Field(
        256, description="entries of requantization constants, adc.lanes columns each"
    )


class Bus(Part):
    """The chip's streams."""

    stream_bytes: Annotated[Int, Field(ge=1, le=128)] = Field(
        16, description="bytes of an input beat, one activation each; must divide arrays.rows"
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
    def _lanes_fill_words(self) -> str | None:
        return self._divides_rows("adc.lanes", self.adc.lanes)

    @rule
    def _beats_fill_words(self) -> str | None:
        return self._divides_rows("bus.stream_bytes", self.bus.stream_bytes)

    def _divides_rows(self, key: str, value: int) -> str | None:
        rows = self.arrays.rows
        return f"{key}: must divide arrays.rows = {rows}, got {value}" if rows % value else None

    def _brief(self) -> str:
        arrays = f"{self.arrays.count} arrays of {self.arrays.rows} x {self.columns} signed columns"
        converters = f"{self.adc.lanes} {self.adc.bits}-bit converters each"
        return f"{self.name}: {arrays}, {self.device.levels}-level cells, {converters}"

    def _repr_html_(self) -> str:
        """For notebooks: the sizes as a table."""
        rows = [
            ("arrays", self.arrays.count),
            ("wordlines of an array", self.arrays.rows),
            ("signed columns of an array", self.columns),
            ("levels of a cell", self.device.levels),
            ("converters of an array", f"{self.adc.lanes} of {self.adc.bits} bits"),
            ("bits of an activation, at most", self.activation.bits),
            ("identity", f"0x{self.id:08x}"),
        ]
        return html_table(f"chip {self.name}", rows)

    @classmethod
    def load(cls, source: str | Path) -> "Chip":
        """A chip from a TOML file, or a preset by name (`reference-128`, `tiny`).

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
            names = ", ".join(presets())
            raise ConfigError(
                f"chip {source}: cannot be read ({e.strerror}); give a .toml file or one of the presets {names}"
            ) from None
        return cls.parse(text, str(source))

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
        plain = {"device": {"headroom"}} if self.device.headroom == 0 else {}  # chips older than headroom keep theirs
        return zlib.crc32(self.model_dump_json(exclude={"name": True, "clock_mhz": True, **plain}).encode())


def presets() -> list[str]:
    """Names that `Chip.load` knows."""
    return list(resources.presets("chips"))
