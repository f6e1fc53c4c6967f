"""The integer contract: the one place that owns ranges, rounding, clamping and packing.

Training's evaluation, the Python reference, the programming image and the Verilog all follow
these rules; the Verilog modules name the function here that is their twin.
"""

from codesign.fixed.converters import MAX_FRACTION, Columns, Trim, bit_planes, convert, plane_weights, unclamped
from codesign.fixed.integers import (
    BIAS_BITS,
    INT32,
    MAX_SHIFT,
    MAX_SLICES,
    MULT_BITS,
    WEIGHT_BITS,
    Ints,
    IntType,
    clamp,
    quantize,
    shift_right,
)
from codesign.fixed.requantization import (
    raw_bias,
    requant_constants,
    requantize,
    requantize_sum,
    requantize_terms,
    trimmed,
    trimmed_sum,
)
from codesign.fixed.words import clog2, crc32, lane_values, mean, pack_fields, unpack_fields, words_of

__all__ = [
    "BIAS_BITS",
    "INT32",
    "MAX_FRACTION",
    "MAX_SHIFT",
    "MAX_SLICES",
    "MULT_BITS",
    "WEIGHT_BITS",
    "Columns",
    "IntType",
    "Ints",
    "Trim",
    "bit_planes",
    "clamp",
    "clog2",
    "convert",
    "crc32",
    "lane_values",
    "mean",
    "pack_fields",
    "plane_weights",
    "quantize",
    "raw_bias",
    "requant_constants",
    "requantize",
    "requantize_sum",
    "requantize_terms",
    "shift_right",
    "trimmed",
    "trimmed_sum",
    "unclamped",
    "unpack_fields",
    "words_of",
]
