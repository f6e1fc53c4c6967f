"""The space of a question: its axes, its candidates, and their neighbours."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from codesign.brief import Brief
from codesign.chip.description import Chip
from codesign.errors import ConfigError
from codesign.mapping.tiles import columns_of, down
from codesign.search.axes import Asks, Axis, Choice, Layers, Value, changes, frozen, hashable, shown, thawed
from codesign.search.describe import Question, Widths

CHANNELS = "network.channels"
# Keys that change how layers are cut into tiles.
SHAPE = ("chip.arrays.", "chip.adc.lanes", "quantize.slices", "network.kernel", "network.model")
TRIES = 200  # combinations with other free keys, after which a value that a flow refuses is a mistake


@dataclass(frozen=True)
class Candidate(Brief):
    """A value for every free key, in the order of the question."""

    settings: tuple[tuple[str, Value], ...]

    def __getitem__(self, key: str) -> Value:
        return dict(self.settings)[key]

    def __hash__(self) -> int:
        return hash(tuple((k, hashable(v)) for k, v in self.settings))

    def _brief(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """For people: hidden 128-64, downsample 2."""
        return ", ".join(f"{key.rpartition('.')[2]} {shown(value)}" for key, value in self.settings)

    def plain(self) -> dict[str, Any]:
        """For JSON and TOML."""
        return {key: thawed(v) for key, v in self.settings}

    @property
    def changes(self) -> tuple[tuple[str, Value], ...]:
        """The dotted keys of a flow that it sets, with their values."""
        return tuple(change for key, value in self.settings for change in changes(key, value))


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

    def values(self, key: str) -> tuple[Value, ...]:
        """What the candidates set a dotted key of a flow to, each value once; empty if it is not free."""
        choices = [a for a in self.axes if isinstance(a, Choice)]
        found = [v for a in choices for value in a for k, v in changes(a.key, value) if k == key]
        return tuple(v for n, v in enumerate(found) if v not in found[:n])

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
        return self._made([frozen(plain[a.key]) for a in self.axes])

    def _made(self, values: Sequence[Value]) -> Candidate:
        return Candidate(tuple((a.key, v) for a, v in zip(self.axes, values, strict=True)))


def space(question: Question) -> Space:
    """The space of a question; every value is validated in a flow, alone or with values of the other free keys.

    Raises ConfigError with each value that a flow refuses whatever the others are, and where no width is left.
    """
    problems: list[str] = []
    axes: list[Axis] = []
    choices = {key: _choice(question, key, v) for key, v in question.free.items() if isinstance(v, list)}
    tilings = _tilings(question, list(choices.values()))
    for key, values in question.free.items():
        if isinstance(values, list):
            axes.append(choices[key])
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
        for value in axis.samples:
            problems += _never(question, axis.key, value, [a for a in axes if a is not axis])
    if question.uniform is not None and not problems:
        layers = [(key, list(widths)) for key, widths in question.uniform.layers.items()]
        refused = _refused(question, [*layers, *question.uniform.set.items()])
        problems += [line.replace(": ", ": uniform: ", 1) for line in refused]
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    return Space(tuple(axes))


def _choice(question: Question, key: str, values: Sequence[Any]) -> Choice:
    """The axis of a list; what sets several keys sets them in one order."""
    keys = question.keys_of(key)
    return Choice(key, tuple(frozen(v if keys == (key,) else {k: v[k] for k in keys}) for v in values))


def _never(question: Question, key: str, value: Value, others: Sequence[Axis]) -> list[str]:
    """Why no flow takes a value, alone or with values of other free keys; empty if one does."""
    own = changes(key, value)
    if not (refused := _refused(question, own)):
        return []
    one = ((changes(a.key, v)) for a in others for v in a.samples)
    several = itertools.product(*([changes(a.key, v) for v in a.samples] for a in others))
    together = itertools.chain(one, (tuple(itertools.chain(*changed)) for changed in several))
    takes = (not _refused(question, (*own, *more)) for more in itertools.islice(together, TRIES))
    return [] if any(takes) else refused


def _refused(question: Question, settings: Iterable[tuple[str, Value]]) -> list[str]:
    """What a flow says of the base with settings on top; empty if it takes them."""
    try:
        question.base([(k, thawed(v)) for k, v in settings])
    except ConfigError as e:
        return str(e).splitlines()
    return []


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


def _tilings(question: Question, choices: Sequence[Choice]) -> list[tuple[Chip, int, int]]:
    """A chip for each free size of its arrays, with each number of slices of a layer, and each area of kernels.

    "free" slices take no array. Sizes that do not go together make none.
    """
    found = []
    shape = [c for c in choices if any(k.startswith(SHAPE) for v in c for k, _ in changes(c.key, v))]
    for values in itertools.product(*shape):
        settings = [s for c, v in zip(shape, values, strict=True) for s in changes(c.key, v)]
        try:
            flow = question.base([(k, thawed(v)) for k, v in settings])
        except ConfigError:
            continue
        counts = {1 if n == "free" else n for n in flow.quantize.counts}
        counts |= {1} if isinstance(flow.quantize.slices, dict) else set()  # of layers that the table does not name
        found += [(flow.chip, n, flow.network.area) for n in sorted(counts)]
    return found
