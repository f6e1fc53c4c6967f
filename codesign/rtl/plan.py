"""What the generated Verilog must be: module, parameters, ports and instances, as data."""

from dataclasses import dataclass

from codesign.chip.description import RTL_VERSION, Chip
from codesign.chip.layout import Layout
from codesign.fixed import clog2, pack_fields
from codesign.image.words import limits

WRITE_BITS = 20  # of a word address in programming, more only for a chip with larger memories


@dataclass(frozen=True)
class Port:
    """direction: input or output."""

    name: str
    direction: str
    width: int


@dataclass(frozen=True)
class Plan:
    """A chip's top level."""

    chip: Chip
    name: str  # of the chip, as an identifier; emitted files and modules begin with it
    parameters: dict[str, int]  # of xb_chip
    array: dict[str, int]  # of xb_array, INDEX apart
    ports: tuple[Port, ...]

    @property
    def module(self) -> str:
        """Name of the top module."""
        return f"{self.name}_top"

    @property
    def group_bits(self) -> int:
        return self.array["GROUP_BITS"]


def plan(chip: Chip) -> Plan:
    """The top level of `chip`."""
    layout, lanes = Layout.of(chip), chip.adc.lanes
    write_bits = max(WRITE_BITS, *(clog2(words) for words in limits(chip).values()))
    parameters = {
        "VERSION": RTL_VERSION,
        "CHIP_ID": chip.id,
        "ARRAYS": chip.arrays.count,
        "ROWS": chip.arrays.rows,
        "WORD": chip.word,
        "LANES": lanes,
        "GROUPS": chip.groups,
        "ADC_BITS": chip.adc.bits,
        "BITS": chip.activation.bits,
        "STREAM_BYTES": chip.bus.stream_bytes,
        "INPUT_WORDS": chip.memory.input_words,
        "ACTIVATION_WORDS": chip.memory.activation_words,
        "STEPS": chip.memory.steps,
        "LOADS": chip.memory.loads,
        "TILES": chip.memory.tiles,
        "CONSTANTS": chip.memory.constants,
        "WALKS": chip.memory.walks,
        "OPERANDS": chip.memory.operands,
        "POOLS": chip.memory.pools,
        "CELL_WORDS": chip.arrays.rows * layout.row,
        "TRIM_WORDS": layout.trims,
        "WRITE_BITS": write_bits,
    }
    levels = 1 << chip.device.level_bits
    codes = [*chip.device.codes, *[0] * (levels - chip.device.levels)]
    array = {
        "ROWS": chip.arrays.rows,
        "COLUMNS": chip.arrays.columns,
        "LANES": lanes,
        "GROUP_BITS": max(1, (chip.groups - 1).bit_length()),
        "ADC_BITS": chip.adc.bits,
        "CODE_BITS": chip.device.code_bits,
        "LEVEL_BITS": chip.device.level_bits,
        "CODES": pack_fields(codes, chip.device.code_bits),
        "WRITE_BITS": write_bits,
    }
    stream = chip.bus.stream_bytes
    ports = [
        *[Port(n, "input", w) for n, w in (("clk", 1), ("rst", 1), ("psel", 1), ("penable", 1), ("pwrite", 1))],
        *[Port(n, "input", w) for n, w in (("paddr", 12), ("pwdata", 32), ("pstrb", 4))],
        *[Port(n, "output", w) for n, w in (("pready", 1), ("prdata", 32), ("pslverr", 1), ("irq", 1))],
        Port("s_axis_tvalid", "input", 1),
        Port("s_axis_tready", "output", 1),
        *[
            Port(n, "input", w)
            for n, w in (("s_axis_tdata", 8 * stream), ("s_axis_tkeep", stream), ("s_axis_tlast", 1))
        ],
        Port("m_axis_tvalid", "output", 1),
        Port("m_axis_tready", "input", 1),
        *[Port(n, "output", w) for n, w in (("m_axis_tdata", 32), ("m_axis_tlast", 1))],
    ]
    return Plan(chip, chip.name.replace("-", "_"), parameters, array, tuple(ports))
