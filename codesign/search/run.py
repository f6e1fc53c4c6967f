"""Search under one set of limits: open the shared study, keep workers busy, choose among the finalists."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import TrialState

from codesign.brief import Brief
from codesign.errors import CapacityError, InputError
from codesign.folders import writing
from codesign.jobs.training import Task
from codesign.search.context import Context
from codesign.search.cost import Cost
from codesign.search.measure import measured
from codesign.search.shared import enqueue, joined, quiet
from codesign.search.site import Site
from codesign.search.space import Candidate
from codesign.search.trial import ENUMERATE, Tried, tried, try_one
from codesign.workers import Workers, spread

Progress = Callable[[str, float, int, str], None]  # task, done, of, note


@dataclass(frozen=True)
class Scores(Brief):
    """A candidate's scores in percent, by seed."""

    candidate: Candidate
    seeds: tuple[int, ...]
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)


@dataclass(frozen=True)
class Found(Brief):
    """What a search under one set of limits found. `finalists` are held-out scores, the winner first."""

    context: Context
    tried: tuple[Tried, ...]
    finalists: tuple[Scores, ...]
    fitting: int | None  # candidates that meet the limits; None: the space is too large to count
    asked: int
    infeasible: int
    failed: tuple[str, ...]

    @property
    def winner(self) -> Candidate:
        return self.finalists[0].candidate

    @property
    def exhaustive(self) -> bool:
        """Whether every candidate that meets the limits was trained, at least on the first rung."""
        return self.fitting is not None and len({t.candidate for t in self.tried}) >= self.fitting


def search(
    context: Context,
    site: Site,
    workers: Workers,
    openings: Sequence[Candidate] = (),
    always: Sequence[Candidate] = (),
    progress: Progress | None = None,
) -> Found:
    """Find the best candidate under the context's limits; resumes an earlier search in the folder.

    openings are tried first, if they fit; candidates in `always` are finalists in addition to the best. Raises
    CapacityError, with the closest candidate, when nothing fits; ConfigError when the folder holds the search of
    another question.
    """
    show = progress or (lambda what, done, of, note: None)
    known, study, count = explore(context, site, workers, openings, show)
    finalists = _finals(context, site, known, always, workers, show)
    trials = study.get_trials(deepcopy=False)
    return Found(
        context,
        tuple(known),
        tuple(finalists),
        count,
        sum(1 for t in trials if t.state not in (TrialState.WAITING, TrialState.FAIL)),
        sum(1 for t in trials if "misses" in t.user_attrs),
        tuple(t.user_attrs["problem"] for t in trials if "problem" in t.user_attrs),
    )


def explore(
    context: Context, site: Site, workers: Workers, openings: Sequence[Candidate], show: Progress
) -> tuple[list[Tried], optuna.Study, int | None]:
    """Train candidates until enough, or all that fit, are tried: they, their study, and how many fit if counted."""
    fits = fitting(context)
    with quiet(), writing(site.out):
        study = joined(context, site, [c for c in openings if context.pricer(c).fits])
        wanted = context.question.search.trials
        if fits is not None and len(fits) <= wanted:
            wanted = len(fits)
            enqueue(context.space, study, fits)
        known = _more(context, site, study, wanted, workers, show)
        while context.front is None and (
            larger := _larger(context, study, known)
        ):  # until none is left, so that a rerun adds none
            enqueue(context.space, study, larger)
            known = _more(context, site, study, len(known) + len(larger), workers, show)
    if not known:
        trials = study.get_trials(deepcopy=False)
        failed = [t.user_attrs["problem"] for t in trials if "problem" in t.user_attrs]
        if failed:
            raise InputError(f"{context.question.where}: every training failed; the first: {failed[0]}")
        asked = [t.user_attrs.get("candidate") for t in trials]
        raise nothing(context, [context.space.made(json.loads(c)) for c in asked if c])
    return known, study, None if fits is None else len(fits)


def _more(
    context: Context, site: Site, study: optuna.Study, wanted: int, workers: Workers, show: Progress
) -> list[Tried]:
    """Try candidates until `wanted` are tried, or none is left. Returns all that were tried."""
    known = tried(context, study)
    show(context.name, len(known), wanted, _note(known))
    for one in spread([(try_one, (context, site))] * max(0, wanted - len(known)), workers):
        known += [one] if one is not None else []
        show(context.name, len(known), wanted, _note(known))
    return tried(context, study)


def _larger(context: Context, study: optuna.Study, known: Sequence[Tried]) -> list[Candidate]:
    """Untried neighbours of the best that have more weights and fit: a winner must have been compared with them."""
    best = max(known, key=lambda t: t.rank, default=None)
    if best is None:
        return []
    trials = [t for t in study.get_trials(deepcopy=False) if t.state != TrialState.WAITING]  # requeued ones are untried
    pricer, seen = context.pricer, {t.user_attrs.get("candidate") for t in trials}
    near = [c for _, c in context.space.beside(best.candidate) if json.dumps(c.plain()) not in seen]
    return [c for c in near if (cost := pricer(c)).fits and cost.cells > best.cost.cells]


def fitting(context: Context) -> list[Candidate] | None:
    """Every candidate that meets the limits; None if the space is too large to go through.

    Raises CapacityError with the closest candidate when there is none.
    """
    if context.space.size > ENUMERATE:
        return None
    pricer = context.pricer
    found = [c for c in context.space if pricer(c).fits]
    if not found:
        raise nothing(context, context.space)
    return found


def scored(tasks: Sequence[tuple[Candidate, Task]], workers: Workers, what: str, show: Progress) -> list[Scores]:
    """The scores of trainings, by candidate, in the order of `tasks`; each training runs once."""
    values: dict[int, float] = {}
    show(what, 0, len(tasks), "")
    for k, value in spread([(_numbered, (k, task)) for k, (_, task) in enumerate(tasks)], workers):
        values[k] = value
        show(what, len(values), len(tasks), f"{value:.2f} %, {tasks[k][0].label}")
    groups: dict[Candidate, list[int]] = {}
    for k, (candidate, _) in enumerate(tasks):
        groups.setdefault(candidate, []).append(k)
    return [
        Scores(candidate, tuple(tasks[k][1].job.seed for k in at), tuple(values[k] for k in at))
        for candidate, at in groups.items()
    ]


def _numbered(k: int, task: Task) -> tuple[int, float]:
    return k, measured(task)


def _finals(
    context: Context, site: Site, known: Sequence[Tried], always: Sequence[Candidate], workers: Workers, show: Progress
) -> list[Scores]:
    """The best candidates and those always wanted, trained in full on every seed; the best mean first."""
    search, epochs = context.question.search, context.rungs[-1]
    cheap = sorted(known, key=lambda t: (t.cost.arrays, t.cost.interval or 0, t.cost.energy_nj or 0))
    best = sorted(cheap, key=lambda t: t.rank, reverse=True)  # of equal ones the cheapest
    chosen = list(dict.fromkeys(t.candidate for t in best))[: search.finalists]
    chosen += [c for c in always if c not in chosen and context.pricer(c).fits]
    tasks = [(c, site.task(context, c, epochs, seed, held_out=True)) for c in chosen for seed in search.seeds]
    found = scored(tasks, workers, f"{context.name}, finalists", show)
    pricer = context.pricer
    costs = {s.candidate: pricer(s.candidate) for s in found}
    return sorted(
        found,
        key=lambda s: (-s.mean, (c := costs[s.candidate]).arrays, c.interval or 0, c.energy_nj or 0, s.candidate.label),
    )


def _note(known: Sequence[Tried]) -> str:
    best = max(known, key=lambda t: t.rank, default=None)
    stopped = sum(not t.full for t in known)
    return "" if best is None else f"best {best.scores[-1]:.2f} %, {best.candidate.label}; {stopped} stopped early"


def nothing(context: Context, looked: Iterable[Candidate]) -> CapacityError:
    """The error where nothing fits: the closest candidate, and which limits it breaks."""
    pricer = context.pricer
    closest, cost = min(((c, pricer(c)) for c in looked), key=lambda pair: pair[1].excess)
    return CapacityError(
        f"{context.question.where}: none of {context.space.size:,} candidates meets {context.name}; the closest is "
        f"{closest.label}: {'; '.join(map(str, cost.misses))}; {_advice(cost)}"
    )


def _advice(cost: Cost) -> str:
    first = cost.misses[0]
    key = first.limit if "." in first.limit else f"limits.{first.limit}"
    if first.why:
        return "free other values"
    return f"raise {'chip.' if '.' in first.limit else ''}{key} to {first.got:g}, or free smaller choices"
