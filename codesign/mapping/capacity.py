"""Does it fit? Every limit of the chip that a program can exceed, with advice."""

from codesign.errors import CapacityError, UnsupportedError
from codesign.hardware import Chip
from codesign.ir import Linear, Network
from codesign.mapping.tiles import arrays_of, split_columns, split_rows

MAX_BEATS = 65535  # a 16-bit counter in xb_stream_in.v
MANY = {"conv": "convolutions", "maxpool": "max pooling", "avgpool": "average pooling", "add": "residual sums"}


def linear_layers(network: Network) -> tuple[Linear, ...]:
    """The nodes of a network of linear layers. Raises UnsupportedError that names the first one of another kind."""
    layers = []
    for node in network.nodes:
        if not isinstance(node, Linear):
            raise UnsupportedError(
                f"layer {node.name}: chips do not take {MANY[node.kind]} yet, only linear layers; "
                "run the network with codesign.ir.run, or train one of linear layers"
            )
        layers.append(node)
    return tuple(layers)


def arrays_needed(network: Network, chip: Chip) -> int:
    """Arrays of the whole network."""
    return sum(arrays_of(n.inputs, n.outputs, chip) for n in linear_layers(network))


def check_capacity(network: Network, chip: Chip) -> None:
    """Raises CapacityError when the network needs more of anything than the chip has.

    Raises UnsupportedError when a layer is not linear.
    """
    nodes = linear_layers(network)
    need = arrays_needed(network, chip)
    if need > chip.arrays.count:
        parts = ", ".join(
            f"{n.name} {n.inputs}x{n.outputs} takes "
            f"{len(split_rows(n.inputs, chip))}x{len(split_columns(n.outputs, chip))}"
            for n in nodes
        )
        raise CapacityError(
            f"network {network.name}: needs {need} arrays, chip {chip.name} has {chip.arrays.count} ({parts}); "
            f"{_advice(network, chip)}choose a chip with arrays.count >= {need}"
        )
    lanes = chip.adc.lanes
    uses = {
        "memory.input_words": (len(split_rows(network.features, chip)), chip.memory.input_words),
        "memory.steps": (len(nodes), chip.memory.steps),
        "memory.loads": (sum(len(split_rows(n.inputs, chip)) for n in nodes), chip.memory.loads),
        "memory.tiles": (sum(len(split_columns(n.outputs, chip)) for n in nodes), chip.memory.tiles),
        "memory.constants": (sum(-(-n.outputs // lanes) for n in nodes), chip.memory.constants),
    }
    for key, (used, has) in uses.items():
        if used > has:
            raise CapacityError(
                f"network {network.name}: needs {key} >= {used}, chip {chip.name} has {has}; "
                f"raise {key} or shrink the network"
            )
    beats = -(-network.features // chip.bus.stream_bytes)
    if beats > MAX_BEATS:
        raise CapacityError(
            f"network {network.name}: an image is {beats} input beats, the chip counts up to {MAX_BEATS}; "
            "raise bus.stream_bytes or shrink the input"
        )
    if network.input.bits > chip.activation.bits or any(
        not n.requant.is_raw and n.requant.out.bits > chip.activation.bits for n in nodes
    ):
        widest = max([network.input.bits, *(n.requant.out.bits for n in nodes[:-1])])
        raise CapacityError(
            f"network {network.name}: has {widest}-bit activations, chip {chip.name} takes {chip.activation.bits}; "
            "train with fewer bits or raise activation.bits"
        )


def _advice(network: Network, chip: Chip) -> str:
    """The one hidden layer that, narrowed the least, makes the network fit; empty if none does."""
    nodes = linear_layers(network)
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
