"""The Optuna study that all workers of a search share, through a journal in the folder."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import optuna
from optuna.storages import JournalStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from codesign.errors import ConfigError, InputError
from codesign.search.context import Context
from codesign.search.journal import Journal
from codesign.search.site import Site
from codesign.search.space import Candidate, Space

JOURNAL = "search.journal"


def journal(site: Site) -> JournalStorage:
    """The storage that all searches in a folder share."""
    return JournalStorage(Journal(site.out / JOURNAL))


def joined(context: Context, site: Site, openings: Sequence[Candidate]) -> optuna.Study:
    """The study of the context's limits, created if needed.

    Trials that a killed worker left running are requeued first.
    """
    best, least = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE
    try:
        storage = journal(site)
        study = optuna.create_study(
            study_name=context.name,
            storage=storage,
            directions=[best] if context.front is None else [best, least],
            load_if_exists=True,
        )
    except (ValueError, KeyError, TypeError, AssertionError):
        raise InputError(
            f"{site.out / JOURNAL}: is damaged; remove it; the trainings in {site.out / 'jobs'} are kept"
        ) from None
    if "identity" not in study.user_attrs:  # new, or its creator was killed before this was set
        enqueue(context.space, study, openings)
        study.set_user_attr("identity", site.identity(context))
    elif study.user_attrs["identity"] != site.identity(context):
        raise ConfigError(
            f"{site.out}: holds the search of another question, space, data set or version of codesign; "
            "choose another folder, or remove it"
        )
    for t in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        # Unchanged, and before those that wait for the first time; without a candidate, the next draw gives the same.
        begun = "candidate" in t.user_attrs or "fixed_params" in t.system_attrs
        storage.set_trial_state_values(t._trial_id, TrialState.WAITING if begun else TrialState.FAIL)
    return study


def enqueue(space: Space, study: optuna.Study, candidates: Sequence[Candidate]) -> None:
    """Queue candidates to be asked for next, each once."""
    for candidate in candidates:
        study.enqueue_trial(space.parameters(candidate), skip_if_exists=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna without its log, and without warnings of experimental options and of values a killed worker reported."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            warnings.filterwarnings("ignore", ".* value is ignored because", UserWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)
