"""Random real-valued graphs: perceptrons, convolutions, residual sums and every pool."""

import numpy as np

from codesign.frontend.graph import Clamp, Graph, Matrix, Op, Pool, Sum
from codesign.frontend.settle import shapes
from codesign.ir.geometry import Window

ACTS = (Clamp(), Clamp(0.0, 6.0), Clamp(-1.0, 1.0), Clamp(0.1, 2.0), Clamp(-np.inf, 1.5), None)


def act(rng: np.random.Generator) -> Clamp | None:
    return ACTS[int(rng.integers(len(ACTS)))]


def conv(rng: np.random.Generator, name: str, source: str, channels: int, outputs: int, groups: int = 1) -> Matrix:
    """A 3 x 3 convolution that keeps height and width."""
    weight = rng.standard_normal((outputs, channels // groups, 3, 3)) / np.sqrt(9 * channels / groups)
    window = Window.square(3, padding=1)
    return Matrix(name, name, source, weight, 0.3 * rng.standard_normal(outputs), window, groups, act(rng))


def linear(rng: np.random.Generator, name: str, source: str, inputs: int, outputs: int, last: bool = False) -> Matrix:
    weight = rng.standard_normal((outputs, inputs)) / np.sqrt(inputs)
    return Matrix(name, name, source, weight, 0.3 * rng.standard_normal(outputs), act=None if last else act(rng))


def image_graph(seed: int) -> Graph:
    """A convolution, a depthwise one, a residual sum, a pool of either kind with an activation, a linear layer."""
    rng = np.random.default_rng(seed)
    channels, width = int(rng.integers(1, 4)), int(rng.integers(2, 5)) * 2
    height = 1 if seed % 4 == 3 else 6
    vertical = min(height, 2)
    a = conv(rng, "a", "input", channels, width)
    depthwise = conv(rng, "b", "a", width, width, groups=width)
    c = conv(rng, "c", "b", width, width, groups=2)
    gains = [rng.uniform(0.3, 1.2, width) * rng.choice([-1, 1], width) for _ in range(2)]
    s = Sum("s", "s", "c", "a", gains[0], gains[1], 0.2 * rng.standard_normal(width), act(rng))
    window = Window((vertical, 2), (vertical, 2))
    pool = Pool("p", "p", "s", window, largest=bool(seed % 2), act=act(rng))
    ops: list[Op] = [a, depthwise, c, s, pool]
    features = int(np.prod(shapes(Graph(tuple(ops), (channels, height, 8)))["p"]))
    offset = (0.5,) if seed % 3 == 0 else ()
    return Graph((*ops, linear(rng, "fc", "p", features, 5, last=True)), (channels, height, 8), offset)


def flat_graph(seed: int) -> Graph:
    """A perceptron with a skip connection."""
    rng = np.random.default_rng(seed)
    first = linear(rng, "a", "input", 20, 16)
    second = linear(rng, "b", "a", 16, 16)
    skip = Sum("s", "s", "b", "a", rng.uniform(0.5, 1, 16), rng.uniform(-1, 1, 16), np.zeros(16), act(rng))
    return Graph((first, second, skip, linear(rng, "fc", "s", 16, 5, last=True)), (20,))


def inputs(graph: Graph, images: int = 200, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((images, *graph.shape))
