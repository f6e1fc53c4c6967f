"""The integer network: what training exports and the compiler maps."""

from codesign.ir.graph import Linear, Network, Requant
from codesign.ir.run import run
from codesign.ir.show import show
from codesign.ir.store import load, save
from codesign.ir.verify import verify

__all__ = ["Linear", "Network", "Requant", "load", "run", "save", "show", "verify"]
