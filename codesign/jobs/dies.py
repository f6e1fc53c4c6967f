"""Accuracy of a trained network on imperfect dies, by its integers."""

import numpy as np
from numpy.typing import NDArray

from codesign import ir
from codesign.errors import CapacityError, UnsupportedError
from codesign.flow import Flow
from codesign.ir import Network
from codesign.ir.labels import accuracy
from codesign.jobs.job import Imperfection
from codesign.mapping import Die, Mapping, place, run
from codesign.mapping.apart import apart


def on_dies(
    network: Network, x: NDArray[np.generic], labels: NDArray[np.generic], flow: Flow, die: Imperfection, seed: int
) -> list[float]:
    """Percent of images that the network classifies correctly on each of the drawn dies; converters do not clip.

    The network lies on the flow's chip as the compiler places it, before any pass, and dies are specimens of that chip:
    equal seeds give every network the same cells, wherever its layers lie. What the compiler cannot place, such as a
    residual network or one larger than the chip, is drawn as if every tile had an array of its own, one after
    another (`mapping.apart`). Biases are ideal, even those in cells. Raises InputError when the chip's codes cannot
    represent the imperfections (see `devices.check`), its cells cannot hold the network's weights, or a measured map is
    of another chip; UnsupportedError when the network does not fit the chip of a measured map.
    """
    mapping, found = _placed(network, flow), []
    if die.cells is None:
        return [_on_map(network, mapping, x, labels, flow, die)]
    for k in range(die.draws):
        if mapping is None:
            outputs = ir.run(apart(network, flow.chip, die.cells, (seed, k)), x)
        else:
            outputs = run(mapping, x, Die.draw(mapping, die.cells, (seed, k)), adc=False)
        found.append(accuracy(outputs, labels))
    return found


def _on_map(
    network: Network,
    mapping: Mapping | None,
    x: NDArray[np.generic],
    labels: NDArray[np.generic],
    flow: Flow,
    die: Imperfection,
) -> float:
    if mapping is None:
        raise UnsupportedError(
            f"die {die.name}: network {network.name} does not fit {flow.chip.name}, whose cells were measured; "
            "use a smaller network, or cells to draw"
        )
    held = Die.load(die.map or "", flow.chip, die.g_on, die.fraction)
    return accuracy(run(mapping, x, held, adc=False), labels)


def _placed(network: Network, flow: Flow) -> Mapping | None:
    try:
        return place(network, flow.chip, objective=flow.compile.objective)
    except (CapacityError, UnsupportedError):
        return None
