"""Real numbers in and out of an integer network: what its integers are worth."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.arrays import as_array
from codesign.brief import times
from codesign.errors import InputError
from codesign.fixed import Ints, quantize
from codesign.ir.graph import Network

Real = NDArray[np.float64]


def to_integers(network: Network, x: ArrayLike, what: str = "inputs") -> Ints:
    """Real inputs as the network's integers (images, features): the nearest, halves up, clamped to the input type.

    x is (images, features), or (images, ...) with as many values per image. Raises InputError for other shapes, and for
    NaN and infinity.
    """
    a = as_array(x, what)
    if a.ndim < 2 or a[0:1].size != network.features * len(a[0:1]) or a.dtype.kind not in "iufb":
        form = times(network.shape or (network.features,))
        raise InputError(
            f"{what}: must be numbers of shape (images, {network.features}), or images of {form}, "
            f"got {a.dtype} {a.shape}; bring every image to this size"
        )
    real: Real = a.reshape(len(a), network.features).astype(np.float64)
    if not np.isfinite(real).all():
        image, feature = np.argwhere(~np.isfinite(real))[0]
        raise InputError(f"{what}: image {image} value {feature} is {real[image, feature]}; remove NaN and infinity")
    steps = network.step * per_feature(network, network.scales, 1.0)
    return quantize(real, steps, network.input, per_feature(network, network.offset, 0.0))


def to_reals(network: Network, outputs: Ints) -> Real:
    """Output integers as real scores, float64."""
    return outputs.astype(np.float64) * network.output_step


def per_feature(network: Network, values: tuple[float, ...], absent: float) -> Real:
    """`scales` or `offset` as one number per feature, (features,)."""
    given = np.array(values or (absent,), np.float64)
    return np.repeat(given, network.features // len(given))
