"""Where a search runs: its folder, the data, and the trainings there. Picklable, and the same in every process."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codesign.brief import Brief
from codesign.devices import DRAWS
from codesign.jobs.job import Imperfection, Job
from codesign.jobs.training import Task, key
from codesign.search.context import Context, base
from codesign.search.cost import Facts
from codesign.search.describe import Question
from codesign.search.measure import DIE
from codesign.search.space import Candidate, space
from codesign.train.identity import identity
from codesign.train.recipe import Data


@dataclass(frozen=True)
class Site(Brief):
    """A folder that all searches of a question share, and the data set with the identities of its images."""

    out: Path
    data: Path | None
    images: dict[Data, str]

    def task(
        self,
        context: Context,
        candidate: Candidate,
        epochs: int,
        seed: int,
        held_out: bool,
        *more: tuple[str, Any],
    ) -> Task:
        """A training on all images, scored on the test set; or without the held-out ones, scored on those."""
        question = context.question
        validation = question.search.validation if held_out else 0
        settings = [("train.epochs", epochs), ("train.seed", seed), ("data.validation", validation), *more]
        flow = context.flow(candidate, *settings)
        job = Job(f"{candidate.label}, {epochs} epochs, seed {seed}", seed, flow)
        on = question.evaluate
        how = on.model_dump(include={"map", "g_on", "fraction"}) if on.map else {"cells": on.cells}
        dies = () if on.is_ideal else (Imperfection(name=DIE, draws=on.draws, **how),)
        images, spots = self.images[flow.data], context.pricer.spots(candidate) if dies else None
        return Task(job, dies, self.out / "jobs" / key(job, dies, images, spots), self.data, images)

    def identity(self, context: Context) -> str:
        """A digest of what two searches must share for comparable scores; limits and effort are left out."""
        question = context.question
        content = {
            "chip": question.base().chip.model_dump(
                mode="json", exclude={"arrays": {"count"}, "name": True, "clock_mhz": True}
            ),
            "train": identity(context.base, context.base.chip, "; ".join(sorted(self.images.values()))),
            "free": [repr(axis) for axis in context.space.axes],
            "first": question.search.seeds[0],
            "search": question.search.model_dump(include={"rungs", "keep", "floor", "seed", "sampler", "validation"}),
            "evaluate": question.evaluate.model_dump(mode="json", exclude_none=True),
            "draws": None if question.evaluate.is_ideal else (DRAWS, context.base.compile.objective),
        }
        if map_digest := question.evaluate.digest:
            content["map"] = map_digest
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def opened(question: Question, out: Path, data: Path | None) -> tuple[Context, Site]:
    """Read the data of a question. Raises ConfigError on impossible values, InputError on missing data."""
    context, factors = _context(question)
    images: dict[Data, str] = {}
    for factor in factors:
        for validation in (0, question.search.validation):
            described = context.base.data.model_copy(update={"downsample": factor, "validation": validation})
            dataset = described.load(data)
            dataset.warn_of_range(context.base.quantize.input)
            context.facts[factor] = Facts(dataset.shape or (dataset.features,), dataset.classes)
            images[described] = dataset.identity
    return context, Site(out, data, images)


def sized(question: Question, data: Path | None) -> Context:
    """The context of a question that trains nothing: images need not be there where their size is known."""
    context, factors = _context(question)
    for factor in factors:
        dataset = context.base.data.model_copy(update={"downsample": factor}).sized(data)
        context.facts[factor] = Facts(dataset.shape or (dataset.features,), dataset.classes)
    return context


def _context(question: Question) -> tuple[Context, list[int]]:
    """The context of a question without its facts, and the factors that images are downsampled by."""
    axes = space(question)
    flow = base(question, question.limits)
    downsample = flow.data.downsample
    factors = list(axes.values("data.downsample")) or [downsample]
    if question.uniform is not None:  # it need not lie in the space
        factors = list(dict.fromkeys([*factors, question.uniform.set.get("data.downsample", downsample)]))
    return Context(question, axes, question.limits, flow, {}), factors
