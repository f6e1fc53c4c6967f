"""The weight grid of a device: every value that its pairs of cells can hold, and the digits of each."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from codesign.errors import ConfigError, InputError
from codesign.mapping.cells import digits_of, too_many


@dataclass(frozen=True)
class Grid:
    """The weights that `slices` pairs of cells can hold, in conductance codes: rising, symmetric, not always even.

    Slice s has significance base^s; its digits are differences of two cells. A grid of one slice has the pair's values.
    """

    values: tuple[int, ...]
    pair: tuple[int, ...] = ()  # what one pair can hold; () for `values`
    slices: int = 1
    base: int = 1

    def __post_init__(self) -> None:
        v = self.values
        if len(v) < 3 or list(v) != sorted(set(v)) or list(v) != [-x for x in reversed(v)]:
            raise InputError(
                f"weight grid: must rise and be symmetric about 0 with at least 3 values, got {list(v)[:8]}; "
                "give chip.device.weights"
            )

    @classmethod
    def sliced(cls, pair: tuple[int, ...], slices: int, base: int) -> "Grid":
        """The grid of `slices` pairs, each holding a value of `pair`. Raises ConfigError where they are too many."""
        if slices == 1:
            return cls(pair)
        if problem := too_many(pair, slices, base):
            raise ConfigError(f"weight grid: {problem}")
        return cls(tuple(digits_of(pair, slices, base)[0].tolist()), pair, slices, base)

    @property
    def top(self) -> int:
        """Largest weight."""
        return self.values[-1]

    @property
    def reserve(self) -> int:
        """Significance of the highest slice: what a requantizer's multipliers must leave room for."""
        return int(self.base ** (self.slices - 1))

    @cached_property
    def pitch(self) -> int:
        """Distance between neighbouring values if it is constant, else 0."""
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
        """(values, slices): the digits of each value, by the compiler's own rule."""
        return torch.tensor(digits_of(self.pair, self.slices, self.base)[1], dtype=torch.float32)

    def round_(self, v: Tensor) -> Tensor:
        """The nearest grid value of each element, in place; ties may go either way (the fast path of training)."""
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
        """The nearest grid value of each element as int64, halves up, for any grid: what the chip holds."""
        index = torch.bucketize(v.double(), self._edges.to(v.device), right=True)
        return self._values.to(v.device)[index].to(torch.int64)

    def split(self, codes: Tensor) -> list[Tensor]:
        """The digits that each slice holds for grid values `codes`, least significant first.

        The gradient flows to `codes` through the least significant slice, as through the exact sum.
        """
        if self.slices == 1:
            return [codes]
        index = torch.bucketize(codes.detach().double(), self._edges.to(codes.device), right=True)
        low, *rest = self._digits.to(codes.device)[index].unbind(-1)
        return [low + (codes - codes.detach()), *rest]
