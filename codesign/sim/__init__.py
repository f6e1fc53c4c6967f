"""Simulation: the chip's Verilog in Icarus, driven by cocotb, judged against the reference.

The names below are imported when first used, so that benches inside the simulator start fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codesign.sim.chip import simulate
    from codesign.sim.job import Pauses
    from codesign.sim.result import Mismatch, Result

_HOME = {"Mismatch": "result", "Pauses": "job", "Result": "result", "simulate": "chip"}

__all__ = ["Mismatch", "Pauses", "Result", "simulate"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
