"""How real cells differ from their levels: variation, stuck cells, wire resistance, read noise."""

from codesign.devices.cells import Cells, check, draw

__all__ = ["Cells", "check", "draw"]
