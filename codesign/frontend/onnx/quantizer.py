"""Quant, BipolarQuant, MultiThreshold and Sign: the few values that a tensor is rounded to, and how."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from codesign.errors import InputError
from codesign.fixed import Ints, IntType
from codesign.frontend.onnx.arithmetic import nearest, rounding
from codesign.frontend.onnx.model import Array, Node, float32, refuse


@dataclass(frozen=True, eq=False)
class Quantizer:
    """`levels` of a tensor are integers of `kind`; level q is worth `scale * (unit * q + base)`.

    Two values +-scale are the bits 0 and 1 with unit 2 and base -1. A zero point z is base -z.
    """

    node: Node
    kind: IntType
    scale: Array  # float32; () for a whole tensor
    unit: int
    base: int
    zero: Array  # float32, of the shape of scale or (): what the file adds before it rounds
    thresholds: Array | None = None  # (channels or 1, steps) of a MultiThreshold

    @classmethod
    def of(cls, node: Node, constants: list[Array | None]) -> "Quantizer":
        """The quantizer of a node whose inputs after the first are constants.

        Raises InputError for impossible constants, UnsupportedError for what no integer network has.
        """
        if node.op == "Trunc":
            raise refuse(node, "is not supported", "average through a Quant instead, which rounds as chips do")
        count = {"Quant": 3, "BipolarQuant": 1, "MultiThreshold": 1, "Sign": 0}[node.op]
        if len(constants) != count or any(c is None for c in constants):
            raise refuse(node, "has other inputs than it is defined with, or they are not constant", "export it again")
        given = [np.asarray(c) for c in constants]
        if node.op == "MultiThreshold":
            return cls._steps(node, float32(given[0]))
        if node.op == "Sign":  # -1, 0 and 1: one step at 0, one at the least number above it
            return cls._of_steps(node, np.array([[0, np.finfo(np.float32).smallest_subnormal]], np.float32), 1.0, -2)
        scale = float32(given[0])
        if not (scale > 0).all():
            raise InputError(f"{node.where}: scale must be above 0, got {scale.min():g}")
        scale = scale.reshape(()) if scale.size == 1 else scale
        if node.op == "BipolarQuant":
            return cls(node, IntType(1), scale, 2, -1, np.zeros((), np.float32))
        return cls._quant(node, scale, float32(given[1]), given[2])

    @classmethod
    def _quant(cls, node: Node, scale: Array, zero: Array, width: Array) -> "Quantizer":
        if width.size != 1 or float(width.ravel()[0]) != int(width.ravel()[0]) or not 1 <= int(width.ravel()[0]) <= 32:
            raise refuse(node, f"bit width {width.ravel()[:4].tolist()} is not one whole number 1..32", "use one")
        if len(np.unique(zero)) != 1 or float(zero.ravel()[0]) != int(zero.ravel()[0]):
            raise refuse(node, "its zero point is not one whole number", "use one zero point for the whole tensor")
        bits, signed, narrow = int(width.ravel()[0]), bool(node.get("signed", 1)), bool(node.get("narrow", 0))
        zero = zero.ravel()[0].reshape(())
        rounding(node)
        if bits == 1 and signed:  # as qonnx executes it: the two values -scale and scale
            if zero:
                raise refuse(node, "has two signed values and a zero point", "use zero point 0")
            return cls(node, IntType(1), scale, 2, -1, zero)
        least = -(1 << (bits - 1)) + narrow if signed else 0
        most = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1 - narrow
        if least == most:
            raise refuse(node, "has a single value", "use more bits, or no narrow range")
        return cls(node, IntType(bits, signed, (least, most)), scale, 1, -int(zero), zero)

    @classmethod
    def _steps(cls, node: Node, thresholds: Array) -> "Quantizer":
        steps = thresholds.reshape(len(thresholds), -1) if thresholds.ndim > 1 else thresholds.reshape(1, -1)
        scale, bias = float(node.get("out_scale", 1.0)), float(node.get("out_bias", 0.0))
        if node.get("data_layout", "NCHW") != "NCHW" or scale <= 0 or not 1 <= steps.shape[1] <= 255:
            raise refuse(node, "has a layout, scale or number of steps that is not supported", "use NCHW and 1..255")
        halves = round(2 * bias / scale)
        if np.float32(halves * (scale / 2)) != np.float32(bias):
            raise refuse(node, f"out_bias {bias:g} is no multiple of half its out_scale {scale:g}", "use such a one")
        return cls._of_steps(node, steps, scale, halves)

    @classmethod
    def _of_steps(cls, node: Node, steps: Array, scale: float, halves: int) -> "Quantizer":
        """From thresholds (channels or 1, steps); halves: what the lowest level is worth, in halves of scale."""
        count, zero = steps.shape[1], np.zeros((), np.float32)
        bits = count.bit_length()
        if halves % 2:
            return cls(node, IntType(bits, False, (0, count)), np.array(scale / 2, np.float32), 2, halves, zero, steps)
        base, half = halves // 2, 1 << bits >> 1
        if -half <= base < 0 and base + count < half:  # signed levels take no more bits, and padding keeps its 0
            kind, base = IntType(bits, True, (base, base + count)), 0
        else:
            kind = IntType(bits, False, (0, count))
        return cls(node, kind, np.array(scale, np.float32), 1, base, zero, steps)

    @property
    def bipolar(self) -> bool:
        """Whether its two values are -scale and scale."""
        return self.kind == IntType(1) and (self.unit, self.base) == (2, -1)

    def levels(self, x: Array, channel: int | None = None) -> Ints:
        """Integers of float32 values; `channel` is theirs where thresholds differ per channel."""
        if self.thresholds is not None:
            steps = self.thresholds[0 if len(self.thresholds) == 1 or channel is None else channel]
            return np.asarray(np.searchsorted(np.sort(steps), x, side="right") + self.kind.lo, np.int64)
        with np.errstate(over="ignore"):  # infinity is clipped like any large value
            y = x / self.scale + self.zero
        if self.bipolar:
            return np.asarray(y >= 0, np.int64)
        clipped = np.minimum(np.maximum(y, np.float32(self.kind.lo)), np.float32(self.kind.hi))
        return np.asarray(rounding(self.node)(clipped), np.int64)

    def risen(self, x: Array, channel: int | None = None) -> Ints:
        """`levels`, if values in the middle of two went up, as they do on the chip."""
        levels = self.levels(x, channel)
        if self.thresholds is not None or self.bipolar or not nearest(self.node):
            return levels
        with np.errstate(over="ignore", invalid="ignore"):
            y = x / self.scale + self.zero
            low = np.floor(y)
            down = (low >= self.kind.lo) & (low < self.kind.hi) & (y - low == 0.5) & (levels == low)
        return np.asarray(levels + down, np.int64)

    @property
    def uneven(self) -> bool:
        """Whether it has thresholds whose distances differ, within a channel, by more than float32 explains."""
        if self.thresholds is None or self.thresholds.shape[1] < 3:
            return False
        distances = np.diff(np.sort(self.thresholds.astype(np.float64), axis=1), axis=1)
        return bool((np.ptp(distances, axis=1) > 1e-4 * distances.max(axis=1)).any())

    def reals(self, levels: Ints) -> Any:
        """What levels are worth in the file, float32."""
        return np.asarray((self.unit * levels + self.base).astype(np.float32) * self.scale, np.float32)
