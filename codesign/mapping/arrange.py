"""Where the blocks of a network lie in the tall matrix: each in arrays of its own, or packed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from codesign.chip.description import Chip
from codesign.errors import CapacityError, ConfigError
from codesign.mapping.blocks import Block, Space
from codesign.mapping.bounds import least_arrays
from codesign.mapping.mapping import Spots
from codesign.mapping.outline import LayerSize, Outline
from codesign.mapping.pack import pack
from codesign.mapping.parts import split
from codesign.mapping.tiles import columns_of, down, own_arrays

OBJECTIVES = ("cycles", "arrays")


@dataclass(frozen=True)
class Arrangement:
    """Spots of every layer's blocks by its name, and bounds on the arrays: by cells alone, and the largest known."""

    spots: Spots
    bound: int
    least: int


def check_objective(objective: str) -> None:
    """Raises ConfigError when it is neither of `OBJECTIVES`."""
    if objective not in OBJECTIVES:
        raise ConfigError(f'objective: must be "cycles" or "arrays", got {objective!r}')


def cell_bound(network: Outline, chip: Chip) -> int:
    """Arrays that no packing can go below: cells needed over cells per array."""
    return -(-network.cells // (chip.arrays.rows * chip.arrays.columns))


def bounds(network: Outline, chip: Chip) -> tuple[int, int]:
    """Arrays that no packing can go below: by cells, and by all that is known of blocks and column groups."""
    cells, network = cell_bound(network, chip), split(network, chip)
    return cells, max(cells, least_arrays(_blocks(network, chip), _space(chip)))


def own(network: Outline, chip: Chip) -> int:
    """Arrays that the network takes where every block has its own."""
    return sum(own_arrays(n.inputs, n.outputs, n.slices, chip) for n in split(network, chip).matrices)


def spots_of(network: Outline, spots: Spots, chip: Chip) -> Iterator[tuple[tuple[int, int], ...]]:
    """The spots of each matrix of a network after `split`: some of its layer's, one part after another."""
    taken = dict.fromkeys(spots, 0)
    for n in network.matrices:
        first = taken[n.name]
        taken[n.name] = first + len(columns_of(n.outputs, n.slices, chip).groups)
        yield spots[n.name][first : taken[n.name]]


def arrange(network: Outline, chip: Chip, objective: str, spots: Spots | None = None) -> Arrangement:
    """The arrangement for an objective, or that of `spots`. Raises CapacityError when the chip has too few arrays."""
    (bound, least), network = bounds(network, chip), split(network, chip)
    if spots is not None:
        return Arrangement(spots, bound, least)
    _check_cuts(network, chip)
    need, has = own(network, chip), chip.arrays.count
    if objective == "cycles" and need <= has and not any(n.cut for n in network.matrices):
        return Arrangement(_alone(network, chip), bound, least)
    if least > has:
        raise _too_few(network, chip, least, "however packed")
    packed, used = _packed(network, chip, has if objective == "cycles" else None)
    if used > has:
        raise _too_few(network, chip, used, "as far as they could be packed")
    return Arrangement(packed, bound, least)


def _check_cuts(network: Outline, chip: Chip) -> None:
    """Raises CapacityError for a layer whose rows were cut in training where this chip cannot cut them."""
    for n in network.matrices:
        if n.cut is not None and n.cut >= chip.arrays.rows:
            raise CapacityError(
                f"layer {n.name}: was trained through converters with its first row on wordline {n.cut}, arrays of "
                f"chip {chip.name} have {chip.arrays.rows}; train it for this chip, or choose the chip of its training"
            )


def _alone(network: Outline, chip: Chip) -> Spots:
    found, array = dict[str, tuple[tuple[int, int], ...]](), 0
    for n in network.matrices:
        tall = down(n.inputs, chip)
        blocks = len(columns_of(n.outputs, n.slices, chip).groups)
        own = tuple(((array + k * tall) * chip.arrays.rows, 0) for k in range(blocks))
        found[n.name] = found.get(n.name, ()) + own
        array += blocks * tall
    return found


def _packed(network: Outline, chip: Chip, enough: int | None) -> tuple[Spots, int]:
    packing = pack(_blocks(network, chip), _space(chip), enough)
    found, at = dict[str, tuple[tuple[int, int], ...]](), 0
    for n in network.matrices:
        count = len(columns_of(n.outputs, n.slices, chip).groups)
        own = tuple((spot.wordline, spot.group) for spot in packing.spots[at : at + count])
        found[n.name] = found.get(n.name, ()) + own
        at += count
    return found, packing.arrays


def _blocks(network: Outline, chip: Chip) -> list[Block]:
    """The blocks of every layer, one layer after another."""
    return [
        Block(step, n.inputs, width, n.cut)
        for step, n in enumerate(network.matrices)
        for width in columns_of(n.outputs, n.slices, chip).widths
    ]


def _space(chip: Chip) -> Space:
    return Space(chip.arrays.rows, chip.columns, chip.adc.lanes)


def _tall(layer: LayerSize, chip: Chip) -> int:
    """Arrays below each other that a layer's rows take, from the wordline of its recorded cut on."""
    return down((layer.cut or 0) + layer.inputs, chip)


class TooFewArrays(CapacityError):
    """A chip has fewer arrays than the network `need`s."""

    def __init__(self, message: str, need: int) -> None:
        super().__init__(message)
        self.need = need


def _too_few(network: Outline, chip: Chip, need: int, how: str) -> TooFewArrays:
    """The error that says which layer takes which rows and columns, and what would do."""
    has, parts = chip.arrays.count, []
    for name, blocks in groupby(network.matrices, key=lambda n: n.name):
        n, *others = blocks
        columns = columns_of(n.outputs, n.slices, chip)
        sliced = f" in {n.slices} slices" if n.slices > 1 else ""
        times = f"{1 + len(others)} blocks of up to " if others else ""
        parts.append(f"{name} {times}{n.inputs}x{n.outputs}{sliced} takes {_tall(n, chip)}x{len(columns.groups)}")
    fixed = list(dict.fromkeys(n.name for n in network.matrices if n.cut))
    how += f" with the row cuts that {', '.join(fixed)} had in training" if fixed else ""
    enough = _packed(network, chip, None)[1]
    return TooFewArrays(
        f"network {network.name}: needs {need} arrays {how}, chip {chip.name} has {has} ({', '.join(parts)}); "
        f"{_advice(network, chip)}choose a chip with arrays.count >= {enough}",
        need,
    )


def _advice(network: Outline, chip: Chip) -> str:
    """Which hidden layer, narrowed by the fewest units, lets every block have arrays of its own; empty if none does."""
    nodes = network.layers
    best: tuple[int, str, int] | None = None
    for k, node in enumerate(nodes[:-1]):
        if node.part or node.is_vector or any((n.is_vector or n.part) and node.gives in n.sources for n in nodes):
            continue  # what adds or pools it, or reads it in groups, would change, too
        sizes = [[(n.cut or 0) + n.inputs, n.outputs, n.slices] for n in nodes]
        for width in range(node.outputs - 1, 0, -1):
            sizes[k][1] = width
            for j, reader in enumerate(nodes):
                if reader.source == node.gives:
                    sizes[j][0] = (reader.cut or 0) + width * (reader.inputs // node.outputs)
            if sum(own_arrays(i, o, s, chip) for i, o, s in sizes) <= chip.arrays.count:
                if best is None or node.outputs - width < best[0]:
                    best = (node.outputs - width, node.name, width)
                break
    return f"narrow {best[1]} to {best[2]} outputs, or " if best else ""
