"""One training in a folder of its own: it runs at most once, resumes after a kill, and keeps its result."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from codesign.brief import Brief
from codesign.devices import DRAWS
from codesign.errors import CodesignError, InputError, OutputError, ToolError
from codesign.folders import alone, atomic_write, writing
from codesign.jobs.dies import on_dies
from codesign.jobs.job import Imperfection, Job
from codesign.mapping import Spots
from codesign.records import sealed, unsealed
from codesign.train.identity import identity

if TYPE_CHECKING:
    from codesign.train import Dataset, Epoch
    from codesign.train.recipe import Data

Tell = Callable[[float, str], None]  # finished share of the training, note


class Result(Brief, BaseModel):
    """result.json: accuracies in percent of the test images, after the last epoch."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    baseline: float | None = Field(alias="float")
    quantized: float
    images: int
    cells: int
    rejected: int
    train_accuracy: float | None
    dies: dict[str, list[float]]


@dataclass(frozen=True)
class Task(Brief):
    """What a training needs, wherever it runs."""

    job: Job
    dies: tuple[Imperfection, ...]
    home: Path
    data: Path | None
    identity: str  # of the data set


@dataclass(frozen=True)
class Ended(Brief):
    """The end of a training: a result in its folder, or a problem that concerns it alone."""

    label: str
    accuracy: float | None = None
    problem: str | None = None


def key(job: Job, dies: tuple[Imperfection, ...], data: str, spots: Spots | None = None) -> str:
    """A hash of everything that the result depends on: equal keys, equal results. `data`: a data set's identity.

    spots: where the network lies on its chip, if that is known; then chips of more and fewer arrays share its results.
    Raises InputError when the stuck map cannot be read.
    """
    chip = job.flow.chip
    content: dict[str, Any] = {
        "training": identity(job.flow, chip, data, [d.cells for d in dies if d.cells]),
        "dies": [d.model_dump(mode="json", exclude_none=True) for d in dies],
        "seed": job.seed if dies else None,
    }
    if dies:  # what decides which cells a network meets
        content["draws"] = DRAWS
        if maps := [d.digest for d in dies if d.map]:
            content["maps"] = maps
        content["chip"] = chip.model_dump(mode="json", exclude={"name": True, "clock_mhz": True, "arrays": {"count"}})
        content["place"] = spots or [job.flow.compile.objective, chip.arrays.count]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def read(home: Path) -> Result | None:
    """The result in `home`; None if it is absent, damaged or of another training, which then runs again."""
    try:
        content = unsealed(home / "result.json")
        return Result.model_validate(content) if content.get("training") == home.name else None
    except (OSError, ValueError):  # pydantic's among them
        return None


def train(task: Task, tell: Tell | None = None) -> Ended:
    """Train, unless another process has done so meanwhile; result.json is written last.

    A problem that concerns this training alone (its loss became NaN, the data do not suit it) is in the answer.
    Raises InputError when the data set cannot be read, ToolError and OutputError as training does.
    """
    job, home, tell = task.job, task.home, tell or (lambda share, note: None)
    dataset = _loaded(job.flow.data, task.data, task.identity)
    with writing(home):
        home.mkdir(parents=True, exist_ok=True)
        with alone(home, lambda: tell(0, "waits for another process that trains it")):
            result = read(home)
            if result is None:
                try:
                    result = _trained(task, dataset, tell)
                except (ToolError, OutputError):
                    raise
                except CodesignError as e:
                    return Ended(job.label, problem=str(e))
    return Ended(job.label, result.quantized)


@lru_cache(maxsize=1)
def _loaded(images: "Data", data: Path | None, identity: str) -> "Dataset":
    """The data set, cached for the next training of this process; `identity` detects changed files."""
    found = images.load(data)
    if found.identity != identity:
        raise InputError(f"data set {images.dataset}: changed since the study began; run the command again")
    return found


def _trained(task: Task, dataset: "Dataset", tell: Tell) -> Result:
    from codesign.train.loop import fit

    job, home, flow = task.job, task.home, task.job.flow
    for left in home.glob(".*.tmp"):  # of a killed writer
        left.unlink(missing_ok=True)
    phases = ["baseline"] * flow.train.baseline + ["quantized"] * (flow.train.method != "direct")
    total = len(phases) * flow.train.epochs + len(task.dies)

    def progress(e: "Epoch") -> None:
        done = phases.index(e.phase) * flow.train.epochs + e.epoch
        tell(done / total, f"{e.phase} {e.epoch}/{e.epochs}, {e.accuracy:.1f} %")

    trained = fit(flow, dataset, flow.chip, home / "state", progress)
    dies = {}
    for k, die in enumerate(task.dies):
        tell((total - len(task.dies) + k) / total, f"dies, {die.name}")
        inputs = dataset.test_inputs(flow.quantize.input)
        dies[die.name] = on_dies(trained.network, inputs, dataset.y_test, flow, die, job.seed)
    result = Result(
        float=trained.accuracy_baseline,
        quantized=trained.accuracy_quantized,
        images=trained.images,
        cells=sum(2 * (layer.grid.slices if layer.grid else 1) * layer.weight.numel() for layer in trained.model.chain),
        rejected=sum(e.rejected for e in trained.history),
        train_accuracy=trained.history[-1].accuracy if trained.history else None,
        dies=dies,
    )
    keep(task, result)
    shutil.rmtree(home / "state", ignore_errors=True)
    return result


def keep(task: Task, result: Result) -> None:
    """Write the folder of a finished training, result.json last."""
    atomic_write(task.home / "flow.toml", task.job.flow.toml())
    atomic_write(task.home / "result.json", sealed({"training": task.home.name, **result.model_dump(by_alias=True)}))
