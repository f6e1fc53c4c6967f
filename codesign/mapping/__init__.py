"""From an integer network to a chip: tiles, arrays, steps, cycles, and the bit-exact reference."""

from codesign.mapping.die import Die
from codesign.mapping.graph import ArrayUse, Load, Mapping, OutputTile, Step
from codesign.mapping.place import place
from codesign.mapping.run import layers, run
from codesign.mapping.timing import Cycles, predict, stream

__all__ = [
    "ArrayUse",
    "Cycles",
    "Die",
    "Load",
    "Mapping",
    "OutputTile",
    "Step",
    "layers",
    "place",
    "predict",
    "run",
    "stream",
]
