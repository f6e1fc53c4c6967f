"""The study file: a base flow, what varies, how often, and what is compared with what."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from codesign.devices import Cells
from codesign.errors import ConfigError
from codesign.files import read_text
from codesign.study import rules
from codesign.tables import TOML_LIMIT, validate

Name = Annotated[str, Field(min_length=1)]
Seeds = tuple[Annotated[int, Field(ge=0, lt=2**63)], ...]
Values = dict[str, list[Any]]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Case(_Part):
    """One variant: settings changed from the base, as dotted keys of a flow."""

    name: Name
    set: dict[str, Any] = Field(default_factory=dict, description='for example {"train.hidden" = [256]}')
    against: str | None = Field(None, description="case whose float twin this one is compared with; absent: its own")


class Imperfection(_Part):
    """Dies to draw for every trained network: the accuracy is measured on each, without the converters."""

    name: Name
    cells: Cells
    draws: Annotated[int, Field(ge=1, le=10000)] = 8


class Quick(_Part):
    """What the quick form changes: seconds instead of an hour. Two dies of a kind at most."""

    seeds: Seeds = Field((1,), strict=False)
    set: dict[str, Any] = Field(default_factory=dict, description="settings on top of every case's")
    vary: Values = Field(default_factory=dict, description="fewer values of what the study varies")


class Plot(_Part):
    """A picture of the table."""

    x: str = Field(description="axis of `vary` along the horizontal, or `die` for the imperfections")
    log: bool = Field(False, description="a factor of two is as wide everywhere")


class Study(_Part):
    """A question put to many trainings. Every combination of a case, values of `vary` and a seed is one of them."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]
    question: Name
    chip: str = Field("reference-128", description="preset, or a chip file looked for beside the study file")
    seeds: Seeds = Field((1, 2, 3), strict=False)
    train: dict[str, Any] = Field(description="the base recipe, as in a flow")
    vary: Values = Field(default_factory=dict, description="dotted key of a flow: its values")
    case: tuple[Case, ...] = Field((Case(name="base"),), strict=False)
    die: tuple[Imperfection, ...] = Field((), strict=False)
    headline: str | None = Field(None, description="case whose (first) row stands at the top of the JSON")
    plot: Plot | None = None
    quick: Quick = Quick()

    _file: Path | None = PrivateAttr(None)

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
        """Where chip files are looked for."""
        return Path() if self._file is None else self._file.parent

    def quickly(self) -> "Study":
        """The quick form."""
        cases = tuple(c.model_copy(update={"set": c.set | self.quick.set}) for c in self.case)
        dies = tuple(d.model_copy(update={"draws": min(d.draws, 2)}) for d in self.die)
        changed = {"seeds": self.quick.seeds, "vary": self.vary | self.quick.vary, "case": cases, "die": dies}
        return self.model_copy(update=changed)


def load(source: str | Path) -> list[Study]:
    """The study of a TOML file, or all those of a folder, in order of their files' names.

    Raises ConfigError with every mistake of every file, one a line.
    """
    path = Path(source)
    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
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
