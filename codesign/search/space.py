"""The space of a question: its axes, its candidates, and their neighbours."""

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from codesign.brief import Brief
from codesign.chip.description import Chip
from codesign.errors import ConfigError
from codesign.mapping.tiles import columns_of, down
from codesign.search.describe import Question, Widths

CHANNELS = "network.channels"
# Keys that change how layers are cut into tiles.
SHAPE = ("chip.arrays.", "chip.adc.lanes", "quantize.slices", "network.kernel", "network.model")
Value = Any  # of a flow's key; layers are tuples, tables dictionaries


@dataclass(frozen=True)
class Candidate(Brief):
    """A value for every free key, in the order of the question."""

    settings: tuple[tuple[str, Value], ...]

    def __getitem__(self, key: str) -> Value:
        return dict(self.settings)[key]

    def __hash__(self) -> int:
        return hash(tuple((k, frozenset(v.items()) if isinstance(v, dict) else v) for k, v in self.settings))

    def _brief(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """For people: hidden 128-64, downsample 2."""
        return ", ".join(f"{key.rpartition('.')[2]} {shown(value)}" for key, value in self.settings)

    def plain(self) -> dict[str, Any]:
        """For JSON and TOML."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in self.settings}


def shown(value: Value) -> str:
    """A value as text: 300-100 for layers, fc1=2 fc2=1 for a table."""
    if isinstance(value, dict):
        return " ".join(f"{k}={v}" for k, v in value.items())
    return ("-".join(map(str, value)) or "none") if isinstance(value, tuple | list) else str(value)


class Asks(Protocol):
    """The part of an Optuna trial that is used."""

    def suggest_int(self, name: str, low: int, high: int) -> int: ...
    def suggest_categorical(self, name: str, choices: Sequence[int]) -> Any: ...


@dataclass(frozen=True)
class Choice:
    """One key with a list of values; it is ordered if they are rising numbers."""

    key: str
    values: tuple[Value, ...]

    @property
    def ordered(self) -> bool:
        """Whether the values are rising numbers."""
        numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in self.values)
        return numbers and list(self.values) == sorted(self.values)

    def __iter__(self) -> Iterator[Value]:
        return iter(self.values)

    @property
    def size(self) -> int:
        return len(self.values)

    def ask(self, trial: Asks) -> Value:
        """A value that the sampler proposes."""
        if self.size == 1:
            return self.values[0]
        if self.ordered:
            return self.values[trial.suggest_int(self.key, 0, self.size - 1)]
        return self.values[trial.suggest_categorical(self.key, range(self.size))]

    def parameters(self, value: Value) -> dict[str, int]:
        """The parameters with which `ask` gives `value`."""
        return {} if self.size == 1 else {self.key: self.values.index(value)}

    def beside(self, value: Value) -> Iterator[Value]:
        """Neighbours of `value`, which need not be on this axis; for unordered axes, every other value."""
        yield from _next(self.values, value) if self.ordered else (v for v in self.values if v != value)


@dataclass(frozen=True)
class Layers:
    """Widths of layers whose number may be free, too."""

    key: str
    depths: tuple[int, ...]
    widths: tuple[int, ...]  # rising

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        for depth in self.depths:
            yield from itertools.product(self.widths, repeat=depth)

    @property
    def size(self) -> int:
        return sum(len(self.widths) ** d for d in self.depths)

    def ask(self, trial: Asks) -> tuple[int, ...]:
        """Layers that the sampler proposes."""
        depth = self.depths[0]
        if len(self.depths) > 1:
            depth = self.depths[trial.suggest_int(f"{self.key}.depth", 0, len(self.depths) - 1)]
        top = len(self.widths) - 1
        return tuple(self.widths[trial.suggest_int(f"{self.key}.{k + 1}", 0, top) if top else 0] for k in range(depth))

    def parameters(self, value: tuple[int, ...]) -> dict[str, int]:
        """The parameters with which `ask` gives `value`."""
        told = (
            {f"{self.key}.{k + 1}": self.widths.index(w) for k, w in enumerate(value)} if len(self.widths) > 1 else {}
        )
        return ({f"{self.key}.depth": self.depths.index(len(value))} if len(self.depths) > 1 else {}) | told

    def beside(self, value: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Neighbours of `value`, whose widths need not be on this axis.

        One layer is a step narrower or wider, or the last layer is removed or repeated.
        """
        for k, width in enumerate(value):
            for near in _next(self.widths, width):
                yield (*value[:k], near, *value[k + 1 :])
        if len(value) - 1 in self.depths:
            yield value[:-1]
        if len(value) + 1 in self.depths:
            yield (*value, value[-1] if value else self.widths[0])


Axis = Choice | Layers


def _next(values: Sequence[Value], value: Value) -> Sequence[Value]:
    """Of rising values, the last one below `value` and the first one above it."""
    below, above = bisect_left(values, value), bisect_right(values, value)
    return [*values[:below][-1:], *values[above:][:1]]


@dataclass(frozen=True)
class Space(Brief):
    """Every combination of the axes' values."""

    axes: tuple[Axis, ...]

    @property
    def size(self) -> int:
        """Number of candidates."""
        return math.prod(a.size for a in self.axes)

    def __iter__(self) -> Iterator[Candidate]:
        for values in itertools.product(*self.axes):
            yield self._made(values)

    def ask(self, trial: Asks) -> Candidate:
        """A candidate that the sampler proposes."""
        return self._made([axis.ask(trial) for axis in self.axes])

    def parameters(self, candidate: Candidate) -> dict[str, int]:
        """The parameters with which `ask` gives `candidate`. Raises ValueError if it lies outside the space."""
        told: dict[str, int] = {}
        for axis in self.axes:
            told |= axis.parameters(candidate[axis.key])
        return told

    def beside(self, candidate: Candidate) -> Iterator[tuple[str, Candidate]]:
        """(key that differs, candidate) of all neighbours."""
        for axis in self.axes:
            for value in axis.beside(candidate[axis.key]):
                yield axis.key, Candidate(tuple((k, value if k == axis.key else v) for k, v in candidate.settings))

    def made(self, plain: dict[str, Any]) -> Candidate:
        """Inverse of `Candidate.plain`. Raises KeyError when a key is missing."""
        return self._made([tuple(v) if isinstance(v := plain[a.key], list) else v for a in self.axes])

    def _made(self, values: Sequence[Value]) -> Candidate:
        return Candidate(tuple((a.key, v) for a, v in zip(self.axes, values, strict=True)))


def space(question: Question) -> Space:
    """The space of a question; every value is validated in a flow once.

    Raises ConfigError with each value that a flow refuses, and where no width is left.
    """
    problems: list[str] = []
    axes: list[Axis] = []
    tilings = _tilings(question, problems)
    for key, values in question.free.items():
        if isinstance(values, list):
            axes.append(Choice(key, tuple(tuple(v) if isinstance(v, list) else v for v in values)))
            continue
        tiled = [(chip, slices, area if key == CHANNELS else 1) for chip, slices, area in tilings]
        widths = edges(tiled, values) if values.widths == "edges" else tuple(sorted(set(values.widths)))
        if not widths:
            problems.append(
                f"{question.where}: free.{key}: no edge lies in {values.least}..{values.most}; "
                "widen the range, or list widths"
            )
        axes.append(Layers(key, tuple(sorted(set(values.depth))), widths))
    for axis in axes:
        for value in axis.values if isinstance(axis, Choice) else [(axis.widths[:1] * d) for d in axis.depths]:
            try:
                question.base([(axis.key, list(value) if isinstance(value, tuple) else value)])
            except ConfigError as e:
                problems += str(e).splitlines()
    if question.uniform is not None and not problems:
        try:
            layers = [(key, list(widths)) for key, widths in question.uniform.layers.items()]
            question.base([*layers, *question.uniform.set.items()])
        except ConfigError as e:
            problems += [line.replace(": ", ": uniform: ", 1) for line in str(e).splitlines()]
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    return Space(tuple(axes))


def edges(tilings: Sequence[tuple[Chip, int, int]], values: Widths) -> tuple[int, ...]:
    """Widths beyond which a layer takes another array of its own, by its own columns or by the next layer's rows.

    Follows the compiler's own tiling, for each chip, number of slices and number of rows that read each output; `most`
    is one of them, because nothing wider is allowed.
    """
    found = set()
    for chip, slices, rows in tilings:
        tiles = [(len(columns_of(w, slices, chip).groups), down(w * rows, chip)) for w in range(1, values.most + 2)]
        found |= {w for w in range(values.least, values.most) if tiles[w - 1] != tiles[w]}
    return tuple(sorted(found | {values.most})) if values.least <= values.most else ()


def _tilings(question: Question, problems: list[str]) -> list[tuple[Chip, int, int]]:
    """A chip for each free size of its arrays, with each number of slices of a layer, and each area of kernels.

    "free" slices take no array.
    """
    shape = {k: v for k, v in question.free.items() if k.startswith(SHAPE) and isinstance(v, list)}
    found = []
    for values in itertools.product(*shape.values()):
        try:
            flow = question.base(list(zip(shape, values, strict=True)))
        except ConfigError as e:
            problems += str(e).splitlines()
            continue
        counts = {1 if n == "free" else n for n in flow.quantize.counts}
        counts |= {1} if isinstance(flow.quantize.slices, dict) else set()  # of layers that the table does not name
        found += [(flow.chip, n, flow.network.area) for n in sorted(counts)]
    return found
