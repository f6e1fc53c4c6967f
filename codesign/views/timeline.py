"""When each layer works on an image: the cycles of a layer one after another, beside what the converters alone need."""

from dataclasses import dataclass

from codesign.brief import Brief
from codesign.mapping import LayerCycles
from codesign.mapping.timing import Timed, bound, by_layer


@dataclass(frozen=True)
class Turn(Brief):
    """A layer's turn: it begins where the layer before ends, in cycles from the first input word on."""

    start: int
    cycles: LayerCycles

    @property
    def end(self) -> int:
        return self.start + self.cycles.takes


@dataclass(frozen=True)
class Timeline(Brief):
    """The turns of all layers on an image that meets an idle chip. bound: cycles that the converters alone need."""

    turns: tuple[Turn, ...]
    bound: int

    @property
    def end(self) -> int:
        """Cycles of the image, its input among them."""
        return self.turns[-1].end


def timeline(mapping: Timed) -> Timeline:
    """The timeline of a mapping or a plan."""
    turns, at = [], 0
    for cycles in by_layer(mapping):
        turns.append(Turn(at, cycles))
        at = turns[-1].end
    return Timeline(tuple(turns), bound(mapping))
