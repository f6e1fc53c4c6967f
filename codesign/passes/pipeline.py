"""The passes, in order. Each is a file with a NAME and a function `apply`, Network -> Network, that never mutates."""

from codesign.ir import Network, verify
from codesign.passes import dead_units, small_constants

PASSES = (
    dead_units,  # first: fewer units, fewer arrays; changes biases
    small_constants,  # last: sees the final biases
)


def rewrite(network: Network) -> Network:
    """Apply every pass in order and verify the network before and after each. Outputs stay equal for every input."""
    verify(network)
    for p in PASSES:
        network = verify(p.apply(network))
    return network
