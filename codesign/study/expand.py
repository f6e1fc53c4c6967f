"""From a study to its trainings: every combination of case, values of `vary` and seed is a flow."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from codesign.errors import ConfigError
from codesign.jobs.job import Job
from codesign.settings import changes
from codesign.study.describe import Study
from codesign.study.fields import Case
from codesign.study.labels import short, shown
from codesign.study.rules import useless


@dataclass(frozen=True)
class Variant(Job):
    """One training of a study: a case, and the values of `vary` in order."""

    case: str
    values: tuple[tuple[str, Any], ...]


def _label(case: str, values: tuple[tuple[str, Any], ...], seed: int) -> str:
    names = short(key for key, _ in values)
    return ", ".join([case, *(f"{names[k]} {shown(v)}" for k, v in values), f"seed {seed}"])


def jobs(study: Study, sets: Sequence[str] = ()) -> list[Variant]:
    """Every training, cases first, seeds last; `sets` are KEY=VALUE changes to all of them.

    Raises ConfigError with every mistake: file, case, dotted key.
    """
    everywhere = changes(sets)
    refused = [f"--set {why}" for key, _ in everywhere if (why := useless(key))]
    if refused:
        raise ConfigError("\n".join(refused))
    made: list[Variant] = []
    problems: dict[str, list[str]] = {}  # message: cases it holds for
    for case, *values in itertools.product(study.case, *study.vary.values()):
        chosen = tuple(zip(study.vary, values, strict=True))
        for seed in study.seeds:
            settings = [*_beside(study, [*case.set.items(), *chosen]), ("train.seed", seed), *everywhere]
            try:
                flow = study.flow(settings, study.where, study.folder)
                made.append(Variant(_label(case.name, chosen, seed), seed, flow, case.name, chosen))
            except ConfigError as e:
                for line in str(e).splitlines():
                    problems.setdefault(line.removeprefix(f"{study.where}: "), []).append(case.name)
    if not problems:
        problems = _unfair(study, made)
    if problems:
        raise ConfigError("\n".join(_told(study, problems)))
    return made


def check(studies: Iterable[Study], sets: Sequence[str] = ()) -> None:
    """Raises ConfigError with every mistake of all studies, before the first of them is trained."""
    problems: list[str] = []
    for study in studies:
        one_process(study)
        try:
            jobs(study, sets)
        except ConfigError as e:
            problems += str(e).splitlines()
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))


def one_process(study: Study) -> None:
    """Raises ConfigError under torchrun."""
    from codesign.train.ranks import world

    if world() > 1:
        raise ConfigError(
            f"study {study.name}: torchrun started {world()} processes, which would all run the same trainings; "
            "start it without torchrun, and run trainings in parallel with --jobs or --scheduler"
        )


def _beside(study: Study, settings: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Paths of chip files in the study are relative to its folder."""
    for key, value in settings:
        is_file = key.strip() == "chip" and isinstance(value, str) and value.endswith(".toml")
        yield key, str(study.folder / value) if is_file else value


def _unfair(study: Study, made: Sequence[Variant]) -> dict[str, list[str]]:
    """Why a case cannot be compared with the one it names."""
    flows = {(job.case, repr(job.values)): job.flow for job in made}
    problems: dict[str, list[str]] = {}
    for (name, values), flow in flows.items():
        other = _named(study, name).against
        if other is None:
            continue
        theirs = flows[other, values]
        if not theirs.train.baseline:
            why = f"against {other!r} trains no baseline; set train.baseline = true there"
        elif any(getattr(theirs.data, key) != getattr(flow.data, key) for key in ("dataset", "validation")):
            why = (
                f"against {other!r} is tested on different images; give both the same data.dataset and data.validation"
            )
        else:
            continue
        problems.setdefault(why, []).append(name)
    return problems


def _named(study: Study, name: str) -> Case:
    return next(c for c in study.case if c.name == name)


def _told(study: Study, problems: dict[str, list[str]]) -> Iterator[str]:
    """One line per mistake and case; a single line for a mistake that all of several cases share."""
    for message, names in problems.items():
        cases = list(dict.fromkeys(names))
        if len(cases) == len(study.case) > 1:
            yield f"{study.where}: {message}"
        else:
            yield from (f"{study.where}, case {case}: {message}" for case in cases)
