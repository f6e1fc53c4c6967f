"""What each layer takes of a chip: arrays, cells, columns; and what the columns beside it could hold."""

from dataclasses import dataclass
from itertools import groupby

from codesign.brief import Brief
from codesign.chip.description import Chip
from codesign.mapping.cells import most_slices
from codesign.mapping.mapping import Plan, StepPlan
from codesign.mapping.outline import LayerSize
from codesign.mapping.parts import split

Taken = list[tuple[int, int, int, int, int]]  # array, first wordline, end, first signed column, end


@dataclass(frozen=True)
class LayerUse(Brief):
    """One layer on a chip. Columns are signed; those of arrays below each other count once.

    inputs: of a convolution in groups, those of a group; the blocks that groups are computed in count together.
    """

    layer: str
    inputs: int
    outputs: int
    slices: int  # pairs of cells that hold a weight
    arrays: tuple[int, ...]
    cells: int
    columns: int  # that hold its weights
    left: int  # beside them, where no layer has cells on its wordlines
    cycles: int  # that its conversions take
    further: int  # slices more that the column groups left could hold, as many as weights may have


def usage(plan: Plan) -> tuple[LayerUse, ...]:
    """What each layer of a plan that has a matrix takes, in the order of the steps."""
    taken = [place for step in plan.steps for place in _taken(step, plan)]
    sizes, steps = split(plan.outline, plan.chip).matrices, [s for s in plan.steps if not s.is_vector]
    parts = groupby(zip(sizes, steps, strict=True), key=lambda part: part[0].name)
    return tuple(_use(list(of), plan.chip, taken) for _, of in parts)


def _use(parts: list[tuple[LayerSize, StepPlan]], chip: Chip, taken: Taken) -> LayerUse:
    size, steps = parts[0][0], [step for _, step in parts]
    beside = [_beside(step, chip, taken) for step in steps]
    more = min(whole // -(-step.outputs // chip.adc.lanes) for step, (_, whole) in zip(steps, beside, strict=True))
    outputs = sum(step.outputs for step in steps)
    return LayerUse(
        size.name,
        size.inputs // size.groups,
        outputs,
        size.slices,
        tuple(sorted({a for step in steps for a in step.arrays})),
        sum(part.cells for part, _ in parts),
        outputs * size.slices,
        sum(left for left, _ in beside),
        sum(step.input.bits * step.column_groups * step.instances for step in steps),
        min(more, most_slices(chip.device) - size.slices),
    )


def _beside(step: StepPlan, chip: Chip, taken: Taken) -> tuple[int, int]:
    """Columns beside a step's blocks where no layer has cells on their wordlines, and whole column groups of them."""
    left = groups = 0
    lanes = chip.adc.lanes
    for block in step.blocks:
        free = set(range(chip.columns))
        for span in block.spans:
            for array, top, end, first, last in taken:
                if array == span.array and top < span.wordline + span.rows and span.wordline < end:
                    free -= set(range(first, last))
        left += len(free)
        groups += sum(free.issuperset(range(g, g + lanes)) for g in range(0, chip.columns - lanes + 1, lanes))
    return left, groups


def _taken(step: StepPlan, plan: Plan) -> Taken:
    found, lanes = [], plan.chip.adc.lanes
    for tile in step.tiles:
        for term in tile.terms:
            at = (step.first_group + term.group) * lanes
            found += [
                (s.array, s.wordline, s.wordline + s.rows, at, at + tile.columns) for s in step.blocks[term.block].spans
            ]
    return found
