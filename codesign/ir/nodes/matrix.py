"""Nodes whose weights are in cells: linear layers and convolutions."""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from codesign.brief import times
from codesign.errors import InputError
from codesign.fixed import MAX_SLICES, WEIGHT_BITS, Ints, IntType, Trim
from codesign.ir.exact import convolve_exact, matmul_exact
from codesign.ir.geometry import Pair, Shape, Window, pair, printed
from codesign.ir.nodes.base import Reader, Requant, Units, check_image, check_least, check_padding, check_pairs, since

Weights = NDArray[np.int32]
MAX_CUT = 1023  # an array has 1,024 wordlines at most


@dataclass(frozen=True, eq=False)
class Linear(Reader):
    """`requantize(x @ weight)`. weight is (inputs, outputs), in conductance codes: differences of two cells.

    An image is read flat: row-major channels, height, width. trim is the converter range of training (absent:
    the compiler chooses one); the untiled reference has no converters and ignores it. units: the numbers that the
    user's model gave the outputs, rising, where some were removed (absent: 0, 1, 2 and so on); see `ir.naming`.
    slices: pairs of cells that hold each weight; slice s counts base^s times, base being the levels of a cell.
    cut: the wordline of its first row, modulo the rows of an array, at which it was trained through converters; it
    stands beside a trim, and a layer without a trim may start anywhere.
    """

    kind = "linear"
    plural = "linear layers"

    weight: Weights
    requant: Requant
    trim: Trim | None = field(default=None, metadata=since(2))
    units: Units = field(default=None, metadata=since(4))
    slices: int = field(default=1, metadata=since(5))
    cut: int = field(default=0, metadata=since(5))

    @property
    def inputs(self) -> int:
        return int(self.weight.shape[0])

    @property
    def outputs(self) -> int:
        return int(self.weight.shape[1])

    @property
    def matrix(self) -> Weights:
        """The weight as arrays hold it, (inputs, outputs)."""
        return self.weight

    def holding(self, matrix: NDArray[Any]) -> Self:
        """The same node with another `matrix`."""
        return replace(self, weight=np.ascontiguousarray(matrix, dtype=np.int32))

    def keeping(self, columns: NDArray[np.intp]) -> Self:
        """The same node with some of its outputs only, rising; they keep their numbers."""
        q = self.requant
        numbers = columns if self.units is None else np.array(self.units)[columns]
        return replace(
            self,
            weight=self.weight[:, columns],
            requant=replace(q, mult=q.mult[columns], bias=q.bias[columns]),
            units=_left(tuple(numbers.tolist())),
        )

    @property
    def facts(self) -> str:
        return f"{self.inputs}x{self.outputs}"

    def shape(self, *_sources: Shape) -> Shape:
        return (self.outputs,)

    def numbering(self, *_sources: Units) -> Units:
        return _left(self.units)

    def rows(self, numbers: Ints, source: Shape) -> Ints:
        """The user's number of every row of `matrix`, (inputs,), where its source's channels have these `numbers`."""
        return _spread(numbers, math.prod(source[1:]))

    def check(self, *sources: Shape) -> None:
        (source,) = sources
        if self.weight.ndim != 2 or 0 in self.weight.shape:
            raise InputError(f"layer {self.name}: weight must be (inputs, outputs), got shape {self.weight.shape}")
        if self.inputs != math.prod(source):
            gives = f"{math.prod(source)}" + (f" ({times(source)})" if len(source) > 1 else "")
            raise InputError(f"layer {self.name}: has {self.inputs} inputs but {self.source} gives {gives}")
        _check_weight(self)

    def value(self, *edges: Ints) -> Ints:
        (x,) = edges
        return self.requant(matmul_exact(x.reshape(len(x), self.inputs), self.weight))


@dataclass(frozen=True, eq=False)
class Conv(Reader):
    """`requantize(convolution)`. weight is (outputs, inputs // groups, kernel_h, kernel_w), as `Linear`'s codes.

    A cross-correlation, as in every training framework: the kernel is not flipped. stride and padding are (height,
    width); one number stands for both. The padding is zeros on all four sides, whether or not 0 is in the range of its
    input. Convolution group g of the outputs reads only that of the inputs. units, slices and cut: as `Linear`'s.
    """

    kind = "conv"
    plural = "convolutions"

    weight: Weights
    requant: Requant
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    groups: int = 1
    trim: Trim | None = field(default=None, metadata=since(2))
    units: Units = field(default=None, metadata=since(4))
    slices: int = field(default=1, metadata=since(5))
    cut: int = field(default=0, metadata=since(5))

    def __post_init__(self) -> None:
        for name in ("stride", "padding"):
            object.__setattr__(self, name, pair(getattr(self, name)))

    @property
    def inputs(self) -> int:
        """Input channels."""
        return int(self.weight.shape[1]) * self.groups

    @property
    def outputs(self) -> int:
        """Output channels."""
        return int(self.weight.shape[0])

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width of the kernel."""
        return int(self.weight.shape[2]), int(self.weight.shape[3])

    @property
    def window(self) -> Window:
        """The window of the kernel."""
        return Window(self.kernel, self.stride, self.padding)

    @property
    def matrix(self) -> Weights:
        """The weight as arrays hold it, (inputs of a convolution group times kernel, outputs)."""
        return by_input(self.weight)

    def holding(self, matrix: NDArray[Any]) -> Self:
        """The same node with another `matrix`."""
        return replace(self, weight=np.ascontiguousarray(matrix.T.reshape(self.weight.shape), dtype=np.int32))

    @property
    def facts(self) -> str:
        form = f"stride {printed(self.stride)} padding {printed(self.padding)} groups {self.groups}"
        return f"{times(self.weight.shape)} {form}"

    def shape(self, *sources: Shape) -> Shape:
        return self.window.over(sources[0], self.outputs)

    def numbering(self, *_sources: Units) -> Units:
        return _left(self.units)

    def rows(self, numbers: Ints, _source: Shape) -> Ints:
        """The user's number of every row of `matrix`: its place in (inputs // groups, kernel_h, kernel_w), flat."""
        return _spread(numbers[: self.inputs // self.groups], math.prod(self.kernel))

    def check(self, *sources: Shape) -> None:
        where = f"layer {self.name}"
        if self.weight.ndim != 4 or 0 in self.weight.shape:
            raise InputError(
                f"{where}: weight must be (outputs, inputs // groups, kernel_h, kernel_w), "
                f"got shape {self.weight.shape}"
            )
        _check_weight(self)
        check_pairs(self, stride=1, padding=0)
        check_least(self, groups=1)
        source = check_image(self, sources[0])
        channels = source[0]
        if channels % self.groups or self.outputs % self.groups:
            raise InputError(
                f"{where}: groups must divide its {channels} input channels and its {self.outputs} outputs, "
                f"got {self.groups}"
            )
        if self.inputs != channels:
            raise InputError(
                f"{where}: reads {self.inputs} channels (groups {self.groups}, {self.weight.shape[1]} in each) "
                f"but {self.source} gives {channels}"
            )
        check_padding(self, self.window)
        if not self.window.fits(source):
            raise InputError(
                f"{where}: the {times(self.kernel)} kernel is larger than its padded input, "
                f"{times(self.window.padded(source))}; use a smaller kernel or more padding"
            )

    def value(self, *edges: Ints) -> Ints:
        return self.requant(convolve_exact(edges[0], self.weight, self.window))


def by_input(weight: NDArray[Any]) -> Weights:
    """The one transpose: weights with outputs first, as training holds them, to (inputs, outputs), as arrays do."""
    return np.ascontiguousarray(weight.reshape(len(weight), -1).T, dtype=np.int32)


def _left(units: Units) -> Units:
    """None too where only units at the end were removed: the others' numbers are their places."""
    return None if units is None or units[-1] == len(units) - 1 else units


def _spread(numbers: Ints, each: int) -> Ints:
    """Numbers of values that lie `each` to a channel, one channel after another."""
    return np.asarray((numbers[:, None] * each + np.arange(each)).ravel())


def _check_weight(node: Linear | Conv) -> None:
    weight = node.weight
    if not np.issubdtype(weight.dtype, np.integer):
        raise InputError(f"layer {node.name}: weights must be integers, got {weight.dtype}")
    if not IntType(WEIGHT_BITS, signed=True).holds(weight):
        raise InputError(
            f"layer {node.name}: weights must be signed {WEIGHT_BITS}-bit integers, got {weight.min()}..{weight.max()}"
        )
    if node.trim is not None and not isinstance(node.trim, Trim):
        raise InputError(f"layer {node.name}: trim must be a codesign.fixed.Trim or None, got {node.trim!r}")
    if type(node.slices) is not int or not 1 <= node.slices <= MAX_SLICES:
        raise InputError(f"layer {node.name}: slices must be an integer 1..{MAX_SLICES}, got {node.slices!r}")
    if type(node.cut) is not int or not 0 <= node.cut <= MAX_CUT:
        raise InputError(
            f"layer {node.name}: cut must be the wordline of its first row, an integer 0..{MAX_CUT}, got {node.cut!r}"
        )
    if node.cut and node.trim is None:
        raise InputError(
            f"layer {node.name}: cut {node.cut} needs a trim, because only converters see where rows are cut; "
            "give it the trim of its training, or cut 0"
        )
