"""What quantization costs: the integer network beside the real-valued graph, on the calibration inputs."""

import math

import numpy as np
from numpy.typing import NDArray

from codesign.account import LayerQuality, Quality
from codesign.arrays import evenly
from codesign.fixed import Ints, IntType
from codesign.frontend.edges import along
from codesign.frontend.graph import Real
from codesign.frontend.quantize import Quantized
from codesign.frontend.run import values
from codesign.ir.labels import Judge
from codesign.ir.real import to_integers
from codesign.ir.run import edges

IMAGES = 512  # looked at
VALUES = 1 << 25  # of all their edges together


def judged(made: Quantized, x: NDArray[np.generic], labels: Ints | None) -> tuple[Quality, Judge]:
    """Agreement, accuracy, and the error of every layer; and the inputs, to judge a chip by.

    Takes at most `IMAGES` of x, evenly many.
    """
    network = made.network
    count = sum(math.prod(network.shape_of(n)) for n in ("input", *(node.name for node in network.nodes)))
    chosen = evenly(len(x), max(16, min(IMAGES, VALUES // count)))
    integers = to_integers(network, x[chosen], "calibration")
    real, q = values(made.graph, x[chosen].astype(np.float64)), edges(network, integers)
    last = network.nodes[-1].name
    judge = Judge(integers, real[last].argmax(axis=1), None if labels is None else labels[chosen])
    layers = tuple(_layer(n.name, real[n.name], q[n.name], made, network.type_of(n.name)) for n in network.nodes)
    quality = Quality(
        images=len(chosen),
        agreement_network=judge.agreement(q[last]),
        accuracy_float=judge.own_accuracy,
        accuracy_network=judge.accuracy(q[last]),
        layers=layers,
    )
    return quality, judge


def _layer(name: str, real: Real, q: Ints, made: Quantized, kind: IntType) -> LayerQuality:
    scale = along(made.scales[name], q)
    error, power = float(np.square(q * scale - real).mean()), float(np.square(real).mean())
    snr = math.inf if error == 0 else 10 * math.log10(power / error) if power > 0 else -math.inf
    beyond = (real > (kind.hi + 0.5) * scale) | (real < (kind.lo - 0.5) * scale)
    return LayerQuality(name, snr, float(beyond.mean()))
