"""Plan a network on a chip from its sizes alone: blocks, arrays, steps and memory. `place` fills it."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import IntType
from codesign.mapping.arrange import Arrangement, arrange, check_objective, spots_of
from codesign.mapping.capacity import check_capacity
from codesign.mapping.loads import added_of, loads_of, operands_of, runs, spans
from codesign.mapping.mapping import Block, Operand, OutputTile, Plan, Spots, StepPlan, Term
from codesign.mapping.outline import LayerSize, Outline
from codesign.mapping.parts import split
from codesign.mapping.spots import check_spots
from codesign.mapping.tiles import columns_of
from codesign.mapping.walk import vector_walk, walk_of


def correction(kind: IntType, arrays: int, chip: Chip) -> int:
    """What the offset of `arrays` added codes leaves in an accumulator of `kind` inputs.

    A code enters as code + 2^(adc_bits-1); the top plane of a signed input enters as
    2^sum_bits - 1 - sum (see xb_accumulate.v).
    """
    offset = arrays << (chip.adc.bits - 1)
    if not kind.signed:
        return offset * ((1 << kind.bits) - 1)
    top = kind.bits - 1
    return offset * ((1 << top) - 1) + (((1 << chip.sum_bits) - 1 - offset) << top)


def plan(network: Outline, chip: Chip | str | Path, objective: str = "cycles", spots: Spots | None = None) -> Plan:
    """Where a network lies on `chip`.

    objective: "cycles" gives each block arrays of its own where they suffice, and packs several into an array only
    where they do not; "arrays" always takes as few as the packer finds. spots: where each block lies, from an earlier
    plan, in place of an objective. Raises CapacityError with advice when something does not fit, ConfigError for
    another objective, InputError for spots of another network or chip.
    """
    planned = draft(network, Chip.of(chip), objective, spots)
    check_capacity(planned)
    return planned


def draft(network: Outline, chip: Chip, objective: str = "cycles", spots: Spots | None = None) -> Plan:
    """Like `plan`, but it may need more of the chip's tables than there is: `capacity.needs` tells."""
    check_objective(objective)
    if spots is not None:
        check_spots(network, chip, spots)
    return _steps(network, chip, arrange(network, chip, objective, spots))


def unsliced(planned: Plan, objective: str = "cycles") -> Plan | None:
    """The plan of the same sizes with one slice a weight; None where every layer has one already.

    Row cuts of trainings are not kept, because they went with the slices. Raises CapacityError as `plan`.
    """
    layers = planned.outline.layers
    if all(n.slices == 1 for n in layers):
        return None
    single = tuple(replace(n, slices=1, cut=None) for n in layers)
    return plan(replace(planned.outline, layers=single), planned.chip, objective)


def _steps(network: Outline, chip: Chip, found: Arrangement) -> Plan:
    parts = split(network, chip)
    nodes, spots = parts.layers, spots_of(parts, found.spots, chip)
    at = {n.gives: k for k, n in enumerate(nodes)}
    kinds = {"input": network.input} | {n.gives: n.out for n in nodes}
    first = _activations(nodes, chip)
    last_reader = max(k for k, n in enumerate(nodes) if "input" in n.sources)
    steps: list[StepPlan] = []
    constant = 0
    for k, node in enumerate(nodes):
        producers = [at[edge] for edge in node.sources if edge in at]
        wait = 1 + sum(s.instances for s in steps[max(producers) + 1 :]) if producers else 0
        common = _Common(node, kinds[node.source], first.get(node.source, 0), wait, k == last_reader, constant)
        if node.is_vector:
            step = _vector(common, kinds[node.other or node.source], first.get(node.other), first[node.gives], chip)
        else:
            other = (kinds[node.other], first[node.other]) if node.other else None
            step = _matrix(common, next(spots), first.get(node.gives, 0), other, chip)
        constant += step.constants(chip.adc.lanes)
        steps.append(step)
    busiest = max((first[n.gives] + n.channels * n.pixels for n in nodes if n.gives in first), default=0)
    words = -(-busiest // chip.word)
    return Plan(chip, network, tuple(steps), found.spots, words, found.bound, found.least)


class _Common(NamedTuple):
    """What steps of both kinds are made of."""

    node: LayerSize
    kind: IntType
    source: int
    wait: int
    releases: bool
    constant: int


def _matrix(
    of: _Common, spots: tuple[tuple[int, int], ...], write: int, other: tuple[IntType, int] | None, chip: Chip
) -> StepPlan:
    node, is_input, constant, lanes = of.node, of.node.source == "input", of.constant, chip.adc.lanes
    reads, gives = (node.part.reads, node.part.gives) if node.part else (0, 0)  # the first channels
    columns = columns_of(node.outputs, node.slices, chip)
    blocks = tuple(
        Block(spans(wordline, node.inputs, chip.arrays.rows), groups)
        for (wordline, _), groups in zip(spots, columns.groups, strict=True)
    )
    tiles = []
    for chunk in columns.chunks:
        terms = []
        for place in chunk.slices:
            offset = correction(of.kind, len(blocks[place.block].spans), chip)
            terms.append(Term(place.block, place.group, offset, constant))
            constant += -(-chunk.columns // lanes)
        operands = []
        if other is not None:
            operands.append(Operand("add", 1, other[0].signed, constant))
            constant += -(-chunk.columns // lanes)
        tiles.append(OutputTile(chunk.column, chunk.columns, tuple(terms), tuple(operands)))
    loads = loads_of((b.spans for b in blocks), runs(node.inputs, node.places, is_input), not is_input, chip.word)
    if other is not None:
        loads = added_of([(t.column, t.columns) for t in tiles], lanes, other[1] - write) + loads
    return StepPlan(
        layer=node.name,
        input=of.kind,
        source=of.source,
        walk=walk_of(node.places, node.channels, is_input, reads),
        loads=loads,
        blocks=blocks,
        tiles=tuple(tiles),
        wait=of.wait,
        releases_input=of.releases,
        first_group=spots[0][1],
        out=node.out,
        write=write + gives,
    )


def _vector(of: _Common, other: IntType, second: int | None, write: int, chip: Chip) -> StepPlan:
    node, places, lanes = of.node, of.node.places, chip.adc.lanes
    assert places is not None
    apart = None if second is None else second - of.source
    more, first = places.window.area - 1, node.part.reads if node.part else 0
    operands = [Operand("first", 1, of.kind.signed, of.constant)]
    if apart is not None:
        operands.append(Operand("add", 1, other.signed, of.constant + -(-node.outputs // lanes)))
    elif more:
        operands.append(Operand(node.joins, more, of.kind.signed, of.constant))
    return StepPlan(
        layer=node.name,
        input=of.kind,
        source=of.source,
        walk=vector_walk(places, lanes, first, node.outputs),
        loads=operands_of(places, min(lanes, node.outputs), apart),
        blocks=(),
        tiles=(OutputTile(0, node.outputs, (), tuple(operands)),),
        wait=of.wait,
        releases_input=of.releases,
        first_group=0,
        out=node.out,
        write=write + first,
    )


def _activations(nodes: tuple[LayerSize, ...], chip: Chip) -> dict[str, int]:
    """First activation of every hidden layer in memory, on a whole word; free again after the layer's last reader.

    Steps run in order and a step has loaded its inputs before any later step writes, so the space of
    a layer may be reused by any layer after its last reader.
    """
    words: dict[str, range] = {}
    for k, node in enumerate(nodes):
        if node.raw or node.gives in words:  # a further part of it
            continue
        live = [r for edge, r in words.items() if any(edge in n.sources for n in nodes[k:])]
        values = node.channels * node.pixels
        need = -(-values // chip.word)
        start = 0
        for r in sorted(live, key=lambda r: r.start):
            if start + need <= r.start:
                break
            start = max(start, r.stop)
        if start + need > chip.memory.activation_words:
            raise CapacityError(
                f"layer {node.name}: its {values} activations need words {start}..{start + need - 1}, "
                f"memory.activation_words is {chip.memory.activation_words}; "
                f"raise it to {start + need} or narrow the layer"
            )
        words[node.gives] = range(start, start + need)
    return {name: r.start * chip.word for name, r in words.items()}
