"""Layers of several steps, each over its channels alone: convolutions in groups, and pictures of many channels."""

from collections.abc import Iterator
from dataclasses import replace

from codesign.chip.description import Chip
from codesign.chip.layout import TILE
from codesign.errors import CapacityError
from codesign.mapping.outline import LayerSize, Outline, Part

CHANNELS = TILE.field("columns").hi  # of a pixel that a layer without a matrix combines in a step


def together(outputs: int, groups: int, chip: Chip) -> int:
    """Convolution groups of a block: those whose outputs fill one column group, at least one."""
    return min(groups, max(1, chip.adc.lanes * groups // outputs))


def width(outputs: int, groups: int, chip: Chip) -> int:
    """Outputs of a block."""
    return together(outputs, groups, chip) * (outputs // groups)


def split(network: Outline, chip: Chip) -> Outline:
    """The same network with every part of a layer as a layer of its own: one for each step of the chip.

    Raises CapacityError as `parts_of`.
    """
    return replace(network, layers=tuple(part for n in network.layers for part in parts_of(n, chip)))


def parts_of(size: LayerSize, chip: Chip) -> tuple[LayerSize, ...]:
    """The blocks of a convolution in groups, in the order of its channels; a layer without a matrix in as few parts as
    its entries count channels; any other layer as it is.

    The results of a network's last layer leave pixel by pixel, so that all its groups are one block. A convolution
    that was trained through converters has its rows cut group by group: a block of several groups lies in one array.
    Raises CapacityError where both hold and contradict each other.
    """
    if size.is_vector:
        return tuple(_vectors(size, chip))
    if size.groups == 1 or size.part is not None or size.places is None:
        return (size,)
    channels, rows, outputs = (n // size.groups for n in (size.places.picture[0], size.inputs, size.outputs))
    most = size.groups if size.raw else together(size.outputs, size.groups, chip)
    if size.cut is not None and most > (uncut := max(1, (chip.arrays.rows - size.cut) // rows)):
        if size.raw:
            raise CapacityError(
                f"layer {size.name}: was trained through converters in {size.groups} groups of {rows} rows, and leaves "
                f"the chip as one block of {size.inputs} from wordline {size.cut} on, which arrays of "
                f"{chip.arrays.rows} rows cut elsewhere; add a linear layer behind it, or choose a chip with more rows"
            )
        most = uncut
    found = []
    for first in range(0, size.groups, most):
        count = min(most, size.groups - first)
        part = Part(first * channels, count * channels, first * outputs, size.outputs)
        found.append(replace(size, inputs=count * rows, outputs=count * outputs, groups=count, part=part))
    return tuple(found)


def _vectors(size: LayerSize, chip: Chip) -> Iterator[LayerSize]:
    most = CHANNELS // chip.adc.lanes * chip.adc.lanes
    if size.outputs <= most or size.part is not None:
        yield size
        return
    for first in range(0, size.outputs, most):
        count = min(most, size.outputs - first)
        yield replace(size, outputs=count, part=Part(first, count, first, size.outputs))
