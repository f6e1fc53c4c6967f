"""The layers of a network, described once for the quantized net and its baseline. Loads without torch."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from codesign.brief import times
from codesign.errors import ConfigError
from codesign.fixed import IntType
from codesign.ir import nodes
from codesign.ir.geometry import Shape, Window, pair
from codesign.ir.nodes.matrix import Weights

NONE = np.zeros(0, np.int64)  # constants that do not matter


@dataclass(frozen=True)
class _Layer:
    node: ClassVar[type[nodes.Node]]  # what `export` makes of it

    name: str
    source: str

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of all layers that it reads."""
        return (self.source,)

    def shape(self, source: Shape, /) -> Shape:
        """Shape of its output. Raises ConfigError when it cannot take its input."""
        raise NotImplementedError

    def kind(self, _source: IntType, activation: IntType, _summand: IntType, /) -> IntType:
        """Integer type of its output, from that of its source, of activations, and of edges that are added."""
        return activation

    def sized(self, reads: tuple[str, ...], _source: Shape, out: IntType, /, **_cells: Any) -> tuple[nodes.Node, ...]:
        """The nodes of `out` integers that it becomes, without their numbers; the last one holds its result.

        reads: the nodes that it reads, the first of the shape `source`. cells: fields of a node with weights.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Linear(_Layer):
    """Every output reads every input, flattened."""

    node = nodes.Linear

    outputs: int
    act: bool = True  # False: raw accumulators leave the network here

    def shape(self, _source: Shape, /) -> Shape:
        return (self.outputs,)

    def sized(self, reads: tuple[str, ...], source: Shape, out: IntType, /, **cells: Any) -> tuple[nodes.Node, ...]:
        return (nodes.Linear(self.name, reads[0], _equal(math.prod(source), self.outputs), _scaled(out), **cells),)


@dataclass(frozen=True)
class _Pool(_Layer):
    size: int
    stride: int

    def shape(self, source: Shape, /) -> Shape:
        return _windowed(self, source, Window.square(self.size, self.stride))

    def kind(self, source: IntType, _activation: IntType, _summand: IntType, /) -> IntType:
        return source


@dataclass(frozen=True)
class MaxPool(_Pool):
    """Largest value of each window."""

    node = nodes.MaxPool

    def sized(self, reads: tuple[str, ...], _source: Shape, _out: IntType, /, **_cells: Any) -> tuple[nodes.Node, ...]:
        return (nodes.MaxPool(self.name, reads[0], pair(self.size), pair(self.stride)),)


@dataclass(frozen=True)
class AvgPool(_Pool):
    """Mean of each window, rounded to an integer of its input's type."""

    node = nodes.AvgPool

    def sized(self, reads: tuple[str, ...], _source: Shape, out: IntType, /, **_cells: Any) -> tuple[nodes.Node, ...]:
        return (nodes.AvgPool(self.name, reads[0], pair(self.size), pair(self.stride), _scaled(out)),)


@dataclass(frozen=True)
class Conv(_Layer):
    """Square kernel; then, if asked for, max pooling (size = stride = pool), then batch norm, then the activation."""

    node = nodes.Conv

    outputs: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    pool: int = 1
    norm: bool = False
    act: bool = True  # False: for a residual sum; a signed activation, or raw accumulators (see `raw`)

    @property
    def window(self) -> Window:
        """The window of the kernel."""
        return Window.square(self.kernel, self.stride, self.padding)

    @property
    def pooling(self) -> MaxPool | None:
        """Its pooling as a layer of its own, if it has any."""
        return MaxPool(f"{self.name}_pool", self.name, self.pool, self.pool) if self.pool > 1 else None

    def shape(self, source: Shape, /) -> Shape:
        return _windowed(self, source, self.window, self.outputs, self.pool)

    def kind(self, _source: IntType, activation: IntType, summand: IntType, /) -> IntType:
        return activation if self.act else summand

    def sized(self, reads: tuple[str, ...], source: Shape, out: IntType, /, **cells: Any) -> tuple[nodes.Node, ...]:
        window, weight = self.window, _equal(self.outputs, source[0] // self.groups, self.kernel, self.kernel)
        form = window.stride, window.padding, self.groups
        conv = _Sized(self.name, reads[0], weight, _scaled(out), *form, **cells)
        return (conv, *(self.pooling.sized((self.name,), source, out) if self.pooling else ()))


@dataclass(frozen=True)
class Add(_Layer):
    """Residual sum, then the activation."""

    node = nodes.Add

    other: str

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source, self.other)

    def shape(self, source: Shape, /) -> Shape:
        return _image(self, source)

    def sized(self, reads: tuple[str, ...], _source: Shape, out: IntType, /, **_cells: Any) -> tuple[nodes.Node, ...]:
        return (nodes.Add(self.name, reads[0], reads[1], NONE, _scaled(out)),)


class _Sized(nodes.Conv):
    """A convolution of equal weights, whose matrix takes no memory."""

    @property
    def matrix(self) -> Weights:
        return _equal(math.prod(self.weight.shape[1:]), self.outputs)


def _equal(*shape: int) -> Weights:
    return np.broadcast_to(np.int32(0), shape)


def _scaled(out: IntType) -> nodes.Requant:
    return nodes.Requant(NONE, NONE, 0, out)


Layer = Linear | Conv | MaxPool | AvgPool | Add
Architecture = tuple[Layer, ...]


def mlp(hidden: Sequence[int], classes: int) -> Architecture:
    """fc1, fc2, ...: linear layers with an activation between them."""
    sizes = (*hidden, classes)
    return tuple(
        Linear(f"fc{k + 1}", f"fc{k}" if k else "input", size, act=k + 1 < len(sizes)) for k, size in enumerate(sizes)
    )


def lenet(channels: Sequence[int], hidden: Sequence[int], classes: int, kernel: int = 5) -> Architecture:
    """Convolutions without padding, each followed by 2x2 max pooling, then linear layers (LeCun et al., 1998).

    channels (20, 50), hidden (128,) and kernels of 5x5 give the MNIST network of the 2018 paper.
    """
    return _chain(channels, hidden, classes, kernel, padding=0)


def cifar_lenet(
    channels: Sequence[int], hidden: Sequence[int], classes: int, norm: bool, kernel: int = 5
) -> Architecture:
    """Convolutions that keep the size of the image, each followed by 2x2 max pooling, then linear layers.

    `kernel` is odd. channels (32, 32, 64), no hidden layer and kernels of 5x5 give the network of the 2018 paper's
    released CIFAR-10 code, without its local response normalization; `norm` adds batch norm instead, which folds into
    the requantizer.
    """
    return _chain(channels, hidden, classes, kernel, padding=kernel // 2, norm=norm)


def _chain(
    channels: Sequence[int], hidden: Sequence[int], classes: int, kernel: int, padding: int, norm: bool = False
) -> Architecture:
    convs = tuple(
        Conv(f"conv{k + 1}", f"conv{k}" if k else "input", c, kernel, padding=padding, pool=2, norm=norm)
        for k, c in enumerate(channels)
    )
    first, *rest = mlp(hidden, classes)
    assert isinstance(first, Linear)
    return (*convs, Linear(first.name, convs[-1].name, first.outputs, first.act), *rest)


def resnet(channels: Sequence[int], blocks: int, classes: int) -> Architecture:
    """Residual network for small images (He et al., arXiv:1512.03385, section 4.2): 6 * blocks + 2 layers at 3 widths.

    Shortcuts across a change of width are 1x1 convolutions. Sums take the raw accumulators of the block's second
    convolution, and the other edge as activations. Every convolution has batch norm. The average pooling
    window is a quarter of a 32-pixel image, so it is global there.
    """
    layers: list[Layer] = [Conv("conv1", "input", channels[0], 3, padding=1, norm=True)]
    source = "conv1"
    for s, width in enumerate(channels):
        for b in range(blocks):
            name, stride = f"s{s + 1}b{b + 1}", 2 if s and not b else 1
            layers.append(Conv(f"{name}_conv1", source, width, 3, stride, 1, norm=True))
            layers.append(Conv(f"{name}_conv2", f"{name}_conv1", width, 3, 1, 1, norm=True, act=False))
            shortcut = source
            if stride == 2 or (b == 0 and width != channels[0]):
                shortcut = f"{name}_short"
                layers.append(Conv(shortcut, source, width, 1, stride, norm=True, act=False))
            layers.append(Add(f"{name}_add", f"{name}_conv2", shortcut))
            source = f"{name}_add"
    window = 32 >> (len(channels) - 1)
    layers += [AvgPool("pool", source, window, window), Linear("fc1", "pool", classes, act=False)]
    return tuple(layers)


def raw(architecture: Architecture) -> frozenset[str]:
    """Convolutions whose accumulators enter a residual sum as they are, for the sum's requantizer to scale.

    At most one of a sum: the first of its sources that is a convolution without activation, pooling and groups which
    nothing else reads. One that reads the network's input is none, because a chip keeps that for its first reads alone.
    """
    readers = Counter(source for layer in architecture for source in layer.sources)
    able = {
        n.name
        for n in architecture
        if isinstance(n, Conv) and not n.act and n.pool == n.groups == readers[n.name] == 1 and n.source != "input"
    }
    sums = [layer for layer in architecture if isinstance(layer, Add)]
    return frozenset(next((s for s in add.sources if s in able), "") for add in sums) - {""}


def shapes(architecture: Architecture, shape: Shape) -> dict[str, Shape]:
    """Shape of every edge for inputs of `shape`. Raises ConfigError, naming the layer that cannot take its input."""
    found: dict[str, Shape] = {"input": shape}
    for layer in architecture:
        found[layer.name] = layer.shape(found[layer.source])
    return found


def _image(layer: _Layer, source: Shape) -> Shape:
    """`source`, if it is an image."""
    if len(source) == 3:
        return source
    raise ConfigError(
        f"layer {layer.name}: needs images (channels, height, width), got rows of {source[0]} numbers; "
        'use model = "mlp", or data that keeps its image form'
    )


def _windowed(layer: _Layer, source: Shape, window: Window, channels: int | None = None, pool: int = 1) -> Shape:
    """Output shape of a window over an image, followed by pooling."""
    made = Window.square(pool, pool).over(window.over(_image(layer, source), channels))
    if min(made[1:]) < 1:
        raise ConfigError(
            f"layer {layer.name}: a {times(source[1:])} image is too small for its {times(window.size)} window"
            f"{f' and pooling by {pool}' if pool > 1 else ''}; use larger images or another model"
        )
    return made
