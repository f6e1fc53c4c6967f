"""Check a network against every limit of the chip that a program can exceed, with advice."""

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.mapping.outline import Outline
from codesign.mapping.tiles import arrays_of, split_columns, split_rows

MAX_BEATS = 65535  # a 16-bit counter in xb_stream_in.v


def arrays_needed(network: Outline, chip: Chip) -> int:
    """Arrays that the whole network takes."""
    return sum(arrays_of(n.inputs, n.outputs, chip) for n in network.layers)


def lower_bound(network: Outline, chip: Chip) -> int:
    """Arrays that no packing can go below: cells needed over cells per array."""
    return -(-network.cells // (chip.arrays.rows * chip.arrays.columns))


def needs(network: Outline, chip: Chip) -> dict[str, tuple[int, int]]:
    """(needed, available) of each resource of the chip, by its key in the chip file."""
    nodes, memory = network.layers, chip.memory
    bits = max([network.input.bits, *(n.out.bits for n in nodes if not n.raw)])
    return {
        "arrays.count": (arrays_needed(network, chip), chip.arrays.count),
        "memory.input_words": (len(split_rows(network.features, chip)), memory.input_words),
        "memory.steps": (len(nodes), memory.steps),
        "memory.loads": (sum(len(split_rows(n.inputs, chip)) for n in nodes), memory.loads),
        "memory.tiles": (sum(len(split_columns(n.outputs, chip)) for n in nodes), memory.tiles),
        "memory.constants": (sum(-(-n.outputs // chip.adc.lanes) for n in nodes), memory.constants),
        "activation.bits": (bits, chip.activation.bits),
    }


def check_capacity(network: Outline, chip: Chip) -> None:
    """Raises CapacityError when the network needs more of anything than the chip has."""
    uses = needs(network, chip)
    need, has = uses.pop("arrays.count")
    if need > has:
        parts = ", ".join(
            f"{n.name} {n.inputs}x{n.outputs} takes "
            f"{len(split_rows(n.inputs, chip))}x{len(split_columns(n.outputs, chip))}"
            for n in network.layers
        )
        raise CapacityError(
            f"network {network.name}: needs {need} arrays, chip {chip.name} has {has} ({parts}); "
            f"{_advice(network, chip)}choose a chip with arrays.count >= {need}"
        )
    widest, takes = uses.pop("activation.bits")
    for key, (used, has) in uses.items():
        if used > has:
            raise CapacityError(
                f"network {network.name}: needs {key} >= {used}, chip {chip.name} has {has}; "
                f"raise {key} or shrink the network"
            )
    beats = -(-network.features // chip.bus.stream_bytes)
    if beats > MAX_BEATS:
        raise CapacityError(
            f"network {network.name}: an image takes {beats} input beats, the chip counts up to {MAX_BEATS}; "
            "raise bus.stream_bytes or shrink the input"
        )
    if widest > takes:
        raise CapacityError(
            f"network {network.name}: has {widest}-bit activations, chip {chip.name} takes {takes}; "
            "train with fewer bits or raise activation.bits"
        )


def _advice(network: Outline, chip: Chip) -> str:
    """Which hidden layer makes the network fit when narrowed, by the fewest units; empty if none does."""
    nodes = network.layers
    best: tuple[int, str, int] | None = None
    for k, node in enumerate(nodes[:-1]):
        sizes = [[n.inputs, n.outputs] for n in nodes]
        for width in range(node.outputs - 1, 0, -1):
            sizes[k][1] = width
            for j, reader in enumerate(nodes):
                if reader.source == node.name:
                    sizes[j][0] = width
            if sum(arrays_of(i, o, chip) for i, o in sizes) <= chip.arrays.count:
                if best is None or node.outputs - width < best[0]:
                    best = (node.outputs - width, node.name, width)
                break
    return f"narrow {best[1]} to {best[2]} outputs, or " if best else ""
