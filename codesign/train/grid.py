"""The weight grid of a device: every difference of two cell codes, and the scale that fits it best."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from codesign.errors import InputError


@dataclass(frozen=True)
class Grid:
    """The weights one pair of cells can hold, in conductance codes: rising, symmetric about 0, maybe uneven."""

    values: tuple[int, ...]

    def __post_init__(self) -> None:
        v = self.values
        if len(v) < 3 or list(v) != sorted(set(v)) or list(v) != [-x for x in reversed(v)]:
            raise InputError(
                f"weight grid: must rise and mirror about 0 with at least 3 values, got {list(v)[:8]}; "
                "give chip.device.weights"
            )

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

    def nearest(self, v: Tensor) -> Tensor:
        """The nearest grid value of each element, halves up, in the dtype of `v` (training's fast path)."""
        if self.pitch:
            ends = len(self.values) // 2
            return torch.floor(v / self.pitch + 0.5).clamp_(-ends, ends).mul_(self.pitch)
        return self.codes(v).to(v.dtype)

    def codes(self, v: Tensor) -> Tensor:
        """The nearest grid value of each element as int64, halves up, for any grid: what the chip will hold."""
        return self._values[torch.bucketize(v.double(), self._edges, right=True)].to(torch.int64)


def best_reach(w: Tensor, grid: Grid, candidates: int = 80) -> float:
    """The real value of the grid's largest weight that quantizes `w` with the least squared error.

    Searches `candidates` even steps up to 1.2 times the largest |w|; 1.0 for an all-zero `w`.
    """
    w = w.detach().double().flatten()
    largest = float(w.abs().max())
    if largest == 0:
        return 1.0
    best, best_error = largest, float("inf")
    for k in range(1, candidates + 1):
        scale = 1.2 * largest * k / candidates / grid.top
        error = float((grid.codes(w / scale) * scale - w).square().sum())
        if error < best_error:
            best, best_error = scale * grid.top, error
    return best
