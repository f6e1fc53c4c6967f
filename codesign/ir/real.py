"""Real numbers in and out of an integer network: what its integers are worth."""

from collections.abc import Callable

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


def predict(network: Network, x: ArrayLike, run: Callable[[Ints], Ints]) -> Real:
    """Real scores (images, outputs) of real inputs, by an execution of the network on integers."""
    return to_reals(network, run(to_integers(network, x)))


def meaning(network: Network) -> tuple[str, str]:
    """What an input and an output of the network stand for, in a line each."""
    many = [
        f"each {'feature' if n == network.features else 'channel'} its own {word}"
        for word, n in (("step", len(network.scales)), ("offset", len(network.offset)))
        if n > 1
    ]
    form = times(network.shape or (network.features,))
    if many:
        worth = " and ".join(many)
    else:
        step = network.step * (network.scales or (1.0,))[0]
        offset = (network.offset or (0.0,))[0]
        worth = f"q stands for {f'{offset:.6g} + ' if offset else ''}{step:.6g} q"
    return f"{form} x {network.input}, {worth}", f"{network.outputs} x i32, q stands for {network.output_step:.6g} q"


def per_feature(network: Network, values: tuple[float, ...], absent: float) -> Real:
    """`scales` or `offset` as one number per feature, (features,)."""
    given = np.array(values or (absent,), np.float64)
    return np.repeat(given, network.features // len(given))
