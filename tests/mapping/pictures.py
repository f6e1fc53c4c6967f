"""Convolutions over pictures: random ones, and LeNet's sizes."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from codesign.chip.description import Chip
from codesign.fixed import INT32, Ints, IntType
from codesign.ir import Conv, Linear, MaxPool, Network, Requant, verify
from codesign.ir.geometry import Window
from codesign.mapping import LayerSize, Outline
from codesign.mapping.outline import Places
from codesign.mapping.walk import Walk

Place = tuple[int, int, int, int]  # row, column, source, write
U8 = IntType(8)


def visited(walk: Walk) -> Iterator[tuple[Place, bool]]:
    """Every place as the chip gets there: by adding the increments of the loop that advances; writes count from 0.

    With it, whether it is the last one of its pooling window.
    """
    place, turns = (walk.row, walk.column, walk.source, 0), [0] * len(walk.levels)
    for left in range(walk.instances, 0, -1):
        ends = [turn == level.count - 1 for turn, level in zip(turns, walk.levels, strict=True)]
        yield place, all(ends[: walk.window])
        if left == 1:
            return
        moves = ends.index(False)
        turns = [0] * moves + [turns[moves] + 1] + turns[moves + 1 :]
        level = walk.levels[moves]
        added = level.row, level.column, level.source, level.write
        place = place[0] + added[0], place[1] + added[1], place[2] + added[2], place[3] + added[3]


def random_places(rng: np.random.Generator) -> Places:
    """A window over a picture that it covers once at least, with pooling of what comes out."""
    picture = int(rng.integers(1, 5)), int(rng.integers(1, 10)), int(rng.integers(1, 10))
    while True:
        size, stride = (
            (int(rng.integers(1, 5)), int(rng.integers(1, 5))),
            (int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        )
        padding = (int(rng.integers(0, size[0])), int(rng.integers(0, size[1]))) if rng.integers(2) else (0, 0)
        pool = (int(rng.integers(1, 4)), int(rng.integers(1, 4))) if rng.integers(2) else (1, 1)
        window = Window(size, stride, padding)
        if window.fits(picture) and Window(pool, pool).fits(window.over(picture)):
            return Places(picture, window, pool)


def pixel_by_pixel(edge: Ints) -> Ints:
    """A picture (channels, height, width) as it lies in the activation memory."""
    return edge.transpose(1, 2, 0).ravel()


def lenet() -> Outline:
    """The paper's sizes on 28 x 28: 20 and 50 kernels of 5 x 5, each pooled by two, then 128 and 10."""
    window = Window.square(5)
    return Outline(
        "lenet",
        784,
        U8,
        (
            LayerSize("conv1", "input", 25, 20, U8, places=Places((1, 28, 28), window, (2, 2)), gives="pool1"),
            LayerSize("conv2", "pool1", 500, 50, U8, places=Places((20, 12, 12), window, (2, 2)), gives="pool2"),
            LayerSize("fc1", "pool2", 800, 128, U8),
            LayerSize("fc2", "fc1", 128, 10, INT32),
        ),
    )


def resnet20() -> Outline:
    """The paper's sizes on 3 x 32 x 32: three stages of three blocks, 1 x 1 convolutions where stages meet.

    The second convolution of a block enters its sum as accumulators.
    """
    layers, edge, channels, size = list[LayerSize](), "input", 3, 32

    def put(name: str, source: str, outputs: int, kernel: int, stride: int = 1, **options: Any) -> str:
        """A convolution over the edge `source`, of as many channels and pixels as that has now."""
        places = Places((channels, size, size), Window.square(kernel, stride, kernel // 2))
        sizes = LayerSize(name, source, channels * kernel**2, outputs, options.pop("out", U8), places=places, **options)
        layers.append(sizes)
        return sizes.gives

    edge, channels = put("conv", edge, 16, 3), 16
    for stage, wide in enumerate((16, 32, 64)):
        for block in range(3):
            name, stride = f"s{stage}b{block}", 1 + (wide > channels)
            first = put(f"{name}_conv1", edge, wide, 3, stride)
            if stride == 2:
                edge = put(f"{name}_short", edge, wide, 1, stride, out=IntType(8, signed=True))
            channels, size = wide, size // stride
            edge = put(f"{name}_conv2", first, wide, 3, gives=f"{name}_add", other=edge)
    pool = LayerSize("pool", edge, 0, 64, U8, places=Places((64, 8, 8), Window.square(8)))
    return Outline("resnet20", 3072, U8, (*layers, pool, LayerSize("fc", "pool", 64, 10, INT32)))


def mobilenet_v2() -> Outline:
    """The paper's sizes on 3 x 224 x 224: blocks that expand, convolve channel by channel, and project.

    Projections enter the sums of their blocks as accumulators.
    """
    layers, edge, channels, size = list[LayerSize](), "input", 3, 224

    def put(name: str, outputs: int, kernel: int, stride: int = 1, groups: int = 1, **options: Any) -> str:
        places = Places((channels, size, size), Window.square(kernel, stride, kernel // 2))
        out = options.pop("out", U8)
        sizes = LayerSize(name, edge, channels * kernel**2, outputs, out, places=places, groups=groups, **options)
        layers.append(sizes)
        return sizes.gives

    edge, channels, size, block = put("conv", 32, 3, 2), 32, 112, 0
    stages = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for expand, outputs, repeats, first in stages:
        for k in range(repeats):
            stride, before, name, block = 1 if k else first, edge, f"b{block}", block + 1
            added = {"gives": f"{name}_add", "other": before} if k else {}
            if expand > 1:
                edge, channels = put(f"{name}_expand", expand * channels, 1), expand * channels
            edge, size = put(f"{name}_deep", channels, 3, stride, groups=channels), size // stride
            edge, channels = put(f"{name}_project", outputs, 1, out=IntType(8, signed=True), **added), outputs
    edge, channels = put("last", 1280, 1), 1280
    pool = LayerSize("pool", edge, 0, 1280, U8, places=Places((1280, 7, 7), Window.square(7)))
    return Outline("mobilenet_v2", 3 * 224**2, U8, (*layers, pool, LayerSize("fc", "pool", 1280, 1000, INT32)))


def reference(arrays: int, **memory: int) -> Chip:
    """reference-128 with so many arrays, and memory for the pictures of LeNet, or as it is given."""
    chip = Chip.load("reference-128")
    memories = chip.memory.model_copy(update={"activation_words": 32} | memory)
    return chip.model_copy(update={"arrays": chip.arrays.model_copy(update={"count": arrays}), "memory": memories})


def conv(name: str, source: str, shape: tuple[int, ...], requant: Requant, seed: int = 0, **options: Any) -> Conv:
    """A convolution of weights -3..3, (outputs, channels, height, width)."""
    weight = np.random.default_rng(seed).integers(-3, 4, shape).astype(np.int32)
    return Conv(name, source, weight, requant, **options)


def small_nodes() -> tuple[Conv, MaxPool, Conv, Linear]:
    """The nodes of `small`."""
    raw = Requant(np.ones(3, np.int64), np.array([5, 0, -5]), 0, INT32)
    return (
        conv("conv1", "input", (5, 2, 3, 3), _hidden(5, IntType(4), 4), padding=1),
        MaxPool("pool1", "conv1", 2, 2),
        conv("conv2", "pool1", (6, 5, 2, 1), _hidden(6, IntType(5, True), 5), seed=1),
        Linear("fc", "conv2", np.random.default_rng(2).integers(-3, 4, (36, 3)).astype(np.int32), raw),
    )


def small(**changes: Any) -> Network:
    """2x6x7 of u4: a padded convolution pooled by two, another one, and a linear layer of three."""
    content = {"name": "small", "features": 84, "input": IntType(4), "nodes": small_nodes(), "shape": (2, 6, 7)}
    return verify(Network(**(content | changes)))


def pooled(rng: np.random.Generator) -> Network:
    """A convolution of up to three kernels, pooled along both axes over a picture, and a linear layer."""
    while True:
        places = random_places(rng)
        if min(places.pool) > 1 and min(places.pixels) > 1:
            break
    (channels, *_), window, outputs = places.picture, places.window, int(rng.integers(1, 4))
    seed, values = int(rng.integers(100)), outputs * places.pixels[0] * places.pixels[1]
    first = conv(
        "conv1",
        "input",
        (outputs, channels, *window.size),
        _hidden(outputs, IntType(5, True), 4),
        seed,
        stride=window.stride,
        padding=window.padding,
    )
    weight = np.random.default_rng(seed).integers(-3, 4, (values, 2)).astype(np.int32)
    last = Linear("fc", "pool1", weight, Requant(np.ones(2, np.int64), np.zeros(2, np.int64), 0, INT32))
    features = int(np.prod(places.picture))
    pool = MaxPool("pool1", "conv1", places.pool, places.pool)
    return verify(Network("pooled", features, IntType(4), (first, pool, last), shape=places.picture))


def _hidden(outputs: int, out: IntType, shift: int) -> Requant:
    return Requant(np.arange(1, outputs + 1, dtype=np.int64), np.full(outputs, 3, np.int64), shift, out)
