"""Random networks of images: convolutions, pools, sums and linear layers, with units and layers to remove."""

from typing import Any

import numpy as np

from codesign.fixed import INT32, IntType, Trim
from codesign.ir import Add, AvgPool, Conv, Linear, MaxPool, Network, Node, Requant, verify
from tests.passes.sparse import narrowed

I4 = IntType(4, signed=True)


def image_network(seed: int, trims: bool = False) -> Network:
    """conv, up to four layers of any kind that read any earlier image, two to four linear layers.

    With trims, every other layer of weights has one.
    """
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {"input": (2, 5, 4)}
    nodes: list[Node] = []

    def add(node: Node) -> None:
        shapes[node.name] = node.shape(*(shapes[s] for s in node.sources))
        nodes.append(node)

    def trim() -> dict[str, Any]:
        return {"trim": Trim(int(rng.integers(1, 4)), 2)} if trims and rng.random() < 0.5 else {}

    def conv(name: str, source: str) -> Conv:
        channels, height, width = shapes[source]
        size = int(rng.integers(1, min(height, width, 3) + 1))
        outputs = int(rng.integers(1, 5))
        weight = _sparse(rng, (outputs, channels, size, size))
        padding = int(rng.integers(0, size))
        return Conv(name, source, weight, _requant(rng, outputs), int(rng.integers(1, 3)), padding, **trim())

    add(conv("image0", "input"))
    for k in range(1, int(rng.integers(1, 6))):
        name, source = f"image{k}", str(rng.choice(list(shapes)))
        channels, height, width = shapes[source]
        size = int(rng.integers(1, min(height, width) + 1))
        match rng.integers(4):
            case 0:
                add(conv(name, source))
            case 1:
                add(MaxPool(name, source, size, int(rng.integers(1, 3))))
            case 2:
                add(AvgPool(name, source, size, int(rng.integers(1, 3)), _requant(rng, channels)))
            case _:
                alike = [s for s, shape in shapes.items() if shape == shapes[source]]
                requant = _requant(rng, channels)
                add(Add(name, source, str(rng.choice(alike)), _requant(rng, channels).mult, requant))
    for k in range(int(rng.integers(2, 5))):
        source = nodes[-1].name if k == 0 else str(rng.choice([n.name for n in nodes]))
        inputs, outputs = int(np.prod(shapes[source])), int(rng.integers(1, 6))
        weight = _sparse(rng, (inputs, outputs))
        weight[:, rng.random(outputs) < 0.2] = 0
        add(Linear(f"fc{k}", source, weight, _requant(rng, outputs), **trim()))
    last = _sparse(rng, (int(np.prod(shapes[nodes[-1].name])), 2))
    raw = Requant(np.ones(2, np.int64), rng.integers(-99, 99, 2), 0, INT32)
    add(Linear("last", nodes[-1].name, last, raw))
    return verify(Network("images", 40, I4, tuple(nodes), shape=(2, 5, 4)))


def _sparse(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    weight = rng.integers(-3, 4, shape).astype(np.int32)
    weight[rng.random(shape) < 0.3] = 0
    weight[rng.random(shape[0]) < 0.2] = 0
    return weight


def _requant(rng: np.random.Generator, channels: int) -> Requant:
    factor = 1 << int(rng.integers(0, 3))
    kind = narrowed(rng, IntType(int(rng.integers(4, 7)), bool(rng.integers(2))))
    mult, bias = rng.integers(1, 10, channels), rng.integers(-20, 80, channels)
    return Requant(mult * factor, bias * factor, int(rng.integers(2, 6)), kind)
