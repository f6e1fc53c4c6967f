"""From nodes to the layers that a chip runs: pooling and sums fused into what they follow."""

from dataclasses import replace

from codesign.chip.description import Chip
from codesign.ir import Add, AvgPool, Conv, Linear, MaxPool, Network
from codesign.ir.geometry import Window
from codesign.mapping.layer import Layer, Matrix, order_of
from codesign.mapping.outline import LayerSize, Outline, Places, not_taken


def lower(network: Network) -> tuple[Layer, ...]:
    """The layers of a network as a chip runs them. Raises UnsupportedError that names the first node it cannot."""
    layers, fused = list[Layer](), set[str]()
    summed = {raw: add for add in network.nodes if isinstance(add, Add) and (raw := _raw(add, network))}
    for node in network.nodes:
        if node.name in fused or node in summed:
            continue
        if isinstance(node, Linear | Conv):
            pool = _pool(node, network)
            fused |= {pool.name} if pool else set()
            layers.append(_matrix(node, pool, None, network))
        elif isinstance(node, Add) and (raw := _raw(node, network)):
            if raw.source == "input":
                raise not_taken(node.name, node.kind, "of raw accumulators that the network's input gives,")
            layers.append(_matrix(raw, None, node, network))
        elif "input" in node.sources:
            raise not_taken(node.name, node.kind, "of the network's input, which comes channel by channel,")
        else:
            layers.append(_vector(node, network))
    return tuple(layers)


def steps_of(network: Network, chip: Chip) -> tuple[Layer, ...]:
    """The layers of a network, and the parts of convolutions in groups, one for each step of a chip. Raises as `lower`,
    and CapacityError as `parts_of`.
    """
    return tuple(part for layer in lower(network) for part in layer.parts(chip))


def outline(network: Network) -> Outline:
    """The outline of a network. Raises UnsupportedError as `lower`."""
    return Outline(network.name, network.features, network.input, tuple(n.size for n in lower(network)))


def _raw(add: Add, network: Network) -> Linear | Conv | None:
    """The layer whose accumulators enter a sum as they are."""
    for node in network.nodes:
        if isinstance(node, Linear | Conv) and node.name in add.sources and node.requant.is_raw:
            return node
    return None


def _pool(node: Linear | Conv, network: Network) -> MaxPool | None:
    """The max pooling that alone reads a convolution, if its windows lie side by side."""
    readers = [n for n in network.nodes if node.name in n.sources]
    if len(readers) != 1 or not isinstance(node, Conv) or not isinstance(readers[0], MaxPool):
        return None
    window = readers[0].window
    return readers[0] if window.size == window.stride and window.padding == (0, 0) else None


def _matrix(node: Linear | Conv, pool: MaxPool | None, add: Add | None, network: Network) -> Matrix:
    source = network.shape_of(node.source)
    cut = None if node.trim is None else node.cut
    rows, places, groups = len(node.matrix), None, 1
    if isinstance(node, Conv):
        places, groups = Places(source, node.window, pool.size if pool else (1, 1)), node.groups
    last = pool or add or node
    other = next((s for s in add.sources if s != node.name), "") if add else ""
    out = network.type_of(last.name)
    size = LayerSize(node.name, node.source, rows * groups, node.outputs, out, node.slices, cut, places, groups=groups)
    size = replace(size, gives=last.name, other=other)
    order = order_of(source, places.window if places else None, node.source == "input")
    return Matrix(node, pool, source, size, order, add)


def _vector(node: MaxPool | AvgPool | Add, network: Network) -> Layer:
    source = network.shape_of(node.source)
    picture = source if len(source) == 3 else (source[0], 1, 1)
    window = Window((1, 1)) if isinstance(node, Add) else node.window
    size = LayerSize(
        node.name,
        node.source,
        0,
        source[0],
        network.type_of(node.name),
        places=Places(picture, window),
        other=node.other if isinstance(node, Add) else "",
        joins="max" if isinstance(node, MaxPool) else "add",
    )
    return Layer(node, None, source, size)
