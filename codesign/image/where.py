"""Where a weight or a unit of the user's model lies on the chip, and what a cell of the chip is part of."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from codesign.brief import runs
from codesign.errors import InputError
from codesign.image.cell_list import Held, held_by
from codesign.image.manifest import PieceRef
from codesign.ir.naming import unit, weight_of
from codesign.mapping import Mapping


@dataclass(frozen=True)
class Pair:
    """The two cells of a weight's slice, by the user's name of the weight."""

    weight: str
    slice: int
    array: int
    wordline: int
    bitlines: tuple[int, int]  # + and -
    levels: tuple[int, int]
    codes: tuple[int, int]

    def __str__(self) -> str:
        cells = " and ".join(
            f"bitline {b} ({s}, level {v})" for b, s, v in zip(self.bitlines, "+-", self.levels, strict=True)
        )
        of = f", slice {self.slice}" if self.slice else ""
        return f"{self.weight}{of}: array {self.array}, wordline {self.wordline}, {cells}"


@dataclass(frozen=True)
class Cell:
    """A cell, and the weight that it is part of; None where no layer lies."""

    array: int
    wordline: int
    bitline: int
    level: int
    used: bool  # whether the program writes the array
    pair: Pair | None

    def __str__(self) -> str:
        place = f"array {self.array}, wordline {self.wordline}, bitline {self.bitline}"
        if not self.used:
            return f"{place}: the program does not use this array"
        if self.pair is None:
            return f"{place}: level {self.level}, part of no weight"
        of = f" (slice {self.pair.slice})" if self.pair.slice else ""
        return f"{place}: level {self.level}, the {'+-'[self.bitline % 2]} cell of {self.pair.weight}{of}"


def find(mapping: Mapping, name: str) -> list[Pair]:
    """The cells of LAYER[output, input], of LAYER[output, channel, y, x], or of all weights of the unit LAYER[output].

    In a convolution, LAYER[output, input] counts the places of its kernel. Raises InputError for a name that the
    program does not have, and tells which numbers it has.
    """
    match = re.fullmatch(r"\s*(.+?)\s*\[([\d\s,]+)\]\s*", name)
    held = held_by(mapping)
    layers = list(dict.fromkeys(p.layer for h in held for p in h.pieces))
    if match is None or not all(part.strip() for part in match[2].split(",")):
        raise InputError(f"{name!r}: is no weight; give LAYER[OUTPUT,INPUT], such as {layers[0]}[3,17]")
    layer, numbers = match[1], [int(part) for part in match[2].split(",")]
    pieces = [(h, p) for h in held for p in h.pieces if p.layer == layer]
    if not pieces:
        raise InputError(f"{name!r}: the program has no layer {layer}; its layers with weights are {', '.join(layers)}")
    kernel, output = pieces[0][1].kernel, numbers[0]
    outputs = sorted({n for _, p in pieces for n in p.named_outputs})
    if output not in outputs:
        raise InputError(_gone(name, "output", output, layer, outputs))
    wanted = None if len(numbers) == 1 else _input(name, numbers[1:], kernel)
    inputs = sorted({n for _, p in pieces for n in p.named_inputs})
    if wanted is not None and wanted not in inputs:
        raise InputError(_gone(name, "input", wanted, layer, inputs))
    found = []
    for h, p in pieces:
        if output in p.named_outputs:
            rows = range(len(p.named_inputs)) if wanted is None else _places(p.named_inputs, wanted)
            found += [_pair(mapping, h, p, row, p.named_outputs.index(output)) for row in rows]
    return sorted(found, key=lambda pair: pair.slice)


def cell_at(mapping: Mapping, array: int, wordline: int, bitline: int) -> Cell:
    """What a cell of the chip is. Raises InputError when the chip does not have it."""
    a = mapping.chip.arrays
    for what, value, size in (
        ("array", array, a.count),
        ("wordline", wordline, a.rows),
        ("bitline", bitline, a.columns),
    ):
        if not 0 <= value < size:
            raise InputError(f"--{what} {value}: chip {mapping.chip.name} has {what}s 0..{size - 1}")
    held = next((h for h in held_by(mapping) if h.array == array), None)
    if held is None:
        return Cell(array, wordline, bitline, 0, False, None)
    pair = next(
        (
            _pair(mapping, held, p, r, c)
            for p in held.pieces
            if (r := wordline - p.wordline) in range(len(p.named_inputs))
            and (c := bitline // 2 - p.column) in range(len(p.named_outputs))
        ),
        None,
    )
    return Cell(array, wordline, bitline, int(held.levels[wordline, bitline]), True, pair)


def title(mapping: Mapping, pairs: Sequence[Pair]) -> str:
    """What was found, in a line: a weight's value, or a unit."""
    chip, codes = mapping.chip, mapping.chip.device
    names = list(dict.fromkeys(p.weight for p in pairs))
    if len(names) > 1:
        arrays = runs(sorted({p.array for p in pairs}))
        name = unit(*_unit_of(names[0]))
        return f"{name} of {mapping.network.name} on {chip.name}: {len(names)} weights, arrays {arrays}"
    value = sum((p.codes[0] - p.codes[1]) * codes.levels**p.slice for p in pairs)
    return f"{names[0]} of {mapping.network.name} on {chip.name}: weight {value}"


def _unit_of(weight: str) -> tuple[str, int]:
    layer, _, rest = weight.rpartition("[")
    return layer, int(rest.split(",")[0])


def _input(name: str, place: list[int], kernel: tuple[int, int] | None) -> int:
    """The number of an input; of a convolution, flat."""
    if len(place) == 1:
        return place[0]
    if kernel is None or len(place) != 3:
        form = "OUTPUT,INPUT" if kernel is None else "OUTPUT,CHANNEL,Y,X"
        raise InputError(f"{name!r}: has {len(place) + 1} numbers; give LAYER[{form}]")
    channel, y, x = place
    if y >= kernel[0] or x >= kernel[1]:
        raise InputError(f"{name!r}: lies outside the kernel of {kernel[0]} x {kernel[1]}; y and x count from 0")
    return channel * math.prod(kernel) + y * kernel[1] + x


def _gone(name: str, what: str, number: int, layer: str, there: list[int]) -> str:
    why = "the compiler removed it" if number < there[-1] else "the layer has none, or the compiler removed it"
    return f"{name!r}: {what} {number} is not on the chip, {why}; {layer} has {what}s {runs(there)}"


def _places(numbers: Sequence[int], wanted: int) -> list[int]:
    return [numbers.index(wanted)] if wanted in numbers else []


def _pair(mapping: Mapping, held: Held, piece: PieceRef, row: int, column: int) -> Pair:
    wordline, first = piece.wordline + row, 2 * (piece.column + column)
    plus, minus = held.levels[wordline, first : first + 2].tolist()
    name = weight_of(piece.layer, piece.named_outputs[column], piece.named_inputs[row], piece.kernel)
    codes = mapping.chip.device.codes
    return Pair(name, piece.slice, held.array, wordline, (first, first + 1), (plus, minus), (codes[plus], codes[minus]))
