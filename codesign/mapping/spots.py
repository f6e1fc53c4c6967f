"""Check where an earlier plan, or a file, says that the blocks of a network lie."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.errors import InputError
from codesign.mapping.arrange import spots_of
from codesign.mapping.loads import spans
from codesign.mapping.mapping import Spots
from codesign.mapping.outline import LayerSize, Outline
from codesign.mapping.parts import split
from codesign.mapping.tiles import columns_of


def check_spots(network: Outline, chip: Chip, spots: Spots) -> None:
    """Raises InputError when `spot_problem` finds one."""
    if problem := spot_problem(network, chip, spots):
        raise InputError(f"spots: {problem}; take those of a plan of this network on this chip")


def spot_problem(network: Outline, chip: Chip, spots: Spots) -> str | None:
    """Where blocks leave the chip or meet, or that the spots are those of other layers; None if all is well."""
    return next(_problems(network, chip, spots), None)


def _problems(network: Outline, chip: Chip, spots: Spots) -> Iterator[str]:
    parts = split(network, chip)
    names = list(dict.fromkeys(n.name for n in parts.matrices))
    if sorted(spots) != sorted(names):
        yield f"must name the layers {', '.join(names)}, got {', '.join(spots)}"
    for name in names:
        count = sum(len(columns_of(n.outputs, n.slices, chip).groups) for n in parts.matrices if n.name == name)
        if len(spots[name]) != count:
            yield f"layer {name} has {count} blocks, got {len(spots[name])}"
    owner = defaultdict[int, NDArray[np.int64]](lambda: np.full((chip.arrays.rows, chip.groups), -1))  # layer numbers
    for node, places in zip(parts.matrices, spots_of(parts, spots, chip), strict=True):
        yield from _outside(node, chip, places)
        used: set[int] = set()
        groups = columns_of(node.outputs, node.slices, chip).groups
        for (wordline, group), wide in zip(places, groups, strict=True):
            block = spans(wordline, node.inputs, chip.arrays.rows)
            for span in block:
                if span.array in used:
                    yield f"blocks of layer {node.name} must not share array {span.array}"
                held = owner[span.array][span.wordline : span.wordline + span.rows, group : group + wide]
                if (held >= 0).any():
                    yield f"layer {node.name} covers cells of array {span.array} that layer {names[held.max()]} holds"
                held[:] = names.index(node.name)
            used |= {span.array for span in block}


def _outside(node: LayerSize, chip: Chip, places: tuple[tuple[int, int], ...]) -> Iterator[str]:
    columns, wordlines = columns_of(node.outputs, node.slices, chip), chip.arrays.count * chip.arrays.rows
    if len({group for _, group in places}) > 1:
        told = ", ".join(str(group) for _, group in places)
        yield f"blocks of layer {node.name} must start at one column group, got {told}"
    for (wordline, group), wide, width in zip(places, columns.groups, columns.widths, strict=True):
        if wordline < 0 or group < 0:
            yield f"layer {node.name} begins on wordline {wordline} in column group {group}, both start at 0"
        if node.cut is not None and wordline % chip.arrays.rows != node.cut:
            at = wordline % chip.arrays.rows
            yield f"layer {node.name} begins on wordline {at} of an array, was trained with its first row on {node.cut}"
        if wordline + node.inputs > wordlines:
            yield f"layer {node.name} ends on wordline {wordline + node.inputs - 1}, the chip has {wordlines}"
        if group * chip.adc.lanes + width > chip.columns:
            yield f"layer {node.name} ends in column group {group + wide - 1}, an array has {chip.groups}"
