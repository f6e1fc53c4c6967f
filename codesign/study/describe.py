"""The study file: a base flow, what varies, over which seeds, and what is compared with what."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import PrivateAttr, model_validator

from codesign.errors import ConfigError
from codesign.files import pathless, read_text
from codesign.settings import TOML_LIMIT, validate
from codesign.study import rules
from codesign.study.fields import Fields


class Study(Fields):
    """A question to many trainings: one for every combination of a case, values of `vary` and a seed."""

    _file: Path | None = PrivateAttr(None)
    _is_quick: bool = PrivateAttr(False)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = rules.broken(self)
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def where(self) -> str:
        """What messages call it: its file, or its name."""
        return f"study {self.name}" if self._file is None else str(self._file)

    @property
    def folder(self) -> Path:
        """The folder that paths of chip files are relative to."""
        return Path() if self._file is None else self._file.parent

    def quickly(self) -> "Study":
        """The study in its quick form."""
        cases = tuple(c.model_copy(update={"set": c.set | self.quick.set}) for c in self.case)
        dies = tuple(d.model_copy(update={"draws": min(d.draws, 2)}) for d in self.die)
        changed = {"seeds": self.quick.seeds, "vary": self.vary | self.quick.vary, "case": cases, "die": dies}
        study = self.model_copy(update=changed)
        study._is_quick = True
        return study

    @property
    def is_quick(self) -> bool:
        """Whether it is the quick form of a study, whose results mean little."""
        return self._is_quick

    def command(self, sets: Sequence[str] = ()) -> str:
        """The command that runs it, with KEY=VALUE changes; it does not tell where on this machine the file lies."""
        file = shlex.quote(pathless(self._file or Path(f"{self.name}.toml")))
        more = [" --quick"] * self._is_quick + [f" --set {shlex.quote(s)}" for s in sets]
        return f"codesign study {file}{''.join(more)} --out DIR"


def load(source: str | Path) -> list[Study]:
    """The study of a TOML file, or all studies of a folder, ordered by file name.

    Raises ConfigError with every mistake of every file, one per line.
    """
    path = Path(source)
    files = sorted(path.glob("*.toml")) if os.path.isdir(path) else [path]
    if not files:
        raise ConfigError(f"study {path}: the folder holds no .toml file; give one that does, or a file")
    found: dict[str, Study] = {}
    problems = []
    for file in files:
        try:
            study = _load(file)
        except ConfigError as e:
            problems.append(str(e))
            continue
        first = found.setdefault(study.name, study)
        if first is not study:
            problems.append(f"{file}: name: {study.name!r} is also the name of {first.where}; give each its own")
    if problems:
        raise ConfigError("\n".join(problems))
    return list(found.values())


def _load(path: Path) -> Study:
    try:
        study = validate(Study, read_text(path, TOML_LIMIT), str(path))
    except OSError as e:
        raise ConfigError(
            f"study {path}: cannot be read ({e.strerror}); give a .toml file or a folder of them"
        ) from None
    study._file = path
    return study
