"""Chips of unusual shape, on which the Verilog must still elaborate, lint, synthesize and compute."""

from typing import Any

from codesign.chip.description import Chip
from codesign.fixed import clog2


def shaped(
    name: str, count: int, rows: int = 16, columns: int = 16, lanes: int = 4, stream: int = 4, **parts: Any
) -> Chip:
    """A chip like `tiny` but for its arrays, converters and stream; `parts` replaces whole sections."""
    description = {
        "name": name,
        "arrays": {"count": count, "rows": rows, "columns": columns},
        "device": {"levels": 4, "code_bits": 2},
        "adc": {"bits": 6, "lanes": lanes},
        "memory": {"input_words": 8, "activation_words": 8, "steps": 16, "loads": 64, "tiles": 32, "constants": 64},
        "bus": {"stream_bytes": stream},
    }
    return Chip.model_validate({**description, **parts})


def smallest() -> Chip:
    """Every size at its least."""
    memory = {"input_words": 1, "activation_words": 2, "steps": 1, "loads": 1, "tiles": 1, "constants": 1}
    device, adc = {"levels": 2, "code_bits": 1}, {"bits": 2, "lanes": 1}
    return shaped("smallest", 1, 2, 2, stream=1, memory=memory, device=device, adc=adc, activation={"bits": 1})


def odd_chips() -> list[Chip]:
    """One array; lanes that are no power of 2; masks longer than a word; padded columns; extremes."""
    large = {"input_words": 4096, "steps": 4096, "loads": 65536, "tiles": 65536, "constants": 65536}
    return [
        shaped("one-array", 1),
        shaped("three-lanes", 5, 24, 12, lanes=3),
        shaped("forty-arrays", 40),
        shaped("padded-columns", 6, 16, 20),
        smallest(),
        shaped("large-memories", 3, memory=large),
    ]


def walked(*but: str) -> list[tuple[Chip, list[int]]]:
    """Chips, `but` some, with the layer sizes of a program that a block bench walks through.

    4, 3 and 5 units in an activation word, 2, 1 and 3 column groups, 1 and 40 arrays, 8 lanes; apart from the
    one array, some layer fills more than one activation word.
    """
    memory = {"input_words": 12, "activation_words": 8, "steps": 16, "loads": 64, "tiles": 32, "constants": 64}
    chips = [
        (Chip.load("tiny"), [8, 20, 8, 5]),
        (shaped("one-array", 1, 24, 16, lanes=8), [20, 7]),
        (shaped("three-units", 12, 24, 16, lanes=8), [20, 30, 9, 5]),
        (shaped("five-units", 40, 15, 18, lanes=3, stream=3, memory=memory), [180, 20, 4]),
    ]
    return [(chip, sizes) for chip, sizes in chips if chip.name not in but]


def widths(chip: Chip) -> dict[str, int]:
    """Parameters of the blocks of xb_core, as it sets them."""
    memory, units = chip.memory, chip.arrays.rows // chip.adc.lanes
    counts = {
        "GROUP": chip.groups,
        "ARRAY": chip.arrays.count,
        "STEP": memory.steps,
        "LOAD": memory.loads,
        "TILE": memory.tiles,
        "CONSTANT": memory.constants,
        "UNIT": units,
        "INPUT": 2 * memory.input_words,
        "ACTIVATION": memory.activation_words,
    }
    return {
        "ARRAYS": chip.arrays.count,
        "LANES": chip.adc.lanes,
        "FIELD": chip.acc_bits + 1,
        "UNITS": units,
        "INPUT_WORDS": memory.input_words,
        **{f"{name}_BITS": max(1, clog2(count)) for name, count in counts.items()},
    }
