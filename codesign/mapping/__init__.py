"""From an integer network to a chip: tiles, arrays, steps, cycles, and the bit-exact reference."""

from codesign.mapping.die import Die
from codesign.mapping.loads import Load
from codesign.mapping.mapping import ArrayUse, Mapping, OutputTile, Piece, Plan, Spots, Step, StepPlan
from codesign.mapping.outline import LayerSize, Outline, outline
from codesign.mapping.place import place
from codesign.mapping.plan import plan
from codesign.mapping.run import layers, run
from codesign.mapping.timing import Cycles, lead, predict, stream
from codesign.mapping.usage import LayerUse, usage

__all__ = [
    "ArrayUse",
    "Cycles",
    "Die",
    "LayerSize",
    "LayerUse",
    "Load",
    "Mapping",
    "Outline",
    "OutputTile",
    "Piece",
    "Plan",
    "Spots",
    "Step",
    "StepPlan",
    "layers",
    "lead",
    "outline",
    "place",
    "plan",
    "predict",
    "run",
    "stream",
    "usage",
]
