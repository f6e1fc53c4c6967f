"""A real-valued graph as a network of quantized layers: its weights copied, its scales fitted to calibration inputs."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from codesign.chip.description import Chip
from codesign.devices import Cells
from codesign.fixed import IntType
from codesign.frontend.graph import INF, Clamp, Graph, Matrix, Op, Pool, Real, Sum
from codesign.frontend.moments import muted, tamed
from codesign.frontend.ranges import activation_of
from codesign.frontend.run import before, value
from codesign.train.layers.converters import Converters
from codesign.train.layers.edges import Edge, QuantModule, QuantReLU
from codesign.train.layers.grid import Grid
from codesign.train.layers.matrix import QuantLayer
from codesign.train.layers.noise import CellNoise
from codesign.train.layers.pooling import QuantAdd
from codesign.train.layers.start import NormStart, centre, fit_converters, hold
from codesign.train.nets.kinds import pooled
from codesign.train.nets.quantized import QuantNet

FREE, RELU = Clamp(-INF, INF), Clamp()


@dataclass(frozen=True)
class Options:
    """What a quantized net is made of, beside its graph: see `prepare`."""

    chip: Chip
    activation_bits: int
    per_column: bool
    converters: bool
    cells: Cells
    seed: int


def trainable(graph: Graph, x: Real, kind: IntType, step: float, options: Options) -> QuantNet:
    """A settled graph as quantized layers in eval mode. x: calibration inputs, in its shape, behind its offset."""
    return _Builder(graph, x, kind, step, options).build()


class _Builder:
    """Goes through the operations once, with the real value and the integers of every edge side by side."""

    def __init__(self, graph: Graph, x: Real, kind: IntType, step: float, options: Options) -> None:
        self.graph, self.options, self.kind, self.step = graph, options, kind, step
        self.grid = Grid(options.chip.device.weights)
        self.dies = torch.Generator().manual_seed(options.seed)
        self.layers: list[QuantModule] = []
        self.real: dict[str, Real] = {"input": x}
        q = torch.from_numpy(x / step + 0.5).floor().clamp(kind.lo, kind.hi).float()
        self.edges: dict[str, tuple[str, Edge]] = {"input": ("input", Edge(q, kind, step))}  # layer that holds it

    @torch.no_grad()
    def build(self) -> QuantNet:
        ops = list(self.graph.ops)
        last = {source: op.name for op in ops for source in op.sources}  # reader, of each edge
        skip = set()
        for k, op in enumerate(ops):
            if op.name not in skip:
                pool = _pool_behind(op, ops[k + 1 :])
                skip |= {pool.name} if pool else set()
                made = self._layer(op, pool)
                self.layers += made
                reads = [self.edges[s][1] for s in op.sources]
                for layer in made:
                    layer.eval()
                    reads = [layer(*reads)]
                self.edges[pool.name if pool else op.name] = (made[-1].name, reads[0])
            for source in [s for s in self.real if last.get(s) == op.name]:
                self.real.pop(source)
                self.edges.pop(source, None)
        return QuantNet(self.layers, self.kind, self.step, self.graph.shape).eval()

    def _layer(self, op: Op, pool: Pool | None) -> list[QuantModule]:
        """The layers of an operation (and of max pooling behind it); the last one holds its result."""
        x, names = [self.real[s] for s in op.sources], [self.edges[s][0] for s in op.sources]
        match op:
            case Matrix():
                return [self._matrix(op, pool, x[0], names[0])]
            case Pool():
                self.real[op.name] = y = value(op, *x)
                return self._pool(op, names[0], y)
            case Sum():
                self.real[op.name] = y = value(op, *x)
                gains = (_float(op.gain), _float(op.other_gain), _float(op.bias))
                return [QuantAdd(op.name, names[0], names[1], self._activation(op.act or FREE, y), gains)]

    def _activation(self, act: Clamp, y: Real) -> QuantReLU:
        return activation_of(act, y, self.options.activation_bits)

    def _matrix(self, op: Matrix, pool: Pool | None, x: Real, source: str) -> QuantLayer:
        last = op is self.graph.ops[-1]
        op = op.folded() if last else op
        exact = before(op, x)
        self.real[op.name] = y = exact if op.act is None else op.act(exact)
        real = tamed(op, x)
        weight = _float(real if last else muted(real, y))
        if pool is not None:
            exact = value(replace(pool, act=None), exact)
            self.real[pool.name] = y = value(pool, y)
        layer = QuantLayer(
            op.name,
            source,
            weight,
            self.grid,
            None if last else self._activation(op.act or FREE, y),
            op.window,
            per_column=self.options.per_column,
            norm=op.norm is not None,
            pool=pooled(pool.name, op.name, pool.window, True) if pool else None,
            converters=self._converters(last),
            noise=self._noise(),
        )
        n = op.norm
        start = None
        if n is not None:
            start = NormStart(_float(n.gain), _float(n.offset), _float(n.mean), _float(n.variance), n.eps)
        hold(layer.eval(), weight, _float(op.bias), start)
        fit_converters(layer, self.edges[op.source][1])
        centre(layer, self.edges[op.source][1], exact)
        return layer

    def _converters(self, last: bool) -> Converters | None:
        chip = self.options.chip
        top = chip.device.codes[-1]
        return Converters(chip.arrays.rows, chip.adc.bits, last, top) if self.options.converters else None

    def _noise(self) -> CellNoise | None:
        chip, cells = self.options.chip, self.options.cells
        if cells.is_ideal:
            return None
        return CellNoise(cells, chip.device, chip.arrays.rows, chip.columns, self.dies)

    def _pool(self, op: Pool, source: str, y: Real) -> list[QuantModule]:
        if op.largest:
            return [pooled(op.name, source, op.window, True)]
        kind = self.edges[op.source][1].kind
        activation = self._activation(op.act or (FREE if kind.signed else RELU), y)
        return [pooled(op.name, source, op.window, False, activation)]


def _pool_behind(op: Op, rest: list[Op]) -> Pool | None:
    """Max pooling that alone reads `op`, a matrix without batch norm: it may run before the scaling.

    Batch norm learns from all values, not from the largest ones.
    """
    readers = [r for r in rest if op.name in r.sources]
    if not isinstance(op, Matrix) or op.norm is not None or len(readers) != 1:
        return None
    (reader,) = readers
    return reader if isinstance(reader, Pool) and reader.largest and reader.act is None else None


def _float(values: Real) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)  # a copy: it may be a view of the user's weights
