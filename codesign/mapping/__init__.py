"""From an integer network to a chip: tiles, arrays, steps, cycles, and the bit-exact reference."""

from codesign.mapping.die import Die
from codesign.mapping.harm import Harm, deviating, harm
from codesign.mapping.kept import Kept, in_memory, kept
from codesign.mapping.loads import Load
from codesign.mapping.lower import outline
from codesign.mapping.mapping import ArrayUse, Mapping, OutputTile, Piece, Plan, Spots, Step, StepPlan
from codesign.mapping.outline import LayerSize, Outline, Places
from codesign.mapping.place import place
from codesign.mapping.plan import plan
from codesign.mapping.run import layers, run
from codesign.mapping.timing import Cycles, LayerCycles, by_layer, lead, predict, stream
from codesign.mapping.until import ends, until
from codesign.mapping.usage import LayerUse, usage

__all__ = [
    "ArrayUse",
    "Cycles",
    "Die",
    "Harm",
    "Kept",
    "LayerCycles",
    "LayerSize",
    "LayerUse",
    "Load",
    "Mapping",
    "Outline",
    "OutputTile",
    "Piece",
    "Places",
    "Plan",
    "Spots",
    "Step",
    "StepPlan",
    "by_layer",
    "deviating",
    "ends",
    "harm",
    "in_memory",
    "kept",
    "layers",
    "lead",
    "outline",
    "place",
    "plan",
    "predict",
    "run",
    "stream",
    "until",
    "usage",
]
