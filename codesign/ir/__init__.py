"""The integer network: what training exports and the compiler maps."""

from codesign.ir.graph import Network
from codesign.ir.nodes import Add, AvgPool, Conv, Linear, MaxPool, Node, Requant
from codesign.ir.real import predict, to_integers, to_reals
from codesign.ir.run import edges, run
from codesign.ir.show import show
from codesign.ir.store import load, save
from codesign.ir.verify import verify

__all__ = [
    "Add",
    "AvgPool",
    "Conv",
    "Linear",
    "MaxPool",
    "Network",
    "Node",
    "Requant",
    "edges",
    "load",
    "predict",
    "run",
    "save",
    "show",
    "to_integers",
    "to_reals",
    "verify",
]
