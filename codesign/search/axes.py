"""Axes of a space: the values of one free key, or of several that are set together."""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Value = Any  # of a flow's key; lists are tuples, tables dictionaries


def changes(key: str, value: Value) -> tuple[tuple[str, Value], ...]:
    """The dotted keys of a flow that a value of an axis sets. An axis without a dot sets several together."""
    return ((key, value),) if "." in key else tuple(value.items())


def frozen(value: Any) -> Value:
    """A value of a file, with tuples for lists."""
    if isinstance(value, dict):
        return {k: frozen(v) for k, v in value.items()}
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def thawed(value: Value) -> Any:
    """Inverse of `frozen`."""
    if isinstance(value, dict):
        return {k: thawed(v) for k, v in value.items()}
    return list(map(thawed, value)) if isinstance(value, tuple) else value


def hashable(value: Value) -> Any:
    """The same for equal values, in whatever order their keys are."""
    return frozenset((k, hashable(v)) for k, v in value.items()) if isinstance(value, dict) else value


def shown(value: Value) -> str:
    """A value as text: 300-100 for layers, fc1=2 fc2=1 for a table; of dotted keys the last part."""
    if isinstance(value, dict):
        return " ".join(f"{k.rpartition('.')[2]}={shown(v)}" for k, v in value.items())
    return ("-".join(map(str, value)) or "none") if isinstance(value, tuple | list) else str(value)


class Asks(Protocol):
    """The part of an Optuna trial that is used."""

    def suggest_int(self, name: str, low: int, high: int) -> int: ...
    def suggest_categorical(self, name: str, choices: Sequence[int]) -> Any: ...


@dataclass(frozen=True)
class Choice:
    """One key, or a name for several, with a list of values; it is ordered if they are rising numbers."""

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

    @property
    def samples(self) -> tuple[Value, ...]:
        """Values that a flow must take."""
        return self.values

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
    def samples(self) -> tuple[Value, ...]:
        """Layers of each depth, which a flow must take."""
        return tuple(self.widths[:1] * depth for depth in self.depths)

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
