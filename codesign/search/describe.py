"""The question file: which networks and chips are free, what they may cost, and how much to search."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from codesign import resources
from codesign.brief import Brief
from codesign.devices import Cells
from codesign.devices.maps import Mapped
from codesign.errors import ConfigError
from codesign.files import pathless
from codesign.flow import Base, Flow
from codesign.flow.describe import Simulate
from codesign.settings import changes, parsed, put, validate_data

Count = Annotated[int, Field(ge=1, le=65536)]
Amount = Annotated[float, Field(gt=0)]
Cycles = Annotated[int | float, Field(gt=0)]  # a mean of whole numbers
Seeds = tuple[Annotated[int, Field(ge=0, lt=2**63)], ...]
DOTTED = ("free", "set", "quick", "uniform.set")  # tables of dotted keys: free.network.hidden is "network.hidden"
HELD = ("data.dataset", "data.validation", "train.epochs", "train.seed", "machine")  # the search itself sets these


class _Part(Brief, BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Widths(_Part):
    """Layers of free widths: for `network.hidden` and `network.channels`."""

    depth: tuple[Annotated[int, Field(ge=0, le=64)], ...] = Field((1,), strict=False, description="numbers of layers")
    widths: Literal["edges"] | Annotated[tuple[Count, ...], Field(strict=False)] = Field(
        "edges", description="edges: the widest layer at each number of arrays of its own; or a list"
    )
    least: Count = Field(1, description="edges: no layer is narrower")
    most: Count = Field(512, description="edges: no layer is wider")


class Limits(_Part):
    """What a candidate may cost. Absent: no limit, except for the arrays that the chip has."""

    arrays: Count | None = Field(
        None, description="arrays used; also the number that the chip has, unless that is free"
    )
    interval: Cycles | None = Field(None, description="mean cycles between images when the input never pauses")
    latency: Count | None = Field(None, description="cycles for one image on an idle chip")
    activation_words: Count | None = Field(None, description="words of the activation memory in use at once")
    energy_nj: Amount | None = Field(
        None, description="energy per image in nJ, the higher estimate (mapping/energy.py)"
    )
    programming_s: Amount | None = Field(None, description="seconds to program every cell, one after another")

    def given(self) -> dict[str, float]:
        """The limits that are set, by name."""
        return {k: v for k, v in self if v is not None}


class Effort(_Part):
    """How to search. Candidates are compared on held-out training images, never on the test set."""

    trials: Annotated[int, Field(ge=1, le=100_000)] = Field(24, description="different networks to train, per budget")
    rungs: tuple[Count, ...] = Field((), strict=False, description="epochs of cheaper trainings before the full one")
    keep: Annotated[int, Field(ge=2, le=100)] = Field(
        3, description="one candidate in so many advances to the next rung"
    )
    floor: Annotated[int, Field(ge=1)] = Field(3, description="the first so many candidates are always trained in full")
    finalists: Annotated[int, Field(ge=1, le=100)] = Field(
        2, description="best candidates, trained again with every seed"
    )
    seeds: Seeds = Field(
        (1, 2, 3),
        strict=False,
        description="seeds of the finalists, the winner and its rivals; the search itself uses the first",
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="seed of the sampler")
    sampler: Literal["tpe", "random"] = Field("tpe", description="what proposes candidates")
    validation: Annotated[int, Field(ge=1)] = Field(description="training images held out to compare candidates on")


class Evaluate(Mapped):
    """What candidates are evaluated on: the ideal die, the mean over drawn dies, or a measured one."""

    cells: Cells = Field(Cells(), description="imperfections of the drawn dies; all zero: the ideal die")
    draws: Annotated[int, Field(ge=1, le=1000)] = Field(4, description="number of dies drawn")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.map is not None and not self.cells.is_ideal:
            raise ValueError("cells: give either cells to draw or the map of a measured die")
        return self

    @property
    def is_ideal(self) -> bool:
        """Whether candidates are evaluated on the ideal die."""
        return self.cells.is_ideal and self.map is None


class Uniform(_Part):
    """What a user would try first: these layers, all scaled by the largest factor that fits."""

    hidden: tuple[Count, ...] = Field((), strict=False, description="widths of the hidden linear layers at factor 1")
    channels: tuple[Count, ...] = Field((), strict=False, description="channels of the convolutions, likewise")
    set: dict[str, Any] = Field(default_factory=dict, description="further settings, as dotted keys of a flow")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.layers:
            raise ValueError("hidden: has no layers to scale, and neither has channels; give one of them, or both")
        return self

    @property
    def layers(self) -> dict[str, tuple[int, ...]]:
        """The layers that are scaled, by dotted key."""
        given = {"network.hidden": self.hidden, "network.channels": self.channels}
        return {key: widths for key, widths in given.items() if widths}


class Check(Simulate):
    """The winner's simulation in RTL, with the keys of a flow's."""

    images: Annotated[int, Field(ge=1, le=1_000_000)] = Field(100, description="test images, from the first")


class Question(Base):
    """Which network for this chip? Every candidate is the base flow with a value for each free key."""

    renamed: ClassVar[Mapping[str, str]] = {"baseline": "uniform"}

    question: Annotated[str, Field(min_length=1)] = Field(description="what is asked, in one sentence")
    set: dict[str, Any] = Field(default_factory=dict, description="changes to the chip, as dotted keys of a flow")
    free: dict[str, Widths | list[Any]] = Field(
        description="values of each free key, or layers of free widths, by dotted key of a flow; or of several keys"
    )
    limits: Limits = Field(Limits(), description="what a candidate may cost")
    search: Effort = Field(description="how much to search")
    evaluate: Evaluate = Field(Evaluate(), description="what candidates are evaluated on")
    uniform: Uniform | None = Field(None, description="what a user would try first; compared with the winner")
    simulate: Check = Field(Check(), description="the winner's simulation in RTL")
    quick: dict[str, Any] = Field(default_factory=dict, description="what --quick changes, as dotted keys of this file")

    _file: Path | None = PrivateAttr(None)
    _sets: tuple[str, ...] = PrivateAttr(())
    _is_quick: bool = PrivateAttr(False)

    @field_validator("free", mode="before")
    @classmethod
    def _axes(cls, free: Any) -> Any:
        """Validates each axis by its own kind, so that a mistake is reported once."""
        problems = []
        for key, values in free.items() if isinstance(free, dict) else ():
            if isinstance(values, dict):
                try:
                    validate_data(Widths, values, key)
                except ConfigError as e:
                    problems += [line.replace(": ", ".", 1) for line in str(e).splitlines()]
            elif not isinstance(values, list | Widths):
                problems.append(
                    f"{key}: must be a list of values, or layers such as {{ depth = [1, 2] }}, got {values!r}"
                )
        if problems:
            raise ValueError("\n".join(problems))
        return free

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = []
        if not self.free:
            problems.append("free: nothing is free; list at least one key, such as network.hidden")
        for key, values in self.free.items():
            problems += [f"free.{where}: {what}" for where, what in self._unsettable(key)]
            problems += [f"free.{key}{what}" for what in _unusable(values)]
            problems += [f"free.{key}{what}" for what in _uneven(self.keys_of(key), values) if "." not in key]
        for k, (a, b) in enumerate(zip(self.search.rungs, self.search.rungs[1:], strict=False)):
            if b <= a:
                problems.append(f"search.rungs.{k + 1}: must be more epochs than the rung before ({a}), got {b}")
        if len(set(self.search.seeds)) < len(self.search.seeds) or not self.search.seeds:
            problems.append("search.seeds: must list at least one seed, each once")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _unsettable(self, axis: str) -> Iterator[tuple[str, str]]:
        """Keys of an axis that a question cannot free, and why."""
        taken = {key: other for other in self.free for key in self.keys_of(other) if other != axis}
        several = self.keys_of(axis) != (axis,)
        for key in self.keys_of(axis):
            where = f"{axis}.{key}" if several else axis
            table, _, below = key.partition(".")
            if table not in (*self.recipe, "chip") or not below:
                how = 'in quotes, such as "chip.device.levels"' if several else "such as network.hidden"
                yield where, f"must be a key of the recipe or the chip, {how}"
            elif key in HELD or table in HELD:
                yield where, f"is the same for all candidates; set it in [{table}] or [search]"
            elif below.partition(".")[0] in self.recipe.get(table, ()):
                yield where, f"is also in [{table}]; remove one of them"
            elif several and key in taken:
                yield where, f"is free in {taken[key]}, too; remove one of them"

    def keys_of(self, axis: str) -> tuple[str, ...]:
        """The dotted keys of a flow that an axis of `free` sets: itself, or those of its tables if it has no dot."""
        values = self.free[axis]
        if "." in axis or not isinstance(values, list) or not all(isinstance(v, dict) for v in values):
            return (axis,)
        return tuple(dict.fromkeys(key for v in values for key in v))

    def frees(self, key: str) -> bool:
        """Whether a dotted key of a flow is free."""
        return any(key in self.keys_of(axis) for axis in self.free)

    @classmethod
    def load(cls, source: str | Path, sets: Sequence[str] = (), quick: bool = False) -> "Question":
        """The question of a TOML file, or a preset by name; see the function `load`."""
        return load(source, sets, quick)

    @property
    def where(self) -> str:
        """What messages call it: its file, or its name."""
        return f"question {self.name}" if self._file is None else str(self._file)

    @property
    def is_quick(self) -> bool:
        """Whether it is the quick form of a question, whose answers mean little."""
        return self._is_quick

    def command(self, *options: str) -> str:
        """The command that asks it, with further options; it does not tell where on this machine the file lies."""
        told = [pathless(self._file) if self._file else self.name, *["--quick"] * self._is_quick]
        told += [part for s in self._sets for part in ("--set", s)]
        return f"codesign optimize {shlex.join([*told, *options])} --out DIR"

    def base(self, settings: Sequence[tuple[str, Any]] = ()) -> Flow:
        """The base flow with `settings` on top. Raises ConfigError: file, dotted key, what is allowed."""
        folder = Path() if self._file is None else self._file.parent
        return self.flow([*self.set.items(), *settings], self.where, folder)


def load(source: str | Path, sets: Sequence[str] = (), quick: bool = False) -> Question:
    """The question of a TOML file, or a preset by name, such as `mnist`.

    quick: its quick form. sets: KEY=VALUE changes, dotted keys of the file. Raises ConfigError with every mistake.
    """
    text, where = resources.read("question", source)
    data = parsed(text, where)
    settings = [
        *(data.get("quick", {}).items() if quick and isinstance(data.get("quick"), dict) else ()),
        *changes(sets),
    ]
    problems = []
    data = deepcopy(data)
    for key, value in settings:
        table = next((t for t in DOTTED if key.startswith(f"{t}.")), None)
        path_in = key.split(".") if table is None else [*table.split("."), key.removeprefix(f"{table}.")]
        if problem := put(data, path_in, deepcopy(value)):
            problems.append(f"{where}: {problem}")
    if problems:
        raise ConfigError("\n".join(problems))
    question = validate_data(Question, data, where)
    question._sets, question._is_quick = tuple(sets), quick
    question._file = Path(source) if where == str(source) else None  # a preset lies nowhere
    return question


def _unusable(values: Widths | list[Any]) -> list[str]:
    """Why an axis cannot be searched."""
    if isinstance(values, Widths):
        found = [f".{k}: at least one is required" for k in ("depth", "widths") if not getattr(values, k)]
        if values.widths == "edges" and values.least > values.most:
            found.append(f".least: must be at most most = {values.most}, got {values.least}")
        return found
    if not values:
        return [": at least one value is required"]
    twice = [v for k, v in enumerate(values) if v in values[:k]]
    return [f": {twice[0]!r} is listed twice; remove one"] if twice else []


def _uneven(keys: Sequence[str], values: Widths | list[Any]) -> list[str]:
    """Which values of an axis of several keys do not set them all."""
    tables = [v for v in values if isinstance(v, dict)] if isinstance(values, list) else []
    missing = [(k, [key for key in keys if key not in v]) for k, v in enumerate(tables)]
    return [f".{k}: also set {', '.join(lacks)}, as the other values do" for k, lacks in missing if lacks]
