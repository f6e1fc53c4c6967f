"""Convolutional networks on a chip: arrays, cycles, the price of a candidate, and how fast simulators run them.

    python -m flows.benchmarks.chip [--simulate] [--images N]

Networks have random ternary weights and constants that spread activations over 8 bits in every layer, so no data set is
needed. The converter bound is what the converters alone take for an image. --simulate: LeNet in both simulators, beside
the perceptron 784-128-10 on the same chip, and ResNet-20 in Verilator; every word and cycle is compared.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from codesign.chip.description import Chip
from codesign.fixed import INT32, Ints, IntType, requant_constants
from codesign.ir import Add, AvgPool, Conv, Linear, MaxPool, Network, Node, Requant, verify
from codesign.ir.geometry import Shape, pair
from codesign.mapping import outline, place, plan, predict
from codesign.program import Program
from codesign.sim import simulate
from codesign.train.nets import architecture

SECONDS = 1.0  # of processor time, for each price
SPREAD = 48.0  # standard deviation of activations, of 0..255
SAMPLES = 4  # images that set the constants

NETS: dict[str, tuple[architecture.Architecture, Shape]] = {
    "LeNet (paper)": (architecture.lenet((20, 50), (128,), 10), (1, 28, 28)),
    "LeNet-5": (architecture.lenet((6, 16), (120, 84), 10), (1, 32, 32)),
    "CIFAR LeNet": (architecture.cifar_lenet((32, 32, 64), (), 10, False), (3, 32, 32)),
    "ResNet-20": (architecture.resnet((16, 32, 64), 3, 10), (3, 32, 32)),
}


def network(layers: architecture.Architecture, shape: Shape, seed: int = 0) -> Network:
    """Random weights for an architecture. The first edge of a residual sum enters it as raw accumulators."""
    rng = np.random.default_rng(seed)
    edges: dict[str, Ints] = {"input": rng.integers(0, 256, (SAMPLES, *shape))}
    names, nodes = {"input": "input"}, list[Node]()
    raw = {layer.source for layer in layers if isinstance(layer, architecture.Add)}

    def put(node: Node, layer: str) -> None:
        edges[node.name] = node.value(*(edges[s] for s in node.sources))
        names[layer] = node.name
        nodes.append(node)

    for layer in layers:
        source = names[layer.source]
        x = edges[source]
        if isinstance(layer, architecture.Linear | architecture.Conv):
            node = _matrix(layer, source, x, rng)
            if layer.name not in raw and layer is not layers[-1]:
                acc = node.value(x)
                kind = IntType(8) if layer.act else IntType(8, signed=True)
                shift = 0.0 if layer.act else -SPREAD  # a ReLU passes half of a signed sum
                node = replace(node, requant=spread(acc, kind, shift))
            put(node, layer.name)
            if isinstance(layer, architecture.Conv) and layer.pooling is not None:
                put(MaxPool(layer.pooling.name, node.name, pair(layer.pool), pair(layer.pool)), layer.name)
        elif isinstance(layer, architecture.Add):
            put(_sum(layer.name, source, names[layer.other], x), layer.name)
        elif isinstance(layer, architecture.AvgPool):
            channels = x.shape[1]
            mean = requant_constants(np.full(channels, 1 / layer.size**2), np.zeros(channels))
            mean_of = AvgPool(layer.name, source, pair(layer.size), pair(layer.stride), Requant(*mean, IntType(8)))
            put(mean_of, layer.name)
        else:
            put(MaxPool(layer.name, source, pair(layer.size), pair(layer.stride)), layer.name)
    return verify(Network("random", int(np.prod(shape)), IntType(8), tuple(nodes), shape=shape))


def _matrix(
    layer: architecture.Linear | architecture.Conv, source: str, x: Ints, rng: np.random.Generator
) -> Linear | Conv:
    raw = Requant(np.ones(layer.outputs, np.int64), np.zeros(layer.outputs, np.int64), 0, INT32)
    if isinstance(layer, architecture.Linear):
        return Linear(layer.name, source, ternary(rng, (int(x[0].size), layer.outputs)), raw)
    weight = ternary(rng, (layer.outputs, x.shape[1] // layer.groups, layer.kernel, layer.kernel))
    return Conv(layer.name, source, weight, raw, pair(layer.stride), pair(layer.padding), layer.groups)


def ternary(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Weights of one pair of two-level cells."""
    return rng.integers(-1, 2, size).astype(np.int32)


def spread(acc: Ints, kind: IntType, shift: float = 0.0) -> Requant:
    """Constants that give accumulators (images, channels, ...) the standard deviation `SPREAD`, channel by channel."""
    flat = np.moveaxis(acc, 1, -1).reshape(-1, acc.shape[1]).astype(np.float64)
    scale = SPREAD / np.maximum(1.0, flat.std(axis=0))
    mult, bias, by = requant_constants(scale, -scale * flat.mean(axis=0) - shift)
    return Requant(mult, bias, by, kind)


def _sum(name: str, source: str, other: str, x: Ints) -> Add:
    """The sum of raw accumulators, scaled as activations are, and another edge as it is."""
    channels = x.shape[1]
    flat = np.moveaxis(x, 1, -1).reshape(-1, channels).astype(np.float64)
    scale = SPREAD / np.maximum(1.0, flat.std(axis=0))
    mult, bias, shift = requant_constants(np.concatenate([scale, np.full(channels, 0.7)]), np.zeros(2 * channels))
    return Add(name, source, other, mult[channels:], Requant(mult[:channels], bias[:channels], shift, IntType(8)))


def chip(count: int) -> Chip:
    """A chip of arrays of 128 x 128 with memories for all of `NETS`."""
    data = Chip.load("reference-128").model_dump(mode="json")
    memory = {"activation_words": 384, "input_words": 24, "steps": 64, "loads": 512, "tiles": 64, "constants": 256}
    arrays = data["arrays"] | {"count": count}
    return Chip.model_validate({**data, "name": "cnn", "arrays": arrays, "memory": data["memory"] | memory})


def milliseconds(call: Callable[[], object]) -> float:
    """Of processor time that a call takes."""
    start, calls = time.process_time(), 0
    while time.process_time() - start < SECONDS:
        call()
        calls += 1
    return 1000 * (time.process_time() - start) / calls


def table() -> None:
    """Arrays, cycles over the bound, memory, and what pricing takes."""
    target = chip(64)
    heads = ("own", "bounds", "packed", "converters", "interval", "ratio", "latency", "words", "plan ms", "cycles ms")
    print(f"{'network':16}" + "".join(f"{head:>11}" for head in heads))
    for name, (layers, shape) in NETS.items():
        sizes = outline(network(layers, shape))
        own, packed = plan(sizes, target), plan(sizes, target, "arrays")
        cycles = predict(packed)
        prices = milliseconds(partial(plan, sizes, target, "arrays")), milliseconds(partial(predict, packed))
        row = (
            own.arrays,
            f"{packed.lower_bound}, {packed.least}",
            packed.arrays,
            f"{cycles.bound:,}",
            f"{cycles.interval:,}",
            f"{cycles.interval / cycles.bound:.4f}",
            f"{cycles.latency:,}",
            packed.activation_words,
            *(f"{price:.1f}" for price in prices),
        )
        print(f"{name:16}" + "".join(f"{value:>11}" for value in row))


def simulated(name: str, program: Program, simulator: str, images: int) -> None:
    """A row: images in a simulator, words and cycles that differ, and seconds an image."""
    x = np.random.default_rng(1).integers(0, 256, (images, program.network.features))
    found = simulate(program, x, simulator, load="backdoor")
    row = images, len(found.mismatches), found.timing_errors, f"{found.seconds / images:.4g}"
    print(f"{name:16}{simulator:>11}" + "".join(f"{value:>9}" for value in row), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulate", action="store_true")
    parser.add_argument("--images", type=int, default=20, help="LeNet in Icarus; Verilator takes 50 times as many")
    args = parser.parse_args()
    table()
    if not args.simulate:
        return
    lenet, resnet = (network(*NETS[name]) for name in ("LeNet (paper)", "ResNet-20"))
    perceptron = network(architecture.mlp((128,), 10), (1, 28, 28))
    small, large = chip(18), chip(34)
    heads = ("images", "words", "cycles", "s/image")
    print(f"\n{'network':16}{'simulator':>11}" + "".join(f"{head:>9}" for head in heads))
    for simulator, factor in (("icarus", 1), ("verilator", 50)):
        for name, one in (("784-128-10", perceptron), ("LeNet (paper)", lenet)):
            simulated(name, Program(place(one, small, objective="arrays")), simulator, factor * args.images)
    simulated("ResNet-20", Program(place(resnet, large, objective="arrays")), "verilator", args.images)


if __name__ == "__main__":
    main()
