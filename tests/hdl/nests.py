"""Loop nests for benches: their places by multiplication, their table entries by increments."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from codesign.chip.fields import WORD
from codesign.chip.layout import WALK, WALK_LEVELS
from codesign.fixed import pack_fields

Place = tuple[int, ...]
VALUES = ("row", "column", "source", "write")


@dataclass(frozen=True)
class Nest:
    """Four loops, the innermost first. strides: what a turn of each loop moves; window: loops of a pooling window."""

    counts: tuple[int, ...]
    strides: tuple[Place, ...]
    window: int = 0

    def turns(self) -> Iterator[tuple[int, ...]]:
        """The numbers of the loops' turns, place after place."""
        for turn in product(*(range(count) for count in reversed(self.counts))):
            yield turn[::-1]

    def places(self) -> list[Place]:
        """Every place, from (0, 0, ...) on."""
        return [
            tuple(sum(t * stride[v] for t, stride in zip(turn, self.strides, strict=True)) for v in range(self.values))
            for turn in self.turns()
        ]

    def windows(self) -> list[tuple[bool, bool]]:
        """Whether each place is the first and the last of its window."""
        inner = slice(self.window)
        last = tuple(count - 1 for count in self.counts)
        return [(not any(turn[inner]), turn[inner] == last[inner]) for turn in self.turns()]

    def increments(self) -> list[Place]:
        """What each loop adds when it advances: its stride, less what the loops inside it have added."""
        return [
            tuple(
                stride[v] - sum((n - 1) * s[v] for n, s in zip(self.counts[:k], self.strides[:k], strict=True))
                for v in range(self.values)
            )
            for k, stride in enumerate(self.strides)
        ]

    def entry(self) -> int:
        """The walk's table entry, for places of row, column, source and write address."""
        values = {f"count_{k}": count for k, count in enumerate(self.counts)}
        for k, increment in enumerate(self.increments()):
            values |= {f"{name}_{k}": value for name, value in zip(VALUES, increment, strict=True)}
        return pack_fields(WALK.encode(WALK.record(**values)), WORD)

    @property
    def values(self) -> int:
        return len(self.strides[0])

    @property
    def instances(self) -> int:
        """Places."""
        return len(list(self.turns()))


ONCE = Nest((1,) * WALK_LEVELS, ((0,) * len(VALUES),) * WALK_LEVELS)


def random_nest(rng: random.Random, most: int, reach: Place) -> Nest:
    """At most `most` places, strides up to `reach` in either direction; loops of one turn among the others."""
    while True:
        counts = tuple(rng.choice((1, 2, 2, 3, 4)) for _ in range(WALK_LEVELS))
        strides = tuple(tuple(rng.randint(-r, r) for r in reach) for _ in range(WALK_LEVELS))
        nest = Nest(counts, strides, rng.randrange(WALK_LEVELS))
        if 1 < nest.instances <= most:
            return nest


def nests(steps: int, most: int, reach: Place, seed: int) -> list[Nest]:
    """One for each step of a program: loops for every second one at least, and all windows."""
    rng = random.Random(seed)
    return [ONCE if k % 2 and rng.random() < 0.5 else random_nest(rng, most, reach) for k in range(steps)]
