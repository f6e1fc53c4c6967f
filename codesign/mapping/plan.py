"""Plan a network on a chip from its sizes alone: tiles, arrays, steps and memory. `place` fills it."""

from pathlib import Path

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import IntType
from codesign.mapping.capacity import check_capacity
from codesign.mapping.mapping import Load, OutputTile, Plan, StepPlan
from codesign.mapping.outline import LayerSize, Outline
from codesign.mapping.tiles import split_columns, split_rows


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


def plan(network: Outline, chip: Chip | str | Path) -> Plan:
    """Where a network lies on `chip`, each tile in an array of its own.

    Raises CapacityError with advice when something does not fit.
    """
    chip = Chip.of(chip)
    check_capacity(network, chip)
    nodes = network.layers
    words = _activation_words(nodes, chip)
    kinds = {"input": network.input} | {n.name: n.out for n in nodes}
    at = {n.name: k for k, n in enumerate(nodes)}
    last_reader = max(k for k, n in enumerate(nodes) if n.source == "input")
    steps: list[StepPlan] = []
    first = constant = 0
    for k, node in enumerate(nodes):
        columns, rows = split_columns(node.outputs, chip), split_rows(node.inputs, chip)
        kind, producer = kinds[node.source], at.get(node.source)
        down = len(rows)
        word = words.get(node.source, 0)
        steps.append(
            StepPlan(
                layer=node.name,
                input=kind,
                loads=tuple(
                    Load(producer is not None, word + r, tuple(range(first + r, first + r + down * len(columns), down)))
                    for r in range(down)
                ),
                tiles=tuple(
                    OutputTile(
                        tuple(range(first + c * down, first + (c + 1) * down)),
                        column,
                        count,
                        correction(kind, down, chip),
                    )
                    for c, (column, count) in enumerate(columns)
                ),
                wait=0 if producer is None else k - producer,
                releases_input=k == last_reader,
                column_groups=max(-(-count // chip.adc.lanes) for _, count in columns),
                out=node.out,
                word=words.get(node.name, 0),
                constant=constant,
            )
        )
        first += down * len(columns)
        constant += -(-node.outputs // chip.adc.lanes)
    return Plan(chip, network, tuple(steps), _busiest(nodes, words, chip))


def _activation_words(nodes: tuple[LayerSize, ...], chip: Chip) -> dict[str, int]:
    """First activation memory word of every hidden layer; a word is free again after its last reader.

    Steps run in order and a step has loaded its inputs before any later step writes, so the space of
    a layer may be reused by any layer after its last reader.
    """
    words: dict[str, int] = {}
    taken: dict[str, range] = {}
    names = [n.name for n in nodes]
    for k, node in enumerate(nodes):
        if node.raw:
            continue
        live = [r for name, r in taken.items() if any(n.source == name and names.index(n.name) >= k for n in nodes)]
        need = -(-node.outputs // chip.arrays.rows)
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
        words[node.name] = start
        taken[node.name] = range(start, start + need)
    return words


def _busiest(nodes: tuple[LayerSize, ...], words: dict[str, int], chip: Chip) -> int:
    """Words of the activation memory that the network needs."""
    return max((words[n.name] + -(-n.outputs // chip.arrays.rows) for n in nodes if n.name in words), default=0)
