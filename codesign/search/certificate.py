"""The certificate of a winner: its costs against the limits, its neighbours, and the confidence of its score."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codesign.brief import Brief
from codesign.report import Metrics
from codesign.search.cost import Cost
from codesign.search.describe import Limits
from codesign.search.run import Found, Scores
from codesign.search.space import Candidate


@dataclass(frozen=True)
class Neighbour(Brief):
    """The winner with the next value of one free key. score: percent after `epochs` epochs, if it was trained."""

    key: str
    candidate: Candidate
    larger: bool
    cost: Cost
    score: float | None
    epochs: int | None


@dataclass(frozen=True)
class Looked(Brief):
    """How much of the space was searched: numbers of candidates, and epochs of the rungs."""

    space: int
    fitting: int | None  # None: the space is too large to count
    exhaustive: bool
    asked: int
    infeasible: int
    trained: int
    in_full: int
    failed: tuple[str, ...]
    rungs: tuple[int, ...]


@dataclass(frozen=True)
class Certificate(Brief):
    """All evidence for a winner. `rendering` writes it as JSON and text."""

    question: str
    limits: Limits
    winner: Candidate
    cost: Cost
    budget: int  # arrays of the chip
    neighbours: tuple[Neighbour, ...]
    finalists: tuple[Scores, ...]  # on held-out images, the winner first
    test: Scores  # trained on all training images, evaluated on the test set
    looked: Looked
    rtl: Metrics
    rebuild: str  # the command that repeats it

    @property
    def held_out(self) -> Scores:
        """The winner's own scores on held-out images."""
        return self.finalists[0]

    @property
    def binding(self) -> tuple[str, ...]:
        """The limits that the next larger values break."""
        return tuple(sorted({m.limit for n in self.neighbours if n.larger for m in n.cost.misses}))


def certified(found: Found, test: Scores, rtl: Metrics, rebuild: str) -> Certificate:
    """The certificate of what a search found. test: on all training images, evaluated on the test set."""
    context = found.context
    return Certificate(
        context.question.name,
        context.limits,
        found.winner,
        context.pricer(found.winner),
        context.base.chip.arrays.count,
        tuple(neighbours(found)),
        found.finalists,
        test,
        looked(found),
        rtl,
        rebuild,
    )


def neighbours(found: Found) -> Iterator[Neighbour]:
    """The next values of each free key: whether larger, what they cost, and their score if trained."""
    context, winner = found.context, found.winner
    pricer = context.pricer
    own = pricer(winner)
    scores = {t.candidate: t.scores for t in found.tried}
    for key, candidate in context.space.beside(winner):
        cost = pricer(candidate)
        known = scores.get(candidate)
        larger = cost.cells > own.cells or (cost.cells == own.cells and _more(candidate[key], winner[key]))
        last = None if known is None else context.rungs[len(known) - 1]
        yield Neighbour(key, candidate, larger, cost, None if known is None else known[-1], last)


def looked(found: Found) -> Looked:
    """How much of the space was searched."""
    return Looked(
        space=found.context.space.size,
        fitting=found.fitting,
        exhaustive=found.exhaustive,
        asked=found.asked,
        infeasible=found.infeasible,
        trained=len(found.tried),
        in_full=sum(t.full for t in found.tried),
        failed=found.failed,
        rungs=found.context.rungs,
    )


def _more(value: Any, than: Any) -> bool:
    """Whether a value is the larger number, which decides between neighbours with equally many cells."""
    return isinstance(value, int | float) and isinstance(than, int | float) and value > than
