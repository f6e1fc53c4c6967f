"""What a chip does, step by step, on flat memories: walks, loads, converters, terms, pooling and writes."""

from dataclasses import dataclass, field, replace

import numpy as np

from codesign.fixed import Ints, bit_planes, convert, plane_weights, requantize, requantize_terms
from codesign.mapping import Die, Mapping
from codesign.mapping.loads import Load
from codesign.mapping.mapping import Block, Step
from codesign.mapping.run import Weights, weights_of
from tests.mapping.pictures import Place, visited

STALE = 1 << 20  # what memories hold before they are written; no activation is like it


@dataclass
class Machine:
    """A mapping that runs one image at a time."""

    mapping: Mapping
    die: Die | None = None
    clipped: dict[str, int] = field(default_factory=dict)  # conversions of each layer, of all images
    conversions: dict[str, int] = field(default_factory=dict)

    def run(self, image: Ints) -> list[int]:
        """Output words in the order in which they leave."""
        chip, weights = self.mapping.chip, weights_of(self.mapping, self.die)
        memory = np.full(chip.memory.activation_words * chip.word, STALE)
        words: list[int] = []
        for step in self.mapping.steps:
            pool: Ints | None = None
            for number, (place, last) in enumerate(visited(step.walk)):
                if step.is_vector:
                    result = self._group(step, place, number % step.walk.levels[0].count, memory)
                else:
                    result = self._instance(step, place, image, memory, weights)
                if step.raw:
                    words += result.tolist()
                    continue
                pool = result if pool is None else np.maximum(pool, result)
                if last:
                    memory[step.write + place[3] :][: len(pool)] = pool
                    pool = None
        return words

    def _group(self, step: Step, place: Place, group: int, memory: Ints) -> Ints:
        """What a vector step gives at a place: a lane group of channels, of which the last may be short."""
        (tile,), lanes = step.tiles, self.mapping.chip.adc.lanes
        channels = slice(group * lanes, min((group + 1) * lanes, tile.columns))
        width = channels.stop - channels.start
        values = [_run(replace(load, count=width), step, place, memory) for load in step.loads]
        first, *more = [o for o in tile.operands for _ in range(o.repeats)]
        assert first.op == "first" and len(more) == len(values) - 1
        if more and more[0].op == "max":
            return requantize(np.max(values, axis=0), step.mult[channels], step.bias[channels], step.shift, step.out)
        mults = [step.mult if o.constant == first.constant else step.other for o in (first, *more)]
        terms = [(v, m[channels]) for v, m in zip(values, mults, strict=True) if m is not None]
        assert len(terms) == len(values)
        return requantize_terms(terms, step.bias[channels], step.shift, step.out)

    def _instance(self, step: Step, place: Place, image: Ints, memory: Ints, weights: Weights) -> Ints:
        lines: dict[int, Ints] = {}
        queue: list[Ints] = []
        for load in step.loads:
            run = _run(load, step, place, memory if load.from_memory else image)
            if load.operand:
                queue.append(run)
            for array in load.arrays:
                held = lines.setdefault(array, np.zeros(self.mapping.chip.arrays.rows, np.int64))
                held[load.wordline : load.wordline + load.count] = run
        sums = [self._sums(step, block, lines, weights) for block in step.blocks]
        lanes, outputs = self.mapping.chip.adc.lanes, []
        for tile in step.tiles:
            terms = []
            for number, term in enumerate(tile.terms):
                found = sums[term.block][term.group * lanes :][: tile.columns]
                terms.append((found, step.multipliers(number)[tile.column :][: tile.columns]))
            for operand in tile.operands:  # as many lane groups as the tile has
                assert (operand.op, operand.repeats) == ("add", 1) and step.other is not None
                groups = -(-tile.columns // lanes)
                terms.append((np.concatenate(queue[:groups]), step.other[tile.column :][: tile.columns]))
                del queue[:groups]
            bias = step.bias[tile.column : tile.column + tile.columns]
            outputs.append(requantize_terms(terms, bias, step.shift, step.out))
        assert not queue, "operands that nobody takes"
        return np.concatenate(outputs)

    def _sums(self, step: Step, block: Block, lines: dict[int, Ints], weights: Weights) -> Ints:
        """Accumulators of a block: of every column from its first group on, to the end of the arrays."""
        at, code = step.first_group * self.mapping.chip.adc.lanes, self.mapping.chip.code
        total = np.zeros(self.mapping.chip.columns - at, np.int64)
        for array in block.arrays:
            use = next(u for u in self.mapping.arrays if u.array == array)
            current = bit_planes(lines[array], step.input) @ weights[array][:, at:].astype(np.int64)
            fraction = self.die.fraction if self.die else 0
            codes = convert(current, step.trim, use.offset[at:], code, fraction).astype(np.int64)
            total += plane_weights(step.input) @ codes
            own = self._own(step, block, array, len(total))
            read = (current * step.trim.gain + use.offset[at:] + (1 << step.trim.shift >> 1)) >> step.trim.shift
            beyond = ((read < code.lo) | (read > code.hi))[:, own]
            self.clipped[step.layer] = self.clipped.get(step.layer, 0) + int(beyond.sum())
            self.conversions[step.layer] = self.conversions.get(step.layer, 0) + beyond.size
        return total

    def _own(self, step: Step, block: Block, array: int, columns: int) -> Ints:
        """Columns of an array that hold weights of the step."""
        lanes, found = self.mapping.chip.adc.lanes, list[int]()
        for tile in step.tiles:
            for term in tile.terms:
                if step.blocks[term.block] is block:
                    found += range(term.group * lanes, term.group * lanes + tile.columns)
        return np.array(found)


def _run(load: Load, step: Step, place: Place, memory: Ints) -> Ints:
    """The activations of a load at a place: 0 outside the picture where that may be."""
    row, column, first, written = place
    base = step.write + written if load.at_write else step.source + first
    found = np.zeros(load.count, np.int64)
    for k in range(load.count):
        inside = 0 <= row + load.row < step.walk.rows and 0 <= column + load.column + k < step.walk.row_length
        if inside or not load.bounded:
            address = base + load.offset + k
            assert 0 <= address < len(memory) and memory[address] != STALE, f"reads activation {address}"
            found[k] = memory[address]
    return found
