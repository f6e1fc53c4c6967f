"""Programs of random weights, and dies with one flipped cell."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from codesign import ir, vectors
from codesign.chip.description import Chip
from codesign.fixed import INT32, Ints, IntType
from codesign.ir import Conv, Linear, MaxPool, Network, Node, Requant
from codesign.mapping import Die, in_memory, layers, place
from codesign.program import Program

TINY, REFERENCE = Chip.load("tiny"), Chip.load("reference-128")
HIDDEN = IntType(4)


def network(sizes: list[int], chip: Chip, seed: int) -> Network:
    """A perceptron of random weights and 8-bit activations."""
    rng, nodes, source = np.random.default_rng(seed), list[Linear](), "input"
    for k, (inputs, outputs) in enumerate(pairwise(sizes)):
        weight = rng.choice(chip.device.weights, size=(inputs, outputs)).astype(np.int32)
        bias, last = rng.integers(-50, 50, outputs), k == len(sizes) - 2
        mult = np.ones(outputs, np.int64) if last else rng.integers(200, 900, outputs)
        requant = Requant(mult, bias, 0 if last else 14, INT32 if last else IntType(8))
        nodes.append(Linear(f"fc{k + 1}", source, weight, requant))
        source = f"fc{k + 1}"
    return Network(f"net{seed}", sizes[0], IntType(8), tuple(nodes))


def sparse(images: int, features: int = 784) -> Ints:
    """8-bit images, four fifths of whose pixels are 0."""
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (images, features))
    x[rng.random(x.shape) < 0.8] = 0
    return np.asarray(x)


def lenet() -> tuple[Program, Ints]:
    """A LeNet of two-level weights on lenet-128, whose activations spread over their range, and two images."""
    rng = np.random.default_rng(7)

    def weight(*shape: int) -> np.ndarray:
        return rng.integers(-1, 2, shape).astype(np.int32)

    def raw(outputs: int) -> Requant:
        return Requant(np.ones(outputs, np.int64), rng.integers(-9, 9, outputs), 0, INT32)

    nodes: list[Node] = [
        Conv("conv1", "input", weight(20, 1, 5, 5), raw(20)),
        MaxPool("pool1", "conv1", (2, 2), (2, 2)),
        Conv("conv2", "pool1", weight(50, 20, 5, 5), raw(50)),
        MaxPool("pool2", "conv2", (2, 2), (2, 2)),
        Linear("fc1", "pool2", weight(800, 128), raw(128)),
        Linear("fc2", "fc1", weight(128, 10), raw(10)),
    ]
    x = rng.integers(0, 16, (2, 784)) * (rng.random((2, 784)) < 0.4)
    made = Network("lenet", 784, HIDDEN, (), shape=(1, 28, 28))
    for node in nodes:
        if isinstance(node, Conv | Linear) and node.name != "fc2":
            acc = ir.run(replace(made, nodes=(*made.nodes, node)), x)
            shift = max(0, int(np.percentile(np.abs(acc), 95)).bit_length() - HIDDEN.bits)
            node = replace(node, requant=replace(node.requant, shift=shift, out=HIDDEN))
        made = replace(made, nodes=(*made.nodes, node))
    return Program(place(ir.verify(made), Chip.load("lenet-128"))), x


def flipped(program: Program, layer: str, x: Ints) -> tuple[Die, vectors.Place, int]:
    """A die with one cell of `layer` at another level; where its first wrong value is made, and of which image.

    The cell is one that changes a value of its layer for one of the images.
    """
    answers = vectors.answers(program, x)
    at = next(a for a in answers.layers if a.layer == layer)
    ideal, codes = Die.ideal(program.mapping).codes, program.chip.device.codes
    for use in program.mapping.arrays:
        for piece in (p for p in use.pieces if p.layer == layer):
            for k in range(piece.rows * piece.columns):
                row, column = divmod(k, piece.columns)
                wordline, bitline = piece.wordline + row, 2 * (piece.at + column)
                changed = ideal[use.array].copy()
                old = changed[wordline, bitline]
                changed[wordline, bitline] = codes[0] if old == codes[-1] else codes[-1]
                die = Die(ideal | {use.array: changed})
                got = in_memory(layers(program.mapping, x, die)[at.edge])
                wrong = np.argwhere(got != at.values)
                if len(wrong):
                    image, value = wrong[0].tolist()
                    made = at.place(value)
                    first, last = made.arrays or (-1, -1)
                    assert first <= use.array <= last and made.column == piece.at + column
                    return die, made, image
    raise AssertionError(f"no cell of {layer} tells")
