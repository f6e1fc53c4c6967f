"""Networks whose weights take several pairs of cells."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from codesign.chip.description import Chip
from codesign.ir import Network, verify
from codesign.mapping.cells import digits_of
from tests.hdl.programs import net


def sliced_net(sizes: list[int], slices: Sequence[int], chip: Chip, seed: int = 0, **options: object) -> Network:
    """Like `net`; layer k has `slices[k]` slices, and multipliers that leave room for the highest one."""
    network, rng, nodes = net(sizes, chip, seed=seed, **options), np.random.default_rng(seed), []  # type: ignore[arg-type]
    for node, count in zip(network.nodes, slices, strict=True):
        values, _ = digits_of(chip.device.weights, count, chip.device.levels)
        weight = rng.choice(values, node.weight.shape).astype(np.int32)
        down = 0 if node.requant.shift == 0 else 2 * (count - 1) * (chip.device.levels - 1).bit_length()
        mult = np.maximum(node.requant.mult >> down, 1)
        requant = replace(
            node.requant, mult=mult, bias=node.requant.bias >> down // 2, shift=node.requant.shift - down // 2
        )
        nodes.append(replace(node, weight=weight, slices=count, requant=requant))
    return verify(replace(network, nodes=tuple(nodes)))
