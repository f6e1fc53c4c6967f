"""A small study to change, and its trainings without training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codesign.jobs import training
from codesign.jobs.training import Result, Task
from codesign.study import Study, load
from codesign.study.expand import Variant

TOY = """\
name = "toy"
question = "Does it work?"
chip = "tiny"
seeds = [1, 2]
headline = "plain"

[network]
hidden = [8]

[train]
epochs = 1

[[case]]
name = "plain"

[[case]]
name = "wide"
set = { "network.hidden" = [16] }
against = "plain"

[quick]
seeds = [3]
"""


def toy(folder: Path, text: str = TOY, name: str = "toy.toml") -> Study:
    """The study of a file with this text in `folder`."""
    file = folder / name
    file.write_text(text)
    return load(file)[0]


def result(
    quantized: float, baseline: float | None = 90.0, dies: dict[str, list[float]] | None = None, **more: Any
) -> Result:
    """What a training may have found."""
    counts = {"images": 360, "cells": 1040, "rejected": 0, "train_accuracy": 99.0} | more
    return Result(float=baseline, quantized=quantized, dies=dies or {}, **counts)


def pretend(monkeypatch: pytest.MonkeyPatch, found: Callable[[str, int], Result]) -> list[str]:
    """Let `found` of case and seed answer instead of training; labels of what is "trained" go into the list."""
    asked: list[str] = []

    def trained(task: Task, dataset: object, tell: object) -> Result:
        assert isinstance(task.job, Variant)
        asked.append(task.job.label)
        answer = found(task.job.case, task.job.seed)
        training.keep(task, answer)
        return answer

    monkeypatch.setattr(training, "_trained", trained)
    return asked
