"""What each layer takes of a chip: arrays, cells, columns; and what the columns beside it could hold."""

from dataclasses import dataclass

from codesign.brief import Brief
from codesign.mapping.cells import most_slices
from codesign.mapping.mapping import Plan, StepPlan

Taken = list[tuple[int, int, int, int, int]]  # array, first wordline, end, first signed column, end


@dataclass(frozen=True)
class LayerUse(Brief):
    """One layer on a chip. Columns are signed; those of arrays below each other count once."""

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
    return tuple(_use(step, plan, taken) for step in plan.steps if not step.is_vector)


def _use(step: StepPlan, plan: Plan, taken: Taken) -> LayerUse:
    inputs = step.inputs
    chip, lanes = plan.chip, plan.chip.adc.lanes
    left = groups = 0
    for block in step.blocks:
        free = set(range(chip.columns))
        for span in block.spans:
            for array, top, end, first, last in taken:
                if array == span.array and top < span.wordline + span.rows and span.wordline < end:
                    free -= set(range(first, last))
        left += len(free)
        groups += sum(free.issuperset(range(g, g + lanes)) for g in range(0, chip.columns - lanes + 1, lanes))
    return LayerUse(
        step.layer,
        inputs,
        step.outputs,
        step.slices,
        tuple(sorted(step.arrays)),
        2 * inputs * step.outputs * step.slices,
        step.outputs * step.slices,
        left,
        step.input.bits * step.column_groups * step.instances,
        min(groups // -(-step.outputs // lanes), most_slices(chip.device) - step.slices),
    )


def _taken(step: StepPlan, plan: Plan) -> Taken:
    found, lanes = [], plan.chip.adc.lanes
    for tile in step.tiles:
        for term in tile.terms:
            at = (step.first_group + term.group) * lanes
            found += [
                (s.array, s.wordline, s.wordline + s.rows, at, at + tile.columns) for s in step.blocks[term.block].spans
            ]
    return found
