"""Chips of unusual shape, on which the Verilog must still elaborate, lint, synthesize and compute."""

from typing import Any

from codesign.chip.description import Chip
from codesign.fixed import clog2


def shaped(
    name: str,
    count: int,
    rows: int = 16,
    columns: int = 16,
    lanes: int = 4,
    stream: int = 4,
    word: int | None = None,
    **parts: Any,
) -> Chip:
    """A chip like `tiny` but for its arrays, converters, stream and memory word; `parts` replaces whole sections."""
    description: dict[str, Any] = {
        "name": name,
        "arrays": {"count": count, "rows": rows, "columns": columns},
        "device": {"levels": 4, "code_bits": 2},
        "adc": {"bits": 6, "lanes": lanes},
        "memory": {"input_words": 8, "activation_words": 8, "steps": 16, "loads": 64, "tiles": 32, "constants": 64},
        "bus": {"stream_bytes": stream},
    }
    description |= parts
    return Chip.model_validate({**description, "memory": {**description["memory"], "word": word}})


def smallest() -> Chip:
    """Every size at its least."""
    memory = {"input_words": 1, "activation_words": 2, "steps": 1, "loads": 1, "tiles": 1, "constants": 1}
    device, adc = {"levels": 2, "code_bits": 1}, {"bits": 2, "lanes": 1}
    return shaped("smallest", 1, 2, 2, stream=1, memory=memory, device=device, adc=adc, activation={"bits": 1})


def odd_chips() -> list[Chip]:
    """One array; lanes that are no power of 2; masks longer than a word; padded columns; extremes.

    Memory words as wide as the arrays, wider, and narrower.
    """
    large = {"input_words": 4096, "steps": 4096, "loads": 65536, "tiles": 65536, "constants": 65536}
    return [
        shaped("one-array", 1),
        shaped("three-lanes", 5, 24, 12, lanes=3),
        shaped("forty-arrays", 40),
        shaped("padded-columns", 6, 17, 20, word=8),
        smallest(),
        shaped("large-memories", 3, memory=large),
    ]


def widths(chip: Chip) -> dict[str, int]:
    """Parameters of the blocks of xb_core, as it sets them."""
    memory, word_bits = chip.memory, clog2(chip.word)
    counts = {
        "GROUP": chip.groups,
        "ARRAY": chip.arrays.count,
        "STEP": memory.steps,
        "LOAD": memory.loads,
        "TILE": memory.tiles,
        "CONSTANT": memory.constants,
    }
    return {
        "ARRAYS": chip.arrays.count,
        "LANES": chip.adc.lanes,
        "FIELD": chip.acc_bits + 1,
        "WORD_BITS": word_bits,
        "INPUT_DEPTH": memory.input_words * chip.word,
        "INPUT_BITS": clog2(2 * memory.input_words) + word_bits,
        "ACTIVATION_BITS": clog2(memory.activation_words) + word_bits,
        **{f"{name}_BITS": max(1, clog2(count)) for name, count in counts.items()},
    }
