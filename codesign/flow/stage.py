"""A stage of a run, and what it works with."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from codesign.files import RECORD, read_bytes
from codesign.flow.describe import Flow
from codesign.records import unsealed
from codesign.train.identity import identity

DONE = "done.json"
Progress = Callable[[str, int, int, str], None]  # stage, done, of, note; of 0: unknown


@dataclass(frozen=True)
class Context:
    """What a stage works with: the flow, and the folders of the finished stages before it."""

    flow: Flow
    out: Path
    data: Path | None
    progress: Progress
    order: tuple[str, ...]  # names of all stages

    def folder(self, stage: str) -> Path:
        """Where a stage works: its number and name."""
        return self.out / f"{self.order.index(stage) + 1:02}_{stage}"

    def read(self, stage: str, name: str) -> dict[str, Any]:
        """A JSON file of another stage."""
        return dict(json.loads(read_bytes(self.folder(stage) / name, RECORD)))

    @cached_property
    def training(self) -> dict[str, Any]:
        """Everything that the training depends on; the data are read once. Raises InputError when they are absent."""
        return identity(self.flow, self.flow.chip, self.flow.data.digest(self.data))

    def seconds(self, stage: str) -> float:
        """How long a finished stage took."""
        return float(unsealed(self.folder(stage) / DONE)["time_s"])


@dataclass(frozen=True)
class Stage:
    """One step of a flow: `inputs` names what its result depends on, `work` fills its folder."""

    name: str
    after: tuple[str, ...]
    inputs: Callable[[Context], dict[str, Any]]
    work: Callable[[Context, Path], None]
    resumes: bool = False  # continues what a killed run left, instead of starting over
