"""A small question to change, its trainings without training, and its winners without RTL."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codesign.jobs import training
from codesign.jobs.training import Task
from codesign.report import Metrics
from codesign.search import Question, load, site
from codesign.search.context import Context
from codesign.search.describe import Limits
from codesign.search.run import Progress
from codesign.search.site import Site
from codesign.search.space import Candidate
from codesign.train.recipe import Recipe
from tests.report.example import example
from tests.study.toy import result

TOY = """\
name = "toy"
question = "Which?"
chip = "tiny"

[data]
dataset = "digits"

[quantize]
input_bits = 4
activation_bits = 4

[train]
epochs = 9

[free]
"network.hidden" = { depth = [1, 2], most = 24 }
"data.downsample" = [1, 2]

[limits]
arrays = 12

[search]
trials = 6
rungs = [1, 3]
validation = 300
seeds = [1, 2]

[uniform]
hidden = [16]

[quick]
"train.epochs" = 2
"search.rungs" = [1]
"""

Score = Callable[[Recipe], float]


def toy(folder: Path, *sets: str, text: str = TOY) -> Question:
    """The question of a file with this text in `folder`, with settings."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "toy.toml"
    file.write_text(text)
    return load(file, sets)


def opened(question: Question, out: Path, **limits: Any) -> tuple[Context, Site]:
    """Its context, under its own limits with these changes, and a new folder for it."""
    out.mkdir(parents=True, exist_ok=True)
    context, home = site.opened(question, out, None)
    return context.under(Limits(**(question.limits.given() | limits))), home


def smooth(recipe: Recipe) -> float:
    """A score that rises with width, epochs and pixels; best for two layers as wide as can be."""
    hidden = recipe.network.hidden
    return 50 + sum(hidden) / 2 + (5 if len(hidden) == 2 else 0) - 4 * recipe.data.downsample + recipe.train.epochs / 10


def pretend(monkeypatch: pytest.MonkeyPatch, score: Score = smooth) -> list[Task]:
    """Let `score` of the recipe answer instead of training; what is "trained" goes into the list."""
    asked: list[Task] = []

    def trained(task: Task, dataset: object, tell: object) -> training.Result:
        asked.append(task)
        answer = result(score(task.job.flow), dies={d.name: [70.0, 80.0] for d in task.dies})
        training.keep(task, answer)
        return answer

    def build(context: Context, site: Site, winner: Candidate, home: Path, show: Progress) -> tuple[Metrics, str]:
        home.mkdir(parents=True, exist_ok=True)
        return example(), "codesign run flow.toml --out DIR"

    monkeypatch.setattr(training, "_trained", trained)
    monkeypatch.setattr("codesign.search.answer.build", build)
    return asked


def searched(asked: list[Task]) -> list[tuple[tuple[int, ...], int, int]]:
    """(hidden, downsample, epochs) of the trainings on held-out images with the first seed."""
    flows = [t.job.flow for t in asked]
    return [
        (f.network.hidden, f.data.downsample, f.train.epochs) for f in flows if f.data.validation and f.train.seed == 1
    ]
