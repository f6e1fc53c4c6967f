"""Several limits in turn: the curve of accuracy against a budget, and the smallest budget for a target accuracy."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from codesign.errors import CapacityError, ConfigError
from codesign.folders import claimed
from codesign.search.answer import Point, Reached, answer
from codesign.search.context import Context
from codesign.search.describe import Limits, Question
from codesign.search.reached import write_reached
from codesign.search.run import Found, Progress, search
from codesign.search.site import Site, opened
from codesign.search.space import Candidate
from codesign.search.trial import ENUMERATE
from codesign.search.write import write
from codesign.workers import Workers


def optimize(
    question: Question | str | Path,
    out: str | Path,
    data: str | Path | None = None,
    workers: Workers | None = None,
    budgets: Sequence[int] = (),
    progress: Progress | None = None,
) -> list[Point]:
    """The best network for each number of arrays, or under the question's own limits.

    question: a question, its file, or a preset's name.
    `out` keeps every training and the search itself: the same command resumes after a kill, and a later one with
    more budgets or trials trains only what is new. Raises ConfigError on an impossible question or another
    question's folder, CapacityError when nothing fits any budget, and what training and simulation raise.

    Usage:

    >>> import codesign
    >>> small = ["free.network.hidden=[[8], [12]]", "search.trials=2", "search.seeds=[1]", "simulate.images=2"]
    >>> question = codesign.Question.load("digits", small, quick=True)
    >>> points = codesign.optimize(question, "build/digits", budgets=[6])
    >>> points[0].arrays, points[0].answer.certificate.rtl.mismatches
    (6, 0)
    """
    if not isinstance(question, Question):
        question = Question.load(question)
    show = progress or (lambda what, done, of, note: None)
    with start(question, out, data) as (first, site):
        points, winners = [], list[Candidate]()
        for limits in limits_of(question, budgets):
            here = first.under(limits)
            count = here.base.chip.arrays.count
            try:
                found = answer(here, site, workers or Workers(), _openings(here, winners), show)
            except CapacityError as e:
                points.append(Point(count, None, str(e)))
                continue
            winners.append(found.found.winner)
            points.append(Point(count, found))
        if not winners:
            raise CapacityError("\n".join(p.why for p in points))
        write(question, points, site.out)
    return points


def reach(
    question: Question,
    out: str | Path,
    target: float,
    quantity: str = "arrays",
    data: str | Path | None = None,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> Reached:
    """The smallest `quantity` (a name of `Limits`) with which a finalist's mean held-out accuracy reaches `target`.

    Bisects the values that candidates really have, on the assumption that a looser limit gives no worse accuracy.
    Where even the largest value does not reach the target, there is no answer, but what comes nearest. Writes
    NAME-reach.json in either case. Raises ConfigError on an unknown quantity or a space too large to list.
    """
    if quantity not in Limits.model_fields:
        raise ConfigError(f"--minimize {quantity}: no such quantity; use one of {', '.join(Limits.model_fields)}")
    show = progress or (lambda what, done, of, note: None)
    with start(question, out, data) as (first, site):
        values = _values(first, quantity)
        probed: dict[float, Found] = {}

        def probe(limit: float) -> bool:
            limits = question.limits.model_copy(update={quantity: limit})
            here = first.under(limits)
            winners = [f.winner for f in probed.values()]
            try:
                probed[limit] = search(here, site, workers or Workers(), _openings(here, winners), (), show)
            except CapacityError:  # on so few arrays all take too many cycles, say
                if not probed:
                    raise
                return False
            return probed[limit].finalists[0].mean >= target

        low, high = 0, len(values) - 1
        if not probe(values[high]):
            loosest = probed[values[high]]
            probe_of = (values[high], loosest.finalists[0].mean)
            missed = Reached(target, quantity, None, (probe_of,), loosest, None)
            write_reached(question, missed, site.out)
            return missed
        while low < high:
            middle = (low + high) // 2
            if probe(values[middle]):
                high = middle
            else:
                low = middle + 1
        here = probed[values[high]].context
        steps = tuple((limit, f.finalists[0].mean) for limit, f in sorted(probed.items(), key=lambda pair: pair[0]))
        best_of = answer(here, site, workers or Workers(), [], show)
        found = Reached(target, quantity, values[high], steps, best_of.found, best_of)
        write_reached(question, found, site.out)
        return found


@contextmanager
def start(question: Question, out: str | Path, data: str | Path | None) -> Iterator[tuple[Context, Site]]:
    """Claim the folder for this command alone, and read the data. Raises OutputError when the folder is taken."""
    with claimed(out, "search"):
        yield opened(question, Path(out).resolve(), None if data is None else Path(data).resolve())


def limits_of(question: Question, budgets: Sequence[int]) -> list[Limits]:
    """The question's limits, once for each budget of arrays; without budgets, the arrays that it or its chip has."""
    if budgets:
        return [question.limits.model_copy(update={"arrays": b}) for b in sorted(set(budgets))]
    if question.frees("chip.arrays.count"):
        return [question.limits]
    count = question.limits.arrays or question.base().chip.arrays.count
    return [question.limits.model_copy(update={"arrays": count})]


def _openings(here: Context, winners: Sequence[Candidate]) -> list[Candidate]:
    """Candidates to try first: winners under other limits that fit here, and the largest neighbours of the last one."""
    pricer = here.pricer
    near = [c for w in winners[-1:] for _, c in here.space.beside(w) if pricer(c).fits]
    largest = sorted(near, key=lambda c: -pricer(c).cells)[:3]
    return [c for c in dict.fromkeys([*reversed(winners), *largest]) if pricer(c).fits]


def _values(first: Context, quantity: str) -> list[float]:
    """Every value of a quantity among the candidates, rising."""
    if first.space.size > ENUMERATE:
        raise ConfigError(
            f"{first.question.where}: --reach lists every candidate, and {first.space.size:,} are too many "
            f"(at most {ENUMERATE:,}); free fewer values"
        )
    free = first.under(first.question.limits.model_copy(update={quantity: 1024 if quantity == "arrays" else None}))
    costs = [free.pricer(c) for c in free.space]
    if quantity == "arrays":  # the compiler packs layers where arrays are too few for their own tiles
        costs += [free.pricer(Candidate((*c.settings, ("compile.objective", "arrays")))) for c in free.space]
    values = {v for cost in costs if cost.fits and (v := cost.quantities()[quantity]) is not None}
    if not values:
        raise CapacityError(f"{first.question.where}: no candidate meets the other limits; raise them")
    return sorted(values)
