"""What a worker needs to price, train and judge candidates: picklable, and the same in every process."""

import hashlib
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codesign.brief import Brief
from codesign.errors import InputError
from codesign.flow import Flow
from codesign.folders import atomic_write, writing
from codesign.jobs.job import Imperfection, Job
from codesign.jobs.training import Ended, Result, Task, key, read, train
from codesign.records import sealed, unsealed
from codesign.search.cost import Facts, Pricer
from codesign.search.describe import Limits, Question
from codesign.search.space import Candidate, Space, space
from codesign.train.identity import identity

DIE = "drawn"
TIME = "time.json"


@dataclass(frozen=True)
class Order(Brief):
    """A question under some limits, with its data looked at and its folder chosen."""

    question: Question
    space: Space
    limits: Limits
    base: Flow
    facts: dict[int, Facts]  # by `downsample`
    images: dict[tuple[int, int], str]  # their identities, by (downsample, validation)
    data: Path | None
    out: Path
    front: str | None = None  # the quantity that is minimized beside accuracy

    def under(self, limits: Limits) -> "Order":
        """The same question under other limits; the chip gets as many arrays as are allowed, unless that is free."""
        return replace(self, limits=limits, base=_base(self.question, limits))

    @property
    def pricer(self) -> Pricer:
        return Pricer(self.base, self.limits, self.facts)

    @property
    def name(self) -> str:
        """Of the search under these limits."""
        under = ", ".join(f"{k} <= {v}" for k, v in self.limits.given().items()) or "no limits"
        return under if self.front is None else f"front of {self.front}, {under}"

    @property
    def identity(self) -> str:
        """A digest of all that makes scores of two searches comparable: not the limits, nor how long is looked."""
        content = {
            "chip": self.question.base().chip.model_dump(mode="json", exclude={"arrays": {"count"}, "name": True}),
            "train": identity(self.base.train, self.base.chip, "; ".join(sorted(self.images.values()))),
            "free": [repr(axis) for axis in self.space.axes],
            "first": self.question.search.seeds[0],
            "search": self.question.search.model_dump(
                include={"rungs", "keep", "floor", "seed", "sampler", "validation"}
            ),
            "evaluate": self.question.evaluate.model_dump(mode="json"),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def flow(self, candidate: Candidate, *more: tuple[str, Any]) -> Flow:
        """The flow that trains a candidate, with further settings. Raises ConfigError."""
        count = [("chip.arrays.count", self.base.chip.arrays.count)]
        settings = [*count, *candidate.plain().items(), ("train.float_baseline", False), *more]
        return self.question.base(settings)

    def usual(self, key: str) -> Any:
        """What the base flow has for a key of the recipe or the chip."""
        value: Any = self.base
        for part in key.split("."):
            value = getattr(value, part)
        return value

    def task(self, candidate: Candidate, epochs: int, seed: int, held_out: bool, *more: tuple[str, Any]) -> Task:
        """A training of a candidate: on all images but the held-out ones and judged on those, or on the test set."""
        validation = self.question.search.validation if held_out else 0
        settings = [("train.epochs", epochs), ("train.seed", seed), ("train.validation", validation), *more]
        flow = self.flow(candidate, *settings)
        job = Job(f"{candidate.label}, {epochs} epochs, seed {seed}", seed, flow)
        cells = self.question.evaluate.cells
        dies = () if cells.is_ideal else (Imperfection(name=DIE, cells=cells, draws=self.question.evaluate.draws),)
        images = self.images[flow.train.downsample, validation]
        return Task(job, dies, self.out / "jobs" / key(job, dies, images), self.data, images)


def order(question: Question, out: Path, data: Path | None) -> Order:
    """Look at the data of a question. Raises ConfigError on impossible values, InputError on missing data."""
    axes = space(question)
    base = _base(question, question.limits)
    key, usual = "train.downsample", base.train.downsample
    factors = question.free.get(key, [usual])
    assert isinstance(factors, list)
    if question.baseline is not None:  # it need not lie in the space
        factors = list(dict.fromkeys([*factors, question.baseline.set.get(key, usual)]))
    facts: dict[int, Facts] = {}
    found: dict[tuple[int, int], str] = {}
    for factor in factors:
        for validation in (0, question.search.validation):
            images = replace(base.train.images, downsample=factor, validation=validation)
            dataset = images.load(data)
            dataset.warn_of_waste(base.train.input)
            facts[factor] = Facts(dataset.features, dataset.classes)
            found[factor, validation] = dataset.identity
    return Order(question, axes, question.limits, base, facts, found, data, out)


def score(result: Result) -> float:
    """What candidates are compared by: percent right, on the ideal die or as a mean over drawn ones."""
    drawn = result.dies.get(DIE)
    return sum(drawn) / len(drawn) if drawn else result.quantized


def measured(task: Task) -> float:
    """The score of a training, done now unless it was done before. Raises InputError when it cannot be done."""
    found = read(task.home)
    if found is None:
        begin = time.perf_counter()
        ended: Ended = train(task)
        if ended.problem:
            raise InputError(f"{ended.label}: {ended.problem}")
        with writing(task.home):
            atomic_write(task.home / TIME, sealed({"time_s": round(time.perf_counter() - begin, 3)}))
        found = read(task.home)
    if found is None:
        raise InputError(f"{task.home}: {task.job.label} was trained, but its result is not there; is the disk full?")
    return score(found)


def seconds(task: Task) -> float:
    """How long a training took when it was done; 0 if that is not known."""
    try:
        return float(unsealed(task.home / TIME)["time_s"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def _base(question: Question, limits: Limits) -> Flow:
    count = limits.arrays
    free = "chip.arrays.count" in question.free
    return question.base([("chip.arrays.count", min(count, 1024))] if count and not free else [])
