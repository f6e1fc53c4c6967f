"""Matrices to tiles: rows by memory words, columns balanced in whole column groups."""

from codesign.chip.description import Chip


def split_rows(inputs: int, chip: Chip) -> list[tuple[int, int]]:
    """(first, count) of each row tile. Tiles are memory words, so only the last one can be short."""
    rows = chip.arrays.rows
    return [(first, min(rows, inputs - first)) for first in range(0, inputs, rows)]


def split_columns(outputs: int, chip: Chip) -> list[tuple[int, int]]:
    """(first, count) of each column tile: as few tiles as possible, converters loaded evenly.

    All tiles but the last are whole column groups, so that outputs stay in order in memory.
    """
    lanes = chip.adc.lanes
    widest = chip.columns if chip.columns >= outputs else chip.columns // lanes * lanes
    tiles = -(-outputs // widest)
    groups = -(-outputs // lanes)
    result, first = [], 0
    for k in range(tiles):
        share = groups // tiles + (k < groups % tiles)
        count = min(share * lanes, outputs - first)
        result.append((first, count))
        first += count
    return result


def arrays_of(inputs: int, outputs: int, chip: Chip) -> int:
    """Arrays that a layer of this size takes."""
    return len(split_rows(inputs, chip)) * len(split_columns(outputs, chip))
