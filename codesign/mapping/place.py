"""Place a network on a chip: one pass from integer layers to arrays, steps and memory."""

import numpy as np

from codesign.errors import CapacityError
from codesign.fixed import INT32, Ints, IntType, Trim, trimmed
from codesign.hardware import Chip
from codesign.ir import Linear, Network
from codesign.mapping.capacity import check_capacity, linear_layers
from codesign.mapping.cells import to_levels
from codesign.mapping.graph import ArrayUse, Load, Mapping, OutputTile, Step
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


def place(network: Network, chip: Chip, trims: dict[str, Trim] | None = None) -> Mapping:
    """Lay `network` out on `chip`, each tile in an array of its own.

    trims gives the range trim of a layer's converters (absent: the layer's own, or one step of current is one
    code). Raises CapacityError with advice when something does not fit, InputError when a weight is not a
    difference of two cells, UnsupportedError when a layer is not linear.
    """
    nodes = linear_layers(network)
    check_capacity(network, chip)
    trims = trims or {}
    uses: list[ArrayUse] = []
    steps: list[Step] = []
    words = _activation_words(nodes, chip)
    constant = 0
    for node in nodes:
        trim = trims.get(node.name) or node.trim or Trim()
        first = len(uses)
        columns = split_columns(node.outputs, chip)
        rows = split_rows(node.inputs, chip)
        uses += _uses(node, first, rows, columns, trim, chip)
        kind = network.type_of(node.source)
        hidden = node.source != "input"
        producer = next((k for k, s in enumerate(steps) if s.layer == node.source), None)
        q = node.requant
        mult, bias, shift = trimmed(q.mult, q.bias, q.shift, trim, node.name)
        if node.requant.is_raw:
            _check_raw(node.name, (len(rows) << (kind.bits + chip.adc.bits - 1)) * np.abs(mult) + np.abs(bias))
        steps.append(
            Step(
                layer=node.name,
                input=kind,
                loads=tuple(
                    Load(
                        hidden,
                        words.get(node.source, 0) + r,
                        tuple(first + c * len(rows) + r for c in range(len(columns))),
                    )
                    for r in range(len(rows))
                ),
                tiles=tuple(
                    OutputTile(
                        tuple(first + c * len(rows) + r for r in range(len(rows))),
                        at,
                        count,
                        correction(kind, len(rows), chip),
                    )
                    for c, (at, count) in enumerate(columns)
                ),
                wait=0 if producer is None else len(steps) - producer,
                releases_input=node is [n for n in nodes if n.source == "input"][-1],
                groups=max(-(-count // chip.adc.lanes) for _, count in columns),
                mult=mult,
                bias=bias,
                shift=shift,
                out=node.requant.out,
                word=words.get(node.name, 0),
                constant=constant,
            )
        )
        constant += -(-node.outputs // chip.adc.lanes)
    return Mapping(chip, network, tuple(uses), tuple(steps))


def _uses(
    node: Linear, first: int, rows: list[tuple[int, int]], columns: list[tuple[int, int]], trim: Trim, chip: Chip
) -> list[ArrayUse]:
    levels = to_levels(node.weight, chip.device, node.name)  # (inputs, 2 * outputs)
    uses = []
    for c, (column, width) in enumerate(columns):
        for r, (row, height) in enumerate(rows):
            full = np.zeros((chip.arrays.rows, chip.arrays.columns), dtype=np.uint8)
            full[:height, : 2 * width] = levels[row : row + height, 2 * column : 2 * (column + width)]
            offset = np.zeros(chip.columns, dtype=np.int64)
            uses.append(ArrayUse(first + c * len(rows) + r, node.name, row, height, column, width, full, trim, offset))
    return uses


def _check_raw(layer: str, reach: Ints) -> None:
    """Raw outputs leave the chip unclamped: the largest one must fit its word."""
    if reach.max() > INT32.hi:
        raise CapacityError(
            f"layer {layer}: output {int(reach.argmax())} can reach {int(reach.max())}, past the 32 bits of an output "
            "word; make its bias smaller or its trim finer"
        )


def _activation_words(nodes: tuple[Linear, ...], chip: Chip) -> dict[str, int]:
    """First activation memory word of every hidden layer; a word is free again after its last reader.

    Steps run in order and a step has loaded its inputs before any later step writes, so the space of
    a layer may be reused by any layer after its last reader.
    """
    words: dict[str, int] = {}
    taken: dict[str, range] = {}
    names = [n.name for n in nodes]
    for k, node in enumerate(nodes):
        if node.requant.out == INT32:
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
