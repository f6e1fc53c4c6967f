"""A layer as the chip runs it: what its matrix is given, what it makes of it, and the parts that are steps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from codesign.brief import Brief
from codesign.chip.description import Chip
from codesign.fixed import Ints
from codesign.ir import Add, AvgPool, Conv, Linear, MaxPool, Node, Requant
from codesign.ir.geometry import Shape, Window
from codesign.mapping.outline import LayerSize
from codesign.mapping.parts import parts_of


@dataclass(frozen=True, eq=False)
class Layer(Brief):
    """A node as the chip runs it, with the max pooling behind it if that is fused."""

    node: Node
    pool: MaxPool | None
    source: Shape  # of the edge that it reads
    size: LayerSize

    def _brief(self) -> str:
        return f"{self.node.name}, {self.node.kind}"

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def outputs(self) -> slice:
        """The channels that it gives, of those of the whole layer."""
        first = self.size.part.gives if self.size.part else 0
        return slice(first, first + self.size.outputs)

    @property
    def pixels(self) -> int:
        """Pixels of the picture that it gives; 1 if it gives none."""
        return self.size.pixels

    def value(self, edges: Mapping[str, Ints]) -> dict[str, Ints]:
        """The edges that it gives, without converters; a part of a layer reads and gives its channels of them."""
        read = (edges[s] if self.size.part is None else self.own(edges[s]) for s in self.node.sources)
        return self.joined(edges, self.giving(self.node.value(*read)))

    def giving(self, edge: Ints) -> dict[str, Ints]:
        """The edge that it gives; of a convolution with pooling behind it, both edges."""
        if self.pool is None:
            return {self.size.gives: edge}
        return {self.name: edge, self.pool.name: self.pool.value(edge)}

    def parts(self, chip: Chip) -> tuple[Self, ...]:
        """What the chip runs step by step: the layer itself, or its parts."""
        return tuple(self if size is self.size else self._part(size) for size in parts_of(self.size, chip))

    def _part(self, size: LayerSize) -> Self:
        part, node = replace(self, size=size), self.node
        own = part.outputs
        if isinstance(node, Add):
            node = _some_sum(node, own)
        elif isinstance(node, AvgPool):
            node = replace(node, requant=_some(node.requant, own))
        return replace(part, node=node)

    def own(self, edge: Ints) -> Ints:
        """The channels that it gives, of an edge with those of the whole layer."""
        return edge[:, self.outputs]

    def joined(self, edges: Mapping[str, Ints], found: Mapping[str, Ints]) -> dict[str, Ints]:
        """The edges that a layer gives, from what it has `found`: a part's come beside those of the parts before it."""
        part = self.size.part
        if part is None:
            return dict(found)
        whole = {
            name: edges[name] if part.gives else np.zeros((len(edge), part.of, *edge.shape[2:]), edge.dtype)
            for name, edge in found.items()
        }
        for name, edge in found.items():
            self.own(whole[name])[...] = edge
        return whole


@dataclass(frozen=True, eq=False)
class Matrix(Layer):
    """A node with weights; `add`, if its accumulators enter a residual sum, is that sum, which scales them.

    order: for every row of the chip's matrix, the row of `node.matrix` that it is. Activations lie in memory pixel by
    pixel, all channels of a pixel side by side, but the network's input comes channel by channel. A convolution in
    groups has no matrix of its own, its `parts` have: the node of each is the convolution of its channels, with weights
    of 0 between groups. of: what it is a part of.
    """

    node: Linear | Conv
    order: NDArray[np.intp]
    add: Add | None = None
    of: "Matrix | None" = None

    @property
    def whole(self) -> "Matrix":
        """The layer that it is a part of, or itself."""
        return self.of or self

    @property
    def requant(self) -> Requant:
        """What scales its accumulators."""
        if self.add is None:
            return self.node.requant
        return replace(self.add.requant, mult=self._two[0])

    @property
    def other_mult(self) -> Ints | None:
        """Multipliers of the edge that is added."""
        return self._two[1] if self.add else None

    @property
    def _two(self) -> tuple[Ints, Ints]:
        assert self.add is not None
        both = self.add.requant.mult, self.add.other_mult
        return both if self.add.source == self.node.name else (both[1], both[0])

    def _part(self, size: LayerSize) -> Self:
        node, part = self.node, size.part
        assert isinstance(node, Conv) and part is not None
        part_of = replace(self, size=size)
        outputs = part_of.outputs
        weight = np.zeros((size.groups, size.outputs // size.groups, size.groups, *node.weight.shape[1:]), np.int32)
        own = np.arange(size.groups)
        weight[own, :, own] = node.weight[outputs].reshape(size.groups, -1, *node.weight.shape[1:])
        units = None if node.units is None else node.units[outputs]
        whole = replace(
            node,
            weight=weight.reshape(size.outputs, part.channels, *node.kernel),
            requant=_some(node.requant, outputs),
            groups=1,
            units=units,
        )
        add = None if self.add is None else _some_sum(self.add, outputs)
        order = order_of((part.channels, *self.source[1:]), node.window, node.source == "input")
        return replace(part_of, node=whole, order=order, add=add, of=self)

    def rows_of(self, edge: Ints) -> Ints:
        """An edge of the shape of its own as rows (images * positions, outputs): the inverse of `shaped`."""
        return edge if edge.ndim == 2 else edge.transpose(0, 2, 3, 1).reshape(-1, edge.shape[1])

    @property
    def group(self) -> tuple[int, int] | None:
        """(rows, outputs) of a convolution group, where there are several."""
        whole = self.whole.size
        return (whole.inputs // whole.groups, whole.outputs // whole.groups) if whole.groups > 1 else None

    @property
    def kernel(self) -> tuple[int, int] | None:
        """(height, width) of a convolution's kernel."""
        return self.node.kernel if isinstance(self.node, Conv) else None

    @property
    def matrix(self) -> NDArray[np.int32]:
        """(inputs, outputs), rows as the chip has them."""
        return np.asarray(self.node.matrix[self.order])

    @property
    def in_order(self) -> bool:
        """Whether the chip has the rows of its matrix as they are: no copy is needed to order activations."""
        return bool((self.order == np.arange(len(self.order))).all())

    @property
    def positions(self) -> int:
        """Rows that `gather` makes of an image."""
        return 1 if isinstance(self.node, Linear) else math.prod(self.node.window.positions(self.source))

    def gather(self, edge: Ints) -> Ints:
        """What its matrix is multiplied by, (images * positions, inputs), for an edge (images, ...)."""
        if isinstance(self.node, Linear):
            rows = edge.reshape(len(edge), len(self.order))
            return rows if self.in_order else rows[:, self.order]
        window, part = self.node.window, self.size.part
        above, beside = window.padding
        edge = edge if part is None else edge[:, part.reads : part.reads + part.channels]
        padded = np.pad(edge, ((0, 0), (0, 0), (above, above), (beside, beside)))
        seen = sliding_window_view(padded, window.size, axis=(2, 3))[:, :, :: window.stride[0], :: window.stride[1]]
        rows = seen.transpose(0, 2, 3, 1, 4, 5).reshape(-1, len(self.order))  # images, y, x; channel, kernel y and x
        return rows[:, self.order]

    def computed(self, rows: Ints) -> Ints:
        """Those of `gather`'s rows that the chip computes: none past the last whole window of a pool."""
        if self.size.places is None or self.pool is None:
            return rows
        (height, width), (tall, wide) = self.size.places.pixels, self.pool.size
        pictures = rows.reshape(-1, *self.size.places.window.positions(self.source), rows.shape[1])
        return pictures[:, : height * tall, : width * wide].reshape(-1, rows.shape[1])

    def shaped(self, rows: Ints) -> Ints:
        """Results (images * positions, outputs) as the node's edge: (images, outputs) or (images, channels, y, x)."""
        if isinstance(self.node, Linear):
            return rows
        height, width = self.node.window.positions(self.source)
        return np.ascontiguousarray(rows.reshape(-1, height, width, rows.shape[1]).transpose(0, 3, 1, 2))


def order_of(source: Shape, window: Window | None, is_input: bool) -> NDArray[np.intp]:
    """Rows of a matrix in the order in which activations come, as numbers of rows in the network's order.

    The network counts the rows of a picture, or of a kernel's window over it, channel by channel.
    """
    shape = source if window is None else (source[0], *window.size)
    rows = np.arange(math.prod(shape))
    if len(shape) == 1 or is_input:
        return rows
    return rows.reshape(shape).transpose(1, 2, 0).ravel()


def _some(q: Requant, outputs: slice) -> Requant:
    """The constants of some outputs."""
    return replace(q, mult=q.mult[outputs], bias=q.bias[outputs])


def _some_sum(add: Add, outputs: slice) -> Add:
    """The sum of some channels."""
    return replace(add, other_mult=add.other_mult[outputs], requant=_some(add.requant, outputs))
