"""Verilog: where the templates are, and what a chip's build folder holds."""

from codesign.rtl.emit import emit
from codesign.rtl.plan import Plan, Port, plan

__all__ = ["Plan", "Port", "emit", "plan"]
