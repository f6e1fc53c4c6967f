"""One trial: ask the shared Optuna study for a candidate, price it, train it on rising rungs, report its scores.

A worker needs only the context, the site and the study's journal, so any number of workers can take part, on any
machine that sees the folder. Candidates that do not fit are reported without training; nothing is trained twice.
"""

import json
import zlib
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, TrialState

from codesign.brief import Brief
from codesign.errors import InputError
from codesign.search.context import Context
from codesign.search.cost import Cost, Pricer
from codesign.search.measure import measured
from codesign.search.shared import journal, quiet
from codesign.search.site import Site
from codesign.search.space import Candidate

ASKS = 25  # attempts before an untried candidate is looked up instead
ENUMERATE = 20_000  # the largest space whose candidates are listed one by one
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Tried(Brief):
    """A trained candidate: a score in percent for each rung that it reached, cheapest rung first."""

    candidate: Candidate
    cost: Cost
    scores: tuple[float, ...]
    full: bool  # trained to the last rung

    @property
    def rank(self) -> tuple[bool, int, float]:
        """Greater is better."""
        return (self.full, len(self.scores), self.scores[-1])


def try_one(context: Context, site: Site) -> Tried | None:
    """Find an untried candidate that fits, and train it; None if there is none left.

    A training that fails for its own reasons is reported as failed, and another candidate is tried. Any other exception
    leaves the trial running, as a kill does; see `shared.joined`.
    """
    with quiet():
        study, pricer = optuna.load_study(study_name=context.name, storage=journal(site)), context.pricer
        for asked in range(ASKS + 2):
            if asked == ASKS and not _enqueue_untried(context, study, pricer):
                return None
            study.sampler = _sampler(context, study)
            trial = study.ask()
            candidate = context.space.ask(trial)
            cost = pricer(candidate)
            trial.set_user_attr("candidate", json.dumps(candidate.plain()))
            for name, over in _constraints(context, cost).items():
                trial.set_constraint(name, over)
            if not cost.fits:
                trial.set_user_attr("misses", "; ".join(map(str, cost.misses)))
                study.tell(trial, state=TrialState.PRUNED)
                continue
            before = next(
                (t for t in _known(study) if t.user_attrs["candidate"] == json.dumps(candidate.plain())), None
            )
            if before is not None:
                _repeat(study, trial, before)
                continue
            try:
                return _train(context, site, study, trial, candidate, cost)
            except InputError as e:  # of this training alone: its loss became NaN, say
                trial.set_user_attr("problem", str(e))
                study.tell(trial, state=TrialState.FAIL)
        return None


def _train(
    context: Context, site: Site, study: optuna.Study, trial: optuna.Trial, candidate: Candidate, cost: Cost
) -> Tried:
    search, levels = context.question.search, context.rungs
    if context.front is not None:
        value = measured(site.task(context, candidate, levels[-1], search.seeds[0], held_out=True))
        trial.set_user_attr("trained", True)
        study.tell(trial, [value, cost.quantities()[context.front] or 0.0])
        return Tried(candidate, cost, (value,), full=True)
    every = study.get_trials(deepcopy=False)
    started = sum(1 for t in every if "trained" in t.user_attrs and t.number != trial.number)
    trial.set_user_attr("trained", True)
    scores = []
    for k, epochs in enumerate(levels):
        scores.append(measured(site.task(context, candidate, epochs, search.seeds[0], held_out=True)))
        trial.report(scores[-1], k)
        if k + 1 < len(levels) and started >= search.floor and _falls_behind(study, trial.number, k, search.keep):
            study.tell(trial, state=TrialState.PRUNED)
            return Tried(candidate, cost, tuple(scores), full=False)
    study.tell(trial, scores[-1])
    return Tried(candidate, cost, tuple(scores), full=True)


def _falls_behind(study: optuna.Study, number: int, rung: int, keep: int) -> bool:
    """Asynchronous successive halving: whether a trial is outside the best 1/`keep` of all that reached the rung.

    It depends on reported scores alone, so that a trial repeated after a kill ends as it would have; Optuna's pruner
    keeps a state of its own.
    """
    every = [t for t in study.get_trials(deepcopy=False) if "trained" in t.user_attrs and rung in t.intermediate_values]
    (own,) = [t.intermediate_values[rung] for t in every if t.number == number]
    return sum(t.intermediate_values[rung] > own for t in every) >= max(1, len(every) // keep)


def _constraints(context: Context, cost: Cost) -> dict[str, float]:
    """The excess over each limit as a share of it, positive if it is broken; `chip` for all else that does not fit."""
    found = {"chip": sum(m.excess for m in cost.misses if m.limit not in context.limits.given())}
    for name, allowed in context.limits.given().items():
        got = cost.quantities()[name]
        found[name] = 0.0 if got is None else got / allowed - 1
    return {name: min(over, 1e6) for name, over in found.items()}


def _repeat(study: optuna.Study, trial: optuna.Trial, before: FrozenTrial) -> None:
    """Report the known scores again, so that the sampler learns from them."""
    trial.set_user_attr("repeats", before.number)
    if before.state == TrialState.FAIL:
        study.tell(trial, state=TrialState.FAIL)
        return
    if len(study.directions) > 1:
        study.tell(trial, before.values)
        return
    for step, value in before.intermediate_values.items():
        trial.report(value, step)
    if before.state == TrialState.COMPLETE:
        study.tell(trial, before.value)
    else:
        study.tell(trial, state=TrialState.PRUNED)


def trained(study: optuna.Study) -> list[FrozenTrial]:
    """Finished trials that trained something, in order."""
    return [t for t in study.get_trials(deepcopy=False, states=ENDED) if "trained" in t.user_attrs]


def _known(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that trained something, and those whose training failed."""
    return [*trained(study), *(t for t in study.get_trials(deepcopy=False) if "problem" in t.user_attrs)]


def tried(context: Context, study: optuna.Study) -> list[Tried]:
    """Everything trained under the context's limits, as it was reported."""
    pricer, found = context.pricer, []
    for t in trained(study):
        candidate = context.space.made(json.loads(t.user_attrs["candidate"]))
        told = [v for _, v in sorted(t.intermediate_values.items())]
        scores = tuple(told) if context.front is None else (t.values[0],)
        found.append(Tried(candidate, pricer(candidate), scores, t.state == TrialState.COMPLETE))
    return found


def _sampler(context: Context, study: optuna.Study) -> optuna.samplers.BaseSampler:
    """A sampler whose draws depend only on the seed and on how many were drawn before, by any worker."""
    search, every = context.question.search, study.get_trials(deepcopy=False)
    drawn = sum(1 for t in every if t.state != TrialState.WAITING and not _undrawn(t))
    seed = zlib.crc32(f"{search.seed} {context.name} {drawn}".encode())
    if context.front is not None:
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=max(2, min(50, search.trials // 3)))
    if search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(
        seed=seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=search.floor
    )


def _undrawn(t: FrozenTrial) -> bool:
    """Whether its worker was killed before it had a candidate."""
    return t.state == TrialState.FAIL and "candidate" not in t.user_attrs


def _enqueue_untried(context: Context, study: optuna.Study, pricer: Pricer) -> bool:
    """Queue an untried candidate that fits for the next ask; False if there is none."""
    if context.space.size > ENUMERATE:
        return True  # the sampler gets one more attempt
    known = {t.user_attrs.get("candidate") for t in study.get_trials(deepcopy=False)}
    for candidate in context.space:
        if json.dumps(candidate.plain()) not in known and pricer(candidate).fits:
            study.enqueue_trial(context.space.parameters(candidate))
            return True
    return False
