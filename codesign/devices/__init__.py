"""How real cells differ from their levels: variation, stuck cells, wire resistance, read noise."""

from codesign.devices.cells import DRAWS, Cells, check, draw

__all__ = ["DRAWS", "Cells", "check", "draw"]
