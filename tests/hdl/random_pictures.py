"""Random networks of convolutions and pooling for random chips."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np

from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.fixed import INT32, Ints, Trim
from codesign.ir import Add, AvgPool, Conv, Linear, MaxPool, Network, Node, Requant, verify
from codesign.ir.geometry import Pair, Shape, Window
from codesign.mapping import layers, outline, place, plan
from codesign.mapping.layer import Matrix
from codesign.program import Program
from tests.hdl.random_chips import Rng, random_chip, random_slices, random_type, random_weights, scaled, telling

FEATURES = (
    "padding",
    "strides",
    "pooling",
    "pooling of signed values",
    "pooling along one axis",
    "pooling drops a rest",
    "slices and pooling",
    "picture leaves the chip",
    "several input channels",
    "linear behind a picture",
    "rows in several arrays",
    "layers share an array",
    "instances between producer and reader",
    "average pooling",
    "overlapping or padded max pooling",
    "sums",
    "sums of accumulators",
    "sums of accumulators of several slices",
    "sums of accumulators in several tiles",
    "sums of features",
    "short lane groups",
    "more operands than places for them",
    "converters skip a step",
    "cuts of its training",
    "groups in one block",
    "blocks of groups",
    "depthwise",
    "depthwise input",
    "blocks of several groups, the last of fewer",
    "blocks of groups and padding",
    "blocks of groups and pooling",
    "sums of accumulators of blocks of groups",
    "groups in several arrays",
    "groups in several slices",
)


TRIES = 12  # layers that a chip does not take, until the network is given up


def random_picture_chip(rng: Rng) -> Chip:
    """A random chip with few places for operands."""
    chip = random_chip(rng)
    return chip.model_copy(update={"memory": chip.memory.model_copy(update={"operands": int(rng.integers(2, 9))})})


def random_pictures(rng: Rng, chip: Chip, count: int, most: int = 400) -> tuple[Program, Ints]:
    """Up to seven layers, convolutions, pooling and sums mostly; images that tell units apart.

    most: values of a picture at most.
    """
    objective = str(rng.choice(["cycles", "arrays"]))
    while True:
        shape = int(rng.integers(1, 4)), int(rng.integers(1, 11)), int(rng.integers(1, 11))
        kind = random_type(rng, chip)
        x = rng.integers(kind.lo, kind.hi + 1, (count, math.prod(shape)))
        network, trims = Network("random", math.prod(shape), kind, (), shape=shape), dict[str, Trim]()
        depth = int(rng.integers(1, 8))
        edges: list[tuple[str, Shape]] = [("input", shape)]
        refused = 0
        try:
            while len(edges) <= depth:
                source, at = edges[-1] if rng.integers(4) else edges[int(rng.integers(len(edges)))]
                last = len(edges) == depth
                try:
                    grown, name, size = _grown(rng, chip, network, source, at, trims, x, objective, last)
                    if math.prod(size) > most:
                        raise CapacityError("too large to simulate")
                except CapacityError:  # another layer in its place
                    trims.pop(f"l{len(network.nodes)}", None)
                    refused += 1
                    if refused > TRIES:
                        raise
                    continue
                network = grown
                edges.append((name, size))
            mapping = place(verify(network), chip, trims, objective)
        except CapacityError:
            continue
        shifted = (replace(u, offset=rng.integers(-2, 3, chip.columns)) for u in mapping.arrays)
        program = Program(replace(mapping, arrays=tuple(shifted)))
        if telling(program, x):
            return program, x


def _grown(
    rng: Rng,
    chip: Chip,
    network: Network,
    source: str,
    at: Shape,
    trims: dict[str, Trim],
    x: Ints,
    objective: str,
    last: bool,
) -> tuple[Network, str, Shape]:
    """The network with a layer more, the edge that it gives, and its shape."""
    if source != "input" and not last and not rng.integers(3):
        return _combined(rng, chip, network, source, at, trims, x, objective)
    number, slices = len(network.nodes), random_slices(rng, chip)
    keeps = len(at) == 3 and source != "input" and bool(rng.integers(3))  # the shape, so that it can be added
    alike = len(at) == 3 and not rng.integers(3)  # for groups of equal sizes
    outputs = at[0] * (1 if keeps else int(rng.integers(1, 3))) if keeps or alike else int(rng.integers(1, 13))
    raw = Requant(np.ones(outputs, np.int64), rng.integers(-1000, 1000, outputs), 0, INT32)
    node: Conv | Linear
    if len(at) == 1 or (not keeps and not rng.integers(4)):
        node = Linear(f"l{number}", source, random_weights(rng, chip, (math.prod(at), outputs), slices), raw)
    else:
        node = _conv(rng, chip, f"l{number}", source, at, raw, slices, keeps)
    node = replace(node, slices=slices)
    grown = verify(replace(network, nodes=(*network.nodes, node)))
    plan(outline(grown), chip, objective)
    if last:
        return grown, node.name, grown.shape_of(node.name)
    shift = int(rng.integers(0, 4))
    trim = Trim((1, 1, 3, 5)[shift], shift)
    edges = layers(place(grown, chip, trims | {node.name: trim}, objective), x)
    acc = edges[node.name]
    flat = np.moveaxis(acc, 1, -1).reshape(-1, outputs) - raw.bias
    if rng.integers(2):
        node = replace(node, trim=trim, cut=int(rng.integers(chip.arrays.rows)))
    else:
        trims[node.name] = trim
    if keeps and rng.integers(2):
        return _summed(rng, chip, network, replace(node, requant=replace(raw, bias=0 * raw.bias)), flat, edges[source])
    requant = scaled(rng, flat, random_type(rng, chip), chip.device.levels ** (slices - 1))
    grown = replace(network, nodes=(*network.nodes, replace(node, requant=requant)))
    shape = grown.shape_of(node.name)
    pool = None if keeps else _pooling(rng, shape)
    if pool is None:
        return grown, node.name, shape
    pooled = MaxPool(f"l{number}_pool", node.name, pool, pool)
    # Never the last node: what it gives is not raw.
    grown = replace(grown, nodes=(*grown.nodes, pooled))
    return grown, pooled.name, pooled.shape(shape)


def _summed(
    rng: Rng, chip: Chip, network: Network, node: Conv | Linear, acc: Ints, source: Ints
) -> tuple[Network, str, Shape]:
    """The network with a layer more whose accumulators are added to what it reads, which both matter."""
    second = np.moveaxis(source, 1, -1).reshape(acc.shape)
    times = max(1, round(float(acc.std() / max(0.5, second.std()))))
    requant = scaled(rng, acc + times * second, random_type(rng, chip), chip.device.levels ** (node.slices - 1))
    other = (times * requant.mult).clip(-32768, 32767)
    name = f"{node.name}_sum"
    add = Add(name, node.name, node.source, other, requant)
    if rng.integers(2):
        add = Add(name, node.source, node.name, requant.mult, replace(requant, mult=other))
    grown = replace(network, nodes=(*network.nodes, node, add))
    return grown, name, grown.shape_of(name)


def _combined(
    rng: Rng, chip: Chip, network: Network, source: str, at: Shape, trims: dict[str, Trim], x: Ints, objective: str
) -> tuple[Network, str, Shape]:
    """The network with a sum or a pooling layer more."""
    name, out, channels = f"l{len(network.nodes)}", random_type(rng, chip), at[0]
    edges = layers(place(network, chip, trims, objective), x)
    others = [e for e, v in edges.items() if e not in ("input", *_fused(network)) and v.shape[1:] == at]
    ones = np.ones(channels, np.int64)
    blank = Requant(ones, 0 * ones, 0, out)
    node: Node
    if len(at) == 1 or len(others) > 1:
        node = Add(name, source, str(rng.choice(others)), rng.choice([-3, -1, 1, 2], channels), blank)
    else:
        size = int(rng.integers(1, min(4, at[1]) + 1)), int(rng.integers(1, min(4, at[2]) + 1))
        stride = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        if rng.integers(2):
            node = AvgPool(name, source, size, stride, blank)
        else:
            low = network.type_of(source).lo
            padding = (0, 0) if low < 0 else (int(rng.integers(size[0])), int(rng.integers(size[1])))
            node = MaxPool(name, source, size, stride, padding)
    if not isinstance(node, MaxPool):
        raw = replace(node, requant=replace(blank, out=INT32))
        acc = raw.value(*(edges[s] for s in node.sources))
        requant = scaled(rng, np.moveaxis(acc, 1, -1).reshape(-1, channels), out, 1)
        if isinstance(node, Add):  # the multipliers of both are as large as those of the sum
            node = replace(node, other_mult=(node.other_mult * requant.mult).clip(-32768, 32767))
        node = replace(node, requant=requant)
    return replace(network, nodes=(*network.nodes, node)), name, node.shape(at, at)


def _fused(network: Network) -> set[str]:
    """Convolutions whose edge the chip does not keep."""
    return {n.source for n in network.nodes if n.name.endswith("_pool")}


def _conv(rng: Rng, chip: Chip, name: str, source: str, at: Shape, raw: Requant, slices: int, keeps: bool) -> Conv:
    kernel = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    least = [max(0, -(-(k - n) // 2)) for k, n in zip(kernel, at[1:], strict=True)]  # to cover the kernel once
    padding = int(rng.integers(least[0], kernel[0])), int(rng.integers(least[1], kernel[1]))
    stride = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    if keeps:
        kernel, padding, stride = (3, 1), (1, 0), (1, 1)
    outputs, common = len(raw.bias), math.gcd(at[0], len(raw.bias))
    groups = (1, 1, common, int(rng.choice([n for n in range(1, common + 1) if common % n == 0])))[rng.integers(4)]
    each = at[0] // groups
    matrix = random_weights(rng, chip, (each * math.prod(kernel), outputs), slices)
    weight = np.ascontiguousarray(matrix.T.reshape(outputs, each, *kernel))
    return Conv(name, source, weight, raw, stride, padding, groups)


def _pooling(rng: Rng, shape: Shape) -> Pair | None:
    if len(shape) == 1 or not rng.integers(2):
        return None
    size = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    return size if size != (1, 1) and Window(size, size).fits(shape) else None


def features(program: Program) -> set[str]:
    """Which of `FEATURES` a program exercises."""
    mapping = program.mapping
    convs = [layer for layer in mapping.layers if isinstance(layer.node, Conv)]
    pooled = [layer for layer in convs if layer.pool]
    spans = [s for step in mapping.steps for b in step.blocks for s in b.spans]
    fused = [s for s in mapping.steps if s.other is not None and not s.is_vector]
    grouped = [(n, s) for n, s in zip(mapping.layers, mapping.steps, strict=True) if isinstance(n, Matrix) and n.group]
    blocks = [(n, s) for n, s in grouped if n.size.outputs < n.whole.size.outputs]
    depthwise = [n for n, _ in blocks if n.whole.size.groups == n.source[0]]
    found = {
        "padding": any(any(layer.node.window.padding) for layer in convs),  # type: ignore[union-attr]
        "strides": any(max(layer.node.window.stride) > 1 for layer in convs),  # type: ignore[union-attr]
        "pooling": bool(pooled),
        "pooling of signed values": any(layer.size.out.lo < 0 for layer in pooled),
        "pooling along one axis": any(1 in layer.pool.size for layer in pooled if layer.pool),
        "pooling drops a rest": any(
            layer.size.places.count < layer.positions
            for layer in pooled
            if layer.size.places and isinstance(layer, Matrix)
        ),
        "slices and pooling": any(layer.size.slices > 1 for layer in pooled),
        "picture leaves the chip": isinstance(mapping.layers[-1].node, Conv) and mapping.layers[-1].pixels > 1,
        "several input channels": any(n.node.source == "input" and n.source[0] > 1 for n in convs),
        "linear behind a picture": any(
            isinstance(n.node, Linear) and len(n.source) == 3 and n.node.source != "input" for n in mapping.layers
        ),
        "rows in several arrays": any(len(b.spans) > 1 for s in mapping.steps if s.instances > 1 for b in s.blocks),
        "layers share an array": any(len({p.layer for p in u.pieces}) > 1 for u in mapping.arrays),
        "instances between producer and reader": any(s.wait > 1 for s in mapping.steps),
        "average pooling": any(isinstance(n.node, AvgPool) for n in mapping.layers),
        "overlapping or padded max pooling": any(isinstance(n.node, MaxPool) for n in mapping.layers),
        "sums": any(isinstance(n.node, Add) and len(n.source) == 3 for n in mapping.layers),
        "sums of accumulators": bool(fused),
        "sums of accumulators of several slices": any(s.slices > 1 for s in fused),
        "sums of accumulators in several tiles": any(len(s.tiles) > 1 for s in fused),
        "sums of features": any(isinstance(n.node, Add) and len(n.source) == 1 for n in mapping.layers),
        "short lane groups": any(s.is_vector and s.outputs % program.chip.adc.lanes for s in mapping.steps),
        "more operands than places for them": any(
            s.is_vector and len(s.loads) > program.chip.memory.operands for s in mapping.steps
        ),
        "converters skip a step": any(a.is_vector and not b.is_vector for a, b in pairwise(mapping.steps)),
        "cuts of its training": any(n.node.cut for n in convs),
        "groups in one block": len(grouped) > len(blocks),
        "blocks of groups": bool(blocks),
        "depthwise": bool(depthwise),
        "depthwise input": any(n.node.source == "input" for n in depthwise),
        "blocks of several groups, the last of fewer": any(
            n.outputs.stop == n.whole.size.outputs and n.size.groups < n.whole.parts(program.chip)[0].size.groups
            for n, _ in blocks
        ),
        "blocks of groups and padding": any(s.walk.bounded for _, s in blocks),
        "blocks of groups and pooling": any(n.pool for n, _ in blocks),
        "sums of accumulators of blocks of groups": any(n.add for n, _ in blocks),
        "groups in several arrays": any(len(b.spans) > 1 for _, s in grouped for b in s.blocks),
        "groups in several slices": any(s.slices > 1 for _, s in blocks),
    }
    assert spans and set(found) == set(FEATURES)
    return {name for name, has in found.items() if has}
