"""How real cells differ from their levels: drawn (variation, stuck cells, wires, read noise), or as measured."""

from codesign.devices.cells import DRAWS, Cells, check, draw

__all__ = ["DRAWS", "Cells", "check", "draw"]
