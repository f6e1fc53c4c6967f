"""Plan a network on a chip from its sizes alone: blocks, arrays, steps and memory. `place` fills it."""

from dataclasses import replace
from pathlib import Path

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import IntType
from codesign.mapping.arrange import Arrangement, arrange, check_objective
from codesign.mapping.capacity import check_capacity
from codesign.mapping.loads import loads_of, spans
from codesign.mapping.mapping import Block, OutputTile, Plan, Spots, StepPlan, Term
from codesign.mapping.outline import LayerSize, Outline
from codesign.mapping.spots import check_spots
from codesign.mapping.tiles import columns_of


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
    nodes = network.layers
    at = {n.name: k for k, n in enumerate(nodes)}
    kinds = {"input": network.input} | {n.name: n.out for n in nodes}
    first = _activations(nodes, chip)
    last_reader = max(k for k, n in enumerate(nodes) if n.source == "input")
    steps: list[StepPlan] = []
    constant = 0
    for k, node in enumerate(nodes):
        columns = columns_of(node.outputs, node.slices, chip)
        places = found.spots[node.name]
        blocks = tuple(
            Block(spans(wordline, node.inputs, chip.arrays.rows), groups)
            for (wordline, _), groups in zip(places, columns.groups, strict=True)
        )
        kind, producer = kinds[node.source], at.get(node.source)
        tiles = []
        for chunk in columns.chunks:
            terms = []
            for place in chunk.slices:
                offset = correction(kind, len(blocks[place.block].spans), chip)
                terms.append(Term(place.block, place.group, offset, constant))
                constant += -(-chunk.columns // chip.adc.lanes)
            tiles.append(OutputTile(chunk.column, chunk.columns, tuple(terms)))
        steps.append(
            StepPlan(
                layer=node.name,
                input=kind,
                source=first.get(node.source, 0),
                loads=loads_of((b.spans for b in blocks), producer is not None, chip.word),
                blocks=blocks,
                tiles=tuple(tiles),
                wait=0 if producer is None else k - producer,
                releases_input=k == last_reader,
                first_group=places[0][1],
                out=node.out,
                write=first.get(node.name, 0),
            )
        )
    busiest = max((first[n.name] + n.outputs for n in nodes if n.name in first), default=0)
    words = -(-busiest // chip.word)
    return Plan(chip, network, tuple(steps), found.spots, words, found.bound, found.least)


def _activations(nodes: tuple[LayerSize, ...], chip: Chip) -> dict[str, int]:
    """First activation of every hidden layer in memory, on a whole word; free again after the layer's last reader.

    Steps run in order and a step has loaded its inputs before any later step writes, so the space of
    a layer may be reused by any layer after its last reader.
    """
    words: dict[str, range] = {}
    names = [n.name for n in nodes]
    for k, node in enumerate(nodes):
        if node.raw:
            continue
        live = [r for name, r in words.items() if any(n.source == name and names.index(n.name) >= k for n in nodes)]
        need = -(-node.outputs // chip.word)
        start = 0
        for r in sorted(live, key=lambda r: r.start):
            if start + need <= r.start:
                break
            start = max(start, r.stop)
        if start + need > chip.memory.activation_words:
            raise CapacityError(
                f"layer {node.name}: its {node.outputs} activations need words {start}..{start + need - 1}, "
                f"memory.activation_words is {chip.memory.activation_words}; "
                f"raise it to {start + need} or narrow the layer"
            )
        words[node.name] = range(start, start + need)
    return {name: r.start * chip.word for name, r in words.items()}
