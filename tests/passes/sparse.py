"""Networks with units to remove: by hand, and at random."""

import numpy as np

from codesign.fixed import INT32, IntType
from codesign.ir import Linear, Network, Requant, verify

U4, I4 = IntType(4), IntType(4, signed=True)


def layer(
    name: str,
    source: str,
    weight: list[list[int]],
    mult: list[int] | None = None,
    bias: list[int] | None = None,
    shift: int = 0,
    out: IntType = INT32,
) -> Linear:
    """A layer from plain lists, weight row by row; raw without a type."""
    w = np.array(weight, np.int32)
    ones, zeros = [1] * w.shape[1], [0] * w.shape[1]
    return Linear(name, source, w, Requant(np.array(mult or ones), np.array(bias or zeros), shift, out))


def network(*nodes: Linear, input: IntType = U4) -> Network:
    features = next(n.inputs for n in nodes if n.source == "input")
    return verify(Network("net", features, input, nodes))


def narrowed(rng: np.random.Generator, kind: IntType) -> IntType:
    """Half of the time a range inside the type; one value is a range, too."""
    lo, hi = sorted(rng.integers(kind.lo, kind.hi + 1, 2).tolist())
    return IntType(kind.bits, kind.signed, (lo, hi)) if rng.integers(2) else kind


def random_network(seed: int) -> Network:
    """Up to five layers that read any earlier one; many weights, whole rows and whole columns are 0."""
    rng = np.random.default_rng(seed)
    widths = {"input": 6}
    nodes = []
    count = int(rng.integers(2, 6))
    for k in range(count):
        source = str(rng.choice(list(widths)))
        inputs, outputs = widths[source], int(rng.integers(1, 7))
        weight = rng.integers(-3, 4, (inputs, outputs)).astype(np.int32)
        weight[rng.random(weight.shape) < 0.4] = 0
        weight[:, rng.random(outputs) < 0.25] = 0
        weight[rng.random(inputs) < 0.25] = 0
        if k == count - 1:
            requant = Requant(np.ones(outputs, np.int64), rng.integers(-99, 99, outputs), 0, INT32)
        else:
            shift = int(rng.integers(0, 5))
            factor = 1 << int(rng.integers(0, 3))
            kind = narrowed(rng, IntType(int(rng.integers(1, 6)), bool(rng.integers(2))))
            mult, bias = rng.integers(-9, 10, outputs), rng.integers(-80, 80, outputs)
            requant = Requant(mult * factor, bias * factor, shift, kind)
        nodes.append(Linear(f"fc{k}", source, weight, requant))
        widths[f"fc{k}"] = outputs
    return verify(Network("random", 6, I4, tuple(nodes)))


def frozen(net: Network) -> Network:
    """The same network, whose tensors cannot be written."""
    for n in net.nodes:
        for a in (n.weight, n.requant.mult, n.requant.bias):
            a.flags.writeable = False
    return net


def inputs(net: Network, count: int = 200, seed: int = 0) -> np.ndarray:
    """Random inputs, the first two all lowest and all highest."""
    x = np.random.default_rng(seed).integers(net.input.lo, net.input.hi + 1, (count, net.features))
    x[0], x[1] = net.input.lo, net.input.hi
    return x
