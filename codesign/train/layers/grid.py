"""The weight grid of a device: every value its pairs can hold, the digits of each, and the scale that fits best."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codesign.errors import ConfigError, InputError

MAX_VALUES = 1 << 16  # of a sliced grid
EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Grid:
    """The weights that `slices` pairs of cells can hold, in conductance codes: rising, symmetric about 0, maybe uneven.

    Slice s has significance base^s; its digits are differences of two cells. Unsliced grids have the pair's values.
    """

    values: tuple[int, ...]
    pair: tuple[int, ...] = ()  # what one pair can hold; () for `values`
    slices: int = 1
    base: int = 1

    def __post_init__(self) -> None:
        v = self.values
        if len(v) < 3 or list(v) != sorted(set(v)) or list(v) != [-x for x in reversed(v)]:
            raise InputError(
                f"weight grid: must rise and mirror about 0 with at least 3 values, got {list(v)[:8]}; "
                "give chip.device.weights"
            )

    @classmethod
    def sliced(cls, pair: tuple[int, ...], slices: int, base: int) -> "Grid":
        """The grid of `slices` pairs, each holding a value of `pair`. Raises ConfigError past 65,536 combinations."""
        if slices == 1:
            return cls(pair)
        if len(pair) ** slices > MAX_VALUES:
            raise ConfigError(
                f"weight grid: {slices} slices of {len(pair)} values are {len(pair) ** slices:,} combinations, at most "
                f"{MAX_VALUES:,} are taken; use fewer slices or a device with fewer levels"
            )
        sums = {sum(d * base**s for s, d in enumerate(digits)) for digits in product(pair, repeat=slices)}
        return cls(tuple(sorted(sums)), pair, slices, base)

    @property
    def top(self) -> int:
        """Largest weight."""
        return self.values[-1]

    @cached_property
    def pitch(self) -> int:
        """Distance of neighbours where it is the same everywhere, else 0."""
        gaps = {b - a for a, b in zip(self.values, self.values[1:], strict=False)}
        return gaps.pop() if len(gaps) == 1 else 0

    @cached_property
    def _edges(self) -> Tensor:
        v = torch.tensor(self.values, dtype=torch.float64)
        return (v[1:] + v[:-1]) / 2

    @cached_property
    def _values(self) -> Tensor:
        return torch.tensor(self.values, dtype=torch.float64)

    @cached_property
    def _digits(self) -> Tensor:
        """(values, slices): the digits of each value, least cells' difference first where there is a choice."""
        best: dict[int, tuple[int, ...]] = {}
        for digits in product(self.pair, repeat=self.slices):
            value = sum(d * self.base**s for s, d in enumerate(digits))
            if value not in best or sum(map(abs, digits)) < sum(map(abs, best[value])):
                best[value] = digits
        return torch.tensor([best[v] for v in self.values], dtype=torch.float32)

    def round_(self, v: Tensor) -> Tensor:
        """The nearest grid value of each element, written over `v`; ties either way (training's fast path)."""
        if self.pitch != 1:
            return v.copy_(self.nearest(v))
        return v.round_().clamp_(-self.top, self.top)

    def nearest(self, v: Tensor) -> Tensor:
        """The nearest grid value of each element, halves up, in the dtype of `v`."""
        if self.pitch:
            ends = len(self.values) // 2
            return torch.floor(v / self.pitch + 0.5).clamp_(-ends, ends).mul_(self.pitch)
        return self.codes(v).to(v.dtype)

    def codes(self, v: Tensor) -> Tensor:
        """The nearest grid value of each element as int64, halves up, for any grid: what the chip will hold."""
        index = torch.bucketize(v.double(), self._edges.to(v.device), right=True)
        return self._values.to(v.device)[index].to(torch.int64)

    def split(self, codes: Tensor) -> list[Tensor]:
        """What each slice holds for grid values `codes`, least significant first.

        The gradient of `codes` is that of their exact sum: it goes through the least significant slice.
        """
        if self.slices == 1:
            return [codes]
        index = torch.bucketize(codes.detach().double(), self._edges.to(codes.device), right=True)
        low, *rest = self._digits.to(codes.device)[index].unbind(-1)
        return [low + (codes - codes.detach()), *rest]


def best_reach(w: Tensor, grid: Grid, candidates: int = 80) -> float:
    """The real value of the grid's largest weight that quantizes `w` with the least squared error.

    Searches `candidates` even steps up to 1.2 times the largest |w|; 1.0 for an all-zero `w`.
    """
    w = w.detach().double().flatten()
    largest = float(w.abs().max())
    if largest == 0:
        return 1.0
    scales = [1.2 * largest * k / candidates / grid.top for k in range(1, candidates + 1)]
    best, best_error = largest, float("inf")
    for scale in promising(w.cpu().numpy(), np.asarray(grid.values, np.float64), scales):
        error = float((grid.codes(w / scale) * scale - w).square().sum())
        if error < best_error:
            best, best_error = scale * grid.top, error
    return best


def promising(values: NDArray[np.float64], points: NDArray[np.float64], scales: list[float]) -> list[float]:
    """The scales at which the nearest of `points` times scale may leave the least squared error, in their order.

    Sums over the sorted values tell every error up to a rounding that is bounded here; what is beyond the least by
    more than that cannot be it. All scales, when there are too few values for this to be worth while, or one is no
    number.
    """
    n, square = len(values), float(values @ values)
    if n < 16 * len(points) or not np.isfinite(square):
        return scales
    x = np.sort(values)
    sums = np.concatenate([[0.0], np.cumsum(x)])
    magnitude = float(np.abs(values).sum())
    errors, slack = np.empty(len(scales)), np.empty(len(scales))
    for k, scale in enumerate(scales):
        v = points * scale
        cut = np.concatenate([[0], np.searchsorted(x, (points[1:] + points[:-1]) / 2 * scale), [n]])
        both, own = 2 * v @ np.diff(sums[cut]), np.square(v) @ np.diff(cut)
        errors[k] = square - both + own
        slack[k] = 4 * (n + len(points)) * EPS * (square + 2 * float(np.abs(v).max()) * magnitude + own)
    return [scales[k] for k in np.flatnonzero(errors - slack <= (errors + slack).min())]
