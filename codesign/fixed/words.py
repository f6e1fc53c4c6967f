"""Integers packed into words, and what checks and counts them."""

import zlib

import numpy as np
from numpy.typing import ArrayLike

from codesign.fixed.integers import IntType


def pack_fields(values: ArrayLike, width: int) -> int:
    """One big integer whose bits [k*width +: width] are value k (two's complement if negative)."""
    mask = (1 << width) - 1
    word = 0
    for k, v in enumerate(np.asarray(values).ravel().tolist()):
        word |= (int(v) & mask) << (k * width)
    return word


def unpack_fields(word: int, width: int, count: int, signed: bool = False) -> list[int]:
    """Inverse of `pack_fields`."""
    mask, top = (1 << width) - 1, 1 << (width - 1)
    out = [(word >> (k * width)) & mask for k in range(count)]
    return [v - (v & top) * 2 if signed else v for v in out]


def lane_values(word: int, lanes: int, kind: IntType) -> list[int]:
    """A column group of activations as the chip writes it: bit b of lane l at [b*lanes + l]. Twin of `xb_requant.v`."""
    planes = unpack_fields(word, lanes, kind.bits)
    values = [sum(((p >> lane) & 1) << b for b, p in enumerate(planes)) for lane in range(lanes)]
    return [v - (1 << kind.bits) if v > kind.limits[1] else v for v in values]


def words_of(value: int, count: int) -> list[int]:
    """A big integer as `count` 32-bit words, lowest first."""
    return [(value >> (32 * k)) & 0xFFFFFFFF for k in range(count)]


def crc32(words: ArrayLike, start: int = 0) -> int:
    """CRC-32 (IEEE 802.3, as zlib) of 32-bit words taken as little-endian bytes. Twin of `xb_crc32.v`."""
    return zlib.crc32(np.asarray(words, dtype="<u4").tobytes(), start)


def clog2(value: int) -> int:
    """Verilog's $clog2: bits needed to count `value` things."""
    return (value - 1).bit_length() if value > 1 else 0


def mean(total: int, count: int) -> int | float:
    """total / count: an int where it is whole, else the nearest float.

    Below 2^32, means over at most 1,000 differ only if their floats do, so comparing the floats is exact.
    """
    return total // count if total % count == 0 else total / count
