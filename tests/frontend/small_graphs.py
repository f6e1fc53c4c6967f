"""Small real-valued graphs of every kind, with the inputs that they are calibrated on."""

import math
from typing import Any

import numpy as np

from codesign.chip.description import Chip
from codesign.devices import Cells
from codesign.frontend.graph import INF, Clamp, Graph, Matrix, Norm, Op, Pool, Real, Sum
from codesign.frontend.trainable import Options
from codesign.ir.geometry import Shape, Window

RELU, RELU6, HARDTANH = Clamp(), Clamp(0.0, 6.0), Clamp(-1.0, 1.0)
TWO = Chip.load("reference-128")
TINY = Chip.load("tiny")
FINE = TWO.model_copy(update={"device": TWO.device.model_copy(update={"levels": 256, "code_bits": 8})})
RNG = np.random.default_rng(7)


def options(chip: Chip = TWO, **changed: Any) -> Options:
    made = {"activation_bits": 8, "per_column": True, "converters": False, "cells": Cells(), "seed": 0}
    return Options(chip, **(made | changed))


def matrix(
    name: str, source: str, form: tuple[int, ...], act: Clamp | None = RELU, norm: bool = False, **more: Any
) -> Matrix:
    """Random weights (outputs, inputs, ...) of a size that keeps values near 1; norms have gains of both signs."""
    n = form[0]
    weight = RNG.normal(0, math.sqrt(2 / math.prod(form[1:])), form)
    made = None
    if norm:
        gain = RNG.uniform(0.5, 1.5, n) * np.where(np.arange(n) % 3 == 1, -1, 1)
        made = Norm(gain, RNG.normal(0, 0.3, n), RNG.normal(0, 0.3, n), RNG.uniform(0.5, 2, n), 1e-3)
    return Matrix(name, name, source, weight, RNG.normal(0, 0.2, n), act=act, norm=made, **more)


def pool(name: str, source: str, size: Any, largest: bool, act: Clamp | None = None) -> Pool:
    return Pool(name, name, source, Window(size, size), largest, act)


def add(name: str, source: str, other: str, n: int, act: Clamp | None = RELU) -> Sum:
    gains = RNG.uniform(0.5, 1.5, n), RNG.uniform(0.5, 1.5, n) * np.where(np.arange(n) % 2, -1, 1)
    return Sum(name, name, source, other, *gains, RNG.normal(0, 0.3, n), act)


PADDED = Window((3, 3), (1, 1), (1, 1))
GRAPHS: dict[str, tuple[Shape, tuple[Op, ...]]] = {
    "mlp": ((20,), (matrix("a", "input", (12, 20)), matrix("b", "a", (9, 12)), matrix("c", "b", (4, 9), None))),
    "one layer": ((20,), (matrix("a", "input", (5, 20), None),)),
    "norms": (
        (20,),
        (
            matrix("a", "input", (12, 20), norm=True),
            matrix("b", "a", (9, 12), RELU6, norm=True),
            matrix("c", "b", (4, 9), None, norm=True),
        ),
    ),
    "clamps": (
        (20,),
        (
            matrix("a", "input", (12, 20), HARDTANH),
            matrix("b", "a", (12, 12), Clamp(-0.3, 1.2)),
            matrix("c", "b", (12, 12), Clamp(0.1, 0.9)),
            matrix("d", "c", (12, 12), Clamp(-INF, 0.0)),
            matrix("e", "d", (12, 12), None),
            matrix("f", "e", (4, 12), None),
        ),
    ),
    "skip": (
        (16,),
        (
            matrix("a", "input", (16, 16)),
            matrix("b", "a", (16, 16), None, norm=True),
            add("sum", "b", "a", 16),
            matrix("c", "sum", (4, 16), None),
        ),
    ),
    "cnn": (
        (2, 9, 12),
        (
            matrix("a", "input", (6, 2, 3, 3), window=PADDED),
            pool("pool", "a", (3, 2), True),
            matrix("b", "pool", (8, 6, 3, 3), RELU6, norm=True, window=Window((3, 3), (1, 2))),
            pool("mean", "b", (1, 2), False),
            matrix("c", "mean", (4, 8), None),
        ),
    ),
    "depthwise": (
        (2, 8, 8),
        (
            matrix("a", "input", (8, 2, 3, 3), norm=True, window=PADDED),
            matrix("deep", "a", (8, 1, 3, 3), None, window=PADDED, groups=8),
            pool("pool", "deep", 2, True, RELU),  # the clamp moves before the pooling
            matrix("point", "pool", (6, 8, 1, 1), window=Window.square(1)),
            pool("mean", "point", 4, False),
            matrix("c", "mean", (4, 6), None),
        ),
    ),
    "residual": (
        (3, 8, 8),
        (
            matrix("a", "input", (6, 3, 3, 3), norm=True, window=PADDED),
            matrix("b", "a", (6, 6, 3, 3), None, norm=True, window=PADDED),
            add("sum", "b", "a", 6, None),
            pool("max", "sum", 2, True, Clamp(0.0, 2.0)),
            matrix("d", "max", (6, 6, 1, 1), None, window=Window.square(1)),
            pool("both", "d", 2, False, RELU),
            matrix("e", "d", (6, 6, 2, 2), window=Window((2, 2), (2, 2))),
            add("again", "both", "e", 6),
            matrix("c", "again", (4, 24), None),
        ),
    ),
    "conv1d": (
        (3, 1, 20),
        (
            matrix("a", "input", (6, 3, 1, 5), window=Window((1, 5), (1, 2), (0, 2))),
            pool("pool", "a", (1, 2), True),
            matrix("b", "pool", (6, 6, 1, 3), RELU, norm=True, window=Window((1, 3))),
            matrix("c", "b", (4, 18), None),
        ),
    ),
    "pooled input": (
        (2, 8, 8),
        (
            pool("max", "input", 2, True, Clamp(0.2, 0.8)),  # its source has no clamp to join
            matrix("a", "max", (4, 32), None),
        ),
    ),
}


def graph(name: str, **more: Any) -> Graph:
    shape, ops = GRAPHS[name]
    return Graph(ops, shape, **more)


def samples(name: str, count: int = 64, lo: float = 0.0, seed: int = 3) -> Real:
    """Inputs in lo..1, half of them at `lo`, as images of the graph's shape."""
    rng = np.random.default_rng(seed)
    shape = (count, *GRAPHS[name][0])
    return np.where(rng.random(shape) < 0.5, lo, rng.uniform(lo, 1.0, shape))
