"""Simulation: the chip's Verilog in Icarus, driven by cocotb, judged against the reference.

The names below are imported when first used, so that benches inside the simulator start fast.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codesign.sim.chip import simulate
    from codesign.sim.result import Mismatch, Result

__all__ = ["Mismatch", "Result", "simulate"]


def __getattr__(name: str) -> Any:
    if name in ("Mismatch", "Result"):
        from codesign.sim import result

        return getattr(result, name)
    if name == "simulate":
        from importlib import import_module

        return import_module("codesign.sim.chip").simulate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
