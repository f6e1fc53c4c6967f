"""The bit-exact reference of the chip: bit planes, converters, shift-and-add, requantize, block by block."""

import numpy as np
from numpy.typing import NDArray

from codesign.fixed import Columns, Ints, bit_planes, plane_weights, requantize, requantize_terms, shift_right
from codesign.ir.exact import matmul_exact
from codesign.ir.run import check_inputs
from codesign.mapping.cells import to_codes, to_weights
from codesign.mapping.die import Die
from codesign.mapping.layer import Layer, Matrix
from codesign.mapping.loads import Span
from codesign.mapping.mapping import Block, Mapping, Step

BATCH = 256  # rows at once, or as many more as hold `VALUES`; bounds the memory of unrolled bit planes
VALUES = 1 << 22  # rows * inputs of a layer at once: 32 MiB

Weights = dict[int, NDArray[np.int32]]  # of each used array, (wordlines, signed columns)
Part = tuple[Ints, Span, NDArray[np.int32]]  # accumulators of a block, and one of its pieces


def run(mapping: Mapping, x: NDArray[np.generic], die: Die | None = None, adc: bool = True) -> Ints:
    """Outputs (images, outputs) of the chip for integer inputs (images, features).

    die: what the cells hold (absent: ideal). adc=False skips the converters: currents are summed exactly, and the sum
    of an accumulator is rounded to whole codes where the die's map counts fractions of them.
    """
    x, weights, fraction = check_inputs(x, mapping.network), weights_of(mapping, die), die.fraction if die else 0
    most = max(n.positions * n.size.inputs for n in mapping.layers if isinstance(n, Matrix))
    images = max(1, VALUES // most)
    parts = [_edges(mapping, x[k : k + images], weights, adc, fraction) for k in range(0, max(1, len(x)), images)]
    last = np.concatenate([part[mapping.steps[-1].layer] for part in parts])
    return last.reshape(len(x), mapping.network.outputs)


def layers(mapping: Mapping, x: NDArray[np.generic], die: Die | None = None, adc: bool = True) -> dict[str, Ints]:
    """Like `run`, with every edge by name: (images, features) or (images, channels, height, width)."""
    x = check_inputs(x, mapping.network)
    return _edges(mapping, x, weights_of(mapping, die), adc, die.fraction if die else 0)


def _edges(mapping: Mapping, x: Ints, weights: Weights, adc: bool, fraction: int) -> dict[str, Ints]:
    edges = {"input": x.reshape(len(x), *mapping.network.shape_of("input"))}
    for step, layer in zip(mapping.steps, mapping.layers, strict=True):
        edges |= computed(mapping, step, layer, edges, weights, adc, fraction)
    return edges


def computed(
    mapping: Mapping,
    step: Step,
    layer: Layer,
    edges: dict[str, Ints],
    weights: Weights,
    adc: bool = True,
    fraction: int = 0,
) -> dict[str, Ints]:
    """What a step makes of the edges that it reads: the edge of its layer, and of the pooling behind it.

    A part of a layer puts its channels into those of the parts before it, which `edges` hold. fraction: bits by which
    weights are finer than conductance codes.
    """
    if not isinstance(layer, Matrix):
        return layer.value(edges)
    terms = accumulate(mapping, step, layer.gather(edges[layer.node.source]), weights, adc, fraction)
    other = None if layer.add is None else layer.own(edges[layer.size.other])
    if adc:
        values = layer.shaped(scale(step, terms, None if other is None else layer.rows_of(other)))
        return layer.joined(edges, layer.giving(values))
    values = layer.shaped(layer.node.requant(added(step, terms)))
    if layer.add is not None and other is not None:
        values = layer.add.value(*({layer.name: values, layer.size.other: other}[s] for s in layer.add.sources))
    return layer.joined(edges, layer.giving(values))


def scale(step: Step, terms: list[Ints], other: Ints | None = None) -> Ints:
    """What the requantizer makes of the accumulators of each slice, and of the edge that is added."""
    if len(terms) == 1 and other is None:
        return requantize(terms[0], step.mult, step.bias, step.shift, step.out)
    scaled = [(t, step.multipliers(s)) for s, t in enumerate(terms)]
    if other is not None and step.other is not None:
        scaled.append((other, step.other))
    return requantize_terms(scaled, step.bias, step.shift, step.out)


def added(step: Step, terms: list[Ints]) -> Ints:
    """The accumulators of all slices as one."""
    return sum((term * step.base**s for s, term in enumerate(terms)), np.zeros_like(terms[0]))


def accumulate(
    mapping: Mapping, step: Step, x: Ints, weights: Weights, adc: bool = True, fraction: int = 0
) -> list[Ints]:
    """Accumulators (rows, outputs) of each slice of one step, for the rows (rows, inputs) that its matrix is given.

    Its arrays' codes, shifted and added.
    """
    lanes = mapping.chip.adc.lanes
    blocks = [np.zeros((len(x), width_of(step, b, mapping)), dtype=np.int64) for b in step.blocks]
    serial: dict[tuple[int, int], list[Part]] = {}  # of equal rows, equal bit planes
    for block, acc in zip(step.blocks, blocks, strict=True):
        for span in block.spans:
            weight = piece_of(weights, step, span, acc.shape[1], mapping)
            if adc and (fraction or not cannot_clip(weight, step, span.array, mapping)):
                serial.setdefault((span.row, span.rows), []).append((acc, span, weight))
            else:
                acc += matmul_exact(x[:, span.row : span.row + span.rows], weight)
    chains = {rows: _columns(step, parts, mapping, fraction) for rows, parts in serial.items()}
    batch = batch_of(x)
    for first in range(0, len(x) if serial else 0, batch):
        images = slice(first, first + batch)
        for (row, rows), parts in serial.items():
            planes = bit_planes(x[images, row : row + rows], step.input, np.float32)  # (planes, images, rows)
            codes = chains[row, rows].codes(planes.reshape(-1, rows)).reshape(len(planes), -1)
            summed = plane_weights(step.input).astype(codes.dtype) @ codes  # below 2^24: exact in floats
            summed = summed.reshape(planes.shape[1], -1)
            at = 0
            for acc, _, weight in parts:
                acc[images] += summed[:, at : at + weight.shape[1]].astype(np.int64)
                at += weight.shape[1]
    if fraction and not adc:
        blocks = [shift_right(acc, fraction) for acc in blocks]
    found = [np.zeros((len(x), step.outputs), dtype=np.int64) for _ in range(step.slices)]
    for tile in step.tiles:
        for s, term in enumerate(tile.terms):
            at = term.group * lanes
            found[s][:, tile.column : tile.column + tile.columns] = blocks[term.block][:, at : at + tile.columns]
    return found


def _columns(step: Step, parts: list[Part], mapping: Mapping, fraction: int) -> Columns:
    """The columns of all arrays that are driven alike."""
    both = [(weight, offsets(step, span.array, weight.shape[1], mapping)) for _, span, weight in parts]
    weight, offset = (np.concatenate(arrays, axis=-1) for arrays in zip(*both, strict=True))
    return Columns.of(weight, step.trim, offset, mapping.chip.code, fraction)


def batch_of(x: Ints) -> int:
    """How many of the rows of `x` are unrolled into bit planes at once."""
    return max(BATCH, VALUES // (8 * int(x.shape[1])))


def width_of(step: Step, block: Block, mapping: Mapping) -> int:
    """Signed columns of a block, up to the end of its arrays."""
    lanes, columns = mapping.chip.adc.lanes, mapping.chip.columns
    return min(block.groups * lanes, columns - step.first_group * lanes)


def weights_of(mapping: Mapping, die: Die | None = None) -> Weights:
    """The weights that each used array holds, differences of conductance codes; on a die, of what its map counts."""
    device = mapping.chip.device
    codes = die.on(mapping).codes if die else {u.array: to_codes(u.levels, device) for u in mapping.arrays}
    return {u.array: to_weights(codes[u.array]) for u in mapping.arrays}


def piece_of(weights: Weights, step: Step, span: Span, width: int, mapping: Mapping) -> NDArray[np.int32]:
    """The weights that a step converts in one array: the rows of a span, the columns of its block."""
    at = step.first_group * mapping.chip.adc.lanes
    return weights[span.array][span.wordline : span.wordline + span.rows, at : at + width]


def offsets(step: Step, array: int, width: int, mapping: Mapping) -> Ints:
    """Converter offsets of the columns that a step reads in an array."""
    at = step.first_group * mapping.chip.adc.lanes
    use = next(u for u in mapping.arrays if u.array == array)
    return use.offset[at : at + width]


def cannot_clip(weight: NDArray[np.int32], step: Step, array: int, mapping: Mapping) -> bool:
    """Whether no input can drive any column of the piece past its converters, which then change nothing.

    The largest current adds all positive weights, the smallest all negative ones (inputs are bits).
    """
    if not step.trim.is_identity or offsets(step, array, weight.shape[1], mapping).any():
        return False
    high = np.where(weight > 0, weight, 0).sum(axis=0).max(initial=0)
    low = np.where(weight < 0, weight, 0).sum(axis=0).min(initial=0)
    code = mapping.chip.code
    return bool(low >= code.lo and high <= code.hi)
