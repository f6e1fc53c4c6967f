"""The flow file: what to train, on which chip, and what to simulate."""

import json
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from codesign.errors import ConfigError
from codesign.hardware import Chip, Int, validate
from codesign.train.recipe import Recipe


class Simulate(BaseModel):
    """What the Verilog is run on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: Annotated[Int, Field(ge=1, le=1_000_000)] = Field(32, description="test images, from the first")
    load: Literal["bus", "backdoor"] = Field("bus", description="program over the bus like firmware, or $readmemh")
    simulator: Literal["icarus"] = "icarus"


class Flow(BaseModel):
    """A whole run. Equal flows on equal data give equal bytes, times apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]
    chip: Chip
    train: Recipe = Recipe()
    simulate: Simulate = Simulate()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = [
            f"train.{key}: must be at most chip.activation.bits = {self.chip.activation.bits}, got {bits}"
            for key, bits in (("input_bits", self.train.input_bits), ("activation_bits", self.train.activation_bits))
            if bits > self.chip.activation.bits
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @classmethod
    def load(cls, source: str | Path, sets: Sequence[str] = ()) -> "Flow":
        """A flow from a TOML file, or one that travels with codesign by name; `sets` are KEY=VALUE changes.

        Raises ConfigError with every mistake: dotted key, value, what is allowed.
        """
        path = Path(source)
        preset = resources.files("flows") / f"{source}.toml"
        if path.suffix != ".toml" and preset.is_file():
            return cls.parse(preset.read_text(), f"{source}.toml", sets)
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError) as e:
            names = ", ".join(presets())
            raise ConfigError(
                f"flow {source}: cannot be read ({e}); give a .toml file or one of the presets {names}"
            ) from None
        return cls.parse(text, str(source), sets, path.parent)

    @classmethod
    def parse(cls, text: str, where: str, sets: Sequence[str] = (), folder: Path = Path()) -> "Flow":
        """A flow from TOML text. A chip file is looked for from `folder`."""
        try:
            data = tomllib.loads(text)
        except (ValueError, RecursionError) as e:  # also numbers too long, brackets too deep
            raise ConfigError(f"{where}: is not TOML ({e})") from None
        changes = [_change(s) for s in sets]
        problems = []
        for path, value in changes:  # a whole chip first, so that chip.adc.bits changes the new one
            if path == ["chip"]:
                data["chip"], folder = value, Path()
        if isinstance(data.get("chip"), str):
            source, beside = data["chip"], folder / data["chip"]
            try:
                chip = Chip.load(beside if beside.suffix == ".toml" else source)
            except ConfigError as e:
                problems.append(str(e))
                chip = Chip.load("tiny")  # stands in, so that the rest of the file is judged too
            data["chip"] = chip.model_dump(mode="json", exclude_none=True)
        for path, value in changes:
            if path != ["chip"]:
                _put(data, path, value)
        try:
            flow = validate(cls, _toml(data), where)
        except ConfigError as e:
            problems.append(str(e))
        if problems:
            raise ConfigError("\n".join(problems))
        return flow

    def toml(self) -> str:
        """The flow as TOML with every default written out; `parse` gives the same flow."""
        return _toml(self.model_dump(mode="json", exclude_none=True, exclude={"train": self._unset()}))

    def _unset(self) -> set[str]:
        """grid_max may be given for one method only, so its default is left out."""
        return set() if "grid_max" in self.train.model_fields_set else {"grid_max"}


def presets() -> list[str]:
    """Names that `Flow.load` knows."""
    return sorted(p.name.removesuffix(".toml") for p in resources.files("flows").iterdir() if p.name.endswith(".toml"))


def _change(text: str) -> tuple[list[str], Any]:
    """KEY=VALUE as (path, value): a dotted key and a TOML value; a bare word is a string."""
    key, equals, value = text.partition("=")
    path = [p.strip() for p in key.split(".")]
    if not equals or not all(path):
        raise ConfigError(f"--set {text}: must be KEY=VALUE, for example train.epochs=5")
    try:
        return path, tomllib.loads(f"x = {value}")["x"]
    except (ValueError, RecursionError):
        return path, value.strip()


def _put(data: dict[str, Any], path: list[str], value: Any) -> None:
    for k, part in enumerate(path[:-1]):
        data = data.setdefault(part, {})
        if not isinstance(data, dict):
            raise ConfigError(f"--set {'.'.join(path)}: {'.'.join(path[: k + 1])} is not a table")
    data[path[-1]] = value


def _toml(data: dict[str, Any]) -> str:
    """A dictionary as TOML, a table for every dictionary at the top."""
    plain = [f"{_key(k)} = {_value(v)}" for k, v in data.items() if not isinstance(v, dict)]
    tables = [
        "\n".join(["", f"[{_key(k)}]", *(f"{_key(n)} = {_value(x)}" for n, x in v.items())])
        for k, v in data.items()
        if isinstance(v, dict)
    ]
    return "\n".join([*plain, *tables]) + "\n"


def _key(name: str) -> str:
    return (
        name
        if name.isascii() and name.replace("_", "").replace("-", "").isalnum()
        else json.dumps(name, ensure_ascii=False)
    )


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    if isinstance(value, bool | int | str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return repr(value)  # also nan and inf, which the models refuse in their own words
    return str(value)  # dates and times
