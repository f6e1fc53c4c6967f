"""The chip: arrays, cells, converters, memories and bus, described once and validated."""

import zlib
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import ConfigDict, Field

from codesign import resources
from codesign.brief import Brief, html_table
from codesign.checked import Checked, rule, rules
from codesign.errors import ConfigError
from codesign.files import read_text
from codesign.fixed import IntType, clog2
from codesign.settings import TOML_LIMIT, Int, validate

RTL_VERSION = 0x0001_0000  # major.minor of the register map, descriptors and image words


class _Part(Brief, Checked):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Arrays(_Part):
    """The crossbars. Bitlines 2j and 2j+1 are the + and - of signed column j."""

    count: Annotated[Int, Field(ge=1, le=1024)] = Field(description="crossbar arrays on the chip")
    rows: Annotated[Int, Field(ge=2, le=1024)] = Field(
        description="wordlines of an array: products a column sums at once"
    )
    columns: Annotated[Int, Field(ge=2, le=1024, multiple_of=2)] = Field(
        description="bitlines of an array, + and - counted: two a signed column"
    )


class Device(_Part):
    """One cell: its levels and the conductance code of each. g_on is the conductance of the highest level."""

    levels: Annotated[Int, Field(ge=2, le=256)] = Field(description="levels a cell can be programmed to")
    spacing: Literal["conductance", "resistance", "table"] = Field(
        "conductance",
        description="where the levels lie: conductance, evenly from g_off to g_on; resistance, evenly in 1/g; "
        "table, as measured",
    )
    on_off_ratio: Annotated[float, Field(gt=1)] | None = Field(
        None,
        description="g_on / g_off, a ratio; absent: an off cell conducts nothing. Required with resistance, "
        "not allowed with table",
    )
    table: tuple[Annotated[float, Field(ge=0)], ...] | None = Field(
        None,
        description="measured conductance of each level, rising, in any unit (only ratios matter); "
        "exactly with spacing = table",
    )
    code_bits: Annotated[Int, Field(ge=1, le=12)] = Field(
        description="bits of a conductance code, the unsigned integer that stands for a level's conductance; "
        "without headroom g_on is the largest code. `codesign chip check` shows what rounding to codes costs"
    )
    headroom: Annotated[float, Field(ge=0, le=15)] = Field(
        0.0,
        description="codes kept free above g_on, as a share of g_on: room for cells that conduct more than their level",
    )

    @rule
    def _table_or_formula(self) -> str | None:
        told = 'table: give it exactly when spacing = "table"'
        return told if (self.spacing == "table") != (self.table is not None) else None

    @rule
    def _ratio_once(self) -> str | None:
        twice = self.table is not None and self.on_off_ratio is not None
        return "on_off_ratio: the table says it already; remove one of them" if twice else None

    @rule
    def _conductance_of_every_level(self) -> str | None:
        if self.table is None or len(self.table) == self.levels:
            return None
        return f"table: must list {self.levels} conductances (levels), got {len(self.table)}"

    @rule
    def _conductances_rise(self) -> str | None:
        if self.table is None or list(self.table) == sorted(set(self.table)):
            return None
        return "table: conductances must rise from level to level"

    @rule
    def _resistance_of_an_off_cell(self) -> str | None:
        lacks = self.spacing == "resistance" and self.on_off_ratio is None
        return 'on_off_ratio: required when spacing = "resistance"' if lacks else None

    @rule
    def _levels_differ(self) -> str | None:
        if any(judge(self) for judge in rules(Device) if judge is not Device._levels_differ):
            return None  # no codes follow from such a device
        if len(set(self.codes)) == self.levels:
            return None
        return (
            f"code_bits: {self.code_bits} bits cannot tell {self.levels} levels apart, "
            f"codes would be {list(self.codes)}, raise code_bits"
        )

    @property
    def conductances(self) -> tuple[float, ...]:
        """Nominal conductance of each level, rising: as the table says, otherwise in units of g_on."""
        if self.table is not None:
            return self.table
        off = 1.0 / self.on_off_ratio if self.on_off_ratio else 0.0
        if self.spacing == "conductance":
            return tuple(np.linspace(off, 1.0, self.levels).tolist())
        return tuple((1.0 / np.linspace(1.0 / off if off else np.inf, 1.0, self.levels)).tolist())

    @property
    def codes(self) -> tuple[int, ...]:
        """Conductance code of each level, rising; unsigned, of `code_bits` bits."""
        g = np.asarray(self.conductances)
        top = int(((1 << self.code_bits) - 1) / (1 + self.headroom))
        if self.spacing == "conductance" and self.on_off_ratio is None:
            unit = max(1, top // (self.levels - 1))  # keeps an ideal device exactly uniform
            return tuple(min(top, unit * k) for k in range(self.levels))
        return tuple(int(c) for c in np.rint(g / g[-1] * top))

    @property
    def level_bits(self) -> int:
        """Bits of a stored level."""
        return clog2(self.levels)

    @property
    def pairs(self) -> dict[int, tuple[int, int]]:
        """Levels (+, -) of every weight a differential pair can hold, rising; the pair that conducts least wins."""
        table: dict[int, tuple[int, int]] = {}
        codes = self.codes
        for plus in range(self.levels):
            for minus in range(self.levels):
                weight = codes[plus] - codes[minus]
                best = table.get(weight)
                if best is None or codes[plus] + codes[minus] < codes[best[0]] + codes[best[1]]:
                    table[weight] = (plus, minus)
        return dict(sorted(table.items()))

    @property
    def weights(self) -> tuple[int, ...]:
        """Every weight a differential pair can hold: all differences of two codes, rising."""
        return tuple(self.pairs)


class Adc(_Part):
    """The converters of one array."""

    bits: Annotated[Int, Field(ge=2, le=12)] = Field(description="bits of a converter's signed code")
    lanes: Annotated[Int, Field(ge=1, le=256)] = Field(
        description="converters of an array, shared by its signed columns, and columns requantized at once; "
        "at most arrays.columns / 2, divides arrays.rows"
    )


class Activation(_Part):
    """Numbers that enter wordlines."""

    bits: Annotated[Int, Field(ge=1, le=8)] = Field(
        8, description="bits of the widest activation; each bit takes a phase of a conversion"
    )


class Memory(_Part):
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


class Bus(_Part):
    """The chip's streams."""

    stream_bytes: Annotated[Int, Field(ge=1, le=128)] = Field(
        16, description="bytes of an input beat, an activation each; divides arrays.rows"
    )


class Chip(_Part):
    """A complete chip. Load it with `Chip.load`; every rule below holds for any instance."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")] = Field(
        description="after which files and Verilog modules are named; not part of the chip's identity"
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
        """32-bit identity: CRC-32 of everything an image depends on (not the name)."""
        plain = {"device": {"headroom"}} if self.device.headroom == 0 else {}  # chips older than headroom keep theirs
        return zlib.crc32(self.model_dump_json(exclude={"name": True, **plain}).encode())


def presets() -> list[str]:
    """Names that `Chip.load` knows."""
    return list(resources.presets("chips"))
