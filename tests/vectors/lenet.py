"""A LeNet of random two-level weights whose activations spread over their range."""

from dataclasses import replace

import numpy as np

from codesign import ir
from codesign.chip.description import Chip
from codesign.fixed import INT32, Ints, IntType
from codesign.ir import Conv, Linear, MaxPool, Network, Node, Requant
from codesign.mapping import place
from codesign.program import Program

HIDDEN = IntType(4)


def lenet() -> tuple[Program, Ints]:
    """The program on lenet-128, and two images."""
    rng = np.random.default_rng(7)

    def weight(*shape: int) -> np.ndarray:
        return rng.integers(-1, 2, shape).astype(np.int32)

    def raw(outputs: int) -> Requant:
        return Requant(np.ones(outputs, np.int64), rng.integers(-9, 9, outputs), 0, INT32)

    layers: list[Node] = [
        Conv("conv1", "input", weight(20, 1, 5, 5), raw(20)),
        MaxPool("pool1", "conv1", 2, 2),
        Conv("conv2", "pool1", weight(50, 20, 5, 5), raw(50)),
        MaxPool("pool2", "conv2", 2, 2),
        Linear("fc1", "pool2", weight(800, 128), raw(128)),
        Linear("fc2", "fc1", weight(128, 10), raw(10)),
    ]
    x = rng.integers(0, 16, (2, 784)) * (rng.random((2, 784)) < 0.4)
    network = Network("lenet", 784, HIDDEN, (), shape=(1, 28, 28))
    for node in layers:
        if isinstance(node, Conv | Linear) and node.name != "fc2":
            acc = ir.run(replace(network, nodes=(*network.nodes, node)), x)
            shift = max(0, int(np.percentile(np.abs(acc), 95)).bit_length() - HIDDEN.bits)
            node = replace(node, requant=replace(node.requant, shift=shift, out=HIDDEN))
        network = replace(network, nodes=(*network.nodes, node))
    return Program(place(ir.verify(network), Chip.load("lenet-128"))), x
