"""What flows between operations while a graph is quantized: real values, and the integers that stand for them."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.errors import InputError
from codesign.fixed import Ints, IntType
from codesign.fixed import quantize as to_integers
from codesign.frontend.graph import Clamp, Graph, Real
from codesign.frontend.scales import LARGEST, LOWEST
from codesign.train.layers.edges import span


@dataclass(frozen=True, eq=False)
class Values:
    """An edge on the calibration inputs: `scale * q` comes close to `real`, what the model computes there."""

    real: Real  # (images, ...)
    q: Ints  # the same shape
    scale: Real  # real value of one integer, one per channel or feature
    kind: IntType

    @property
    def approximate(self) -> Real:
        """What the integers stand for."""
        return self.q * along(self.scale, self.q)

    @property
    def per_feature(self) -> Real:
        """The scale of every value of an image, in row-major order."""
        return np.repeat(self.scale, self.q[0].size // len(self.scale))


def along(constants: Real, values: NDArray[np.generic]) -> Real:
    """Constants of channels (or features), shaped to broadcast over `values` (images, channels, ...)."""
    return constants.reshape(-1, *(1,) * (values.ndim - 2))


def inputs(x: NDArray[np.generic], graph: Graph, chip: Chip, bits: int | None = None) -> Values:
    """The calibration inputs behind the graph's offset and scales. Integers without these are taken as they are.

    bits: of an input; by default those of the chip.

    Raises InputError for NaN, infinite or misshapen numbers, and for integers that the chip's inputs cannot hold.
    """
    real = checked(x, graph)
    if graph.offset:
        real = real - np.repeat(np.array(graph.offset), real[0].size // len(graph.offset))
    if graph.scales:
        real = real / np.array(graph.scales)
    real = real.reshape(len(x), *graph.shape)
    kind = IntType(bits or chip.activation.bits, signed=bool(real.min() < 0))
    channels = graph.shape[0]
    if x.dtype.kind in "iu" and not graph.offset and not graph.scales:
        if not kind.holds(real):
            raise InputError(
                f"calibration: integers must lie in {kind.lo}..{kind.hi} ({kind} of chip {chip.name}), "
                f"got {int(real.min())}..{int(real.max())}; shift them right or give floats"
            )
        return Values(real, real.astype(np.int64), np.ones(channels), kind)
    largest = float(np.abs(real).max())
    if largest == 0:
        raise InputError("calibration: every value is 0, so no input scale can be chosen; give typical images")
    if not LOWEST <= largest <= LARGEST:
        raise InputError(
            f"calibration: its largest magnitude is {largest:.3g}, modules compute in float32, which spans "
            f"{LOWEST:.3g} to {LARGEST:.3g}; rescale the inputs"
        )
    scale = largest / span(kind)
    return Values(real, to_integers(real, scale, kind), np.full(channels, scale), kind)


def type_of(act: Clamp | None, bits: int, scale: float) -> IntType:
    """The integer type behind an activation, and its range: it ends where the activation does."""
    kind = IntType(bits, signed=act is None or act.lo < 0)
    if act is None:
        return kind
    lo, hi = (int(np.clip(np.floor(end / scale + 0.5), kind.lo, kind.hi)) for end in (act.lo, act.hi))
    return IntType(bits, kind.signed, (lo, hi))


def checked(x: NDArray[np.generic], graph: Graph) -> Real:
    """The calibration inputs as reals (images, features). Raises InputError as `inputs` does."""
    if x.ndim < 2 or x.size == 0 or x.dtype.kind not in "iuf":
        raise InputError(
            f"calibration: must be numbers of shape (images, ...), got {x.dtype} {x.shape}; give a few hundred images"
        )
    with np.errstate(over="ignore"):  # of a longdouble
        real: Real = x.reshape(len(x), -1).astype(np.float64)
    if not np.isfinite(real).all():
        image, feature = np.argwhere(~np.isfinite(real))[0]
        raise InputError(
            f"calibration: image {image} value {feature} is {real[image, feature]}; remove NaN and infinity"
        )
    if real[0].size != math.prod(graph.shape):
        raise InputError(
            f"calibration: has {real[0].size} values per image, layer {graph.ops[0].name} takes "
            f"{math.prod(graph.shape)}"
        )
    return real
