"""The flow file: what to train, on which chip, and what to simulate."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from codesign import resources
from codesign.brief import WIDTH, Brief, joined, settings
from codesign.chip.description import Chip
from codesign.devices.maps import Mapped
from codesign.errors import ConfigError
from codesign.mapping import Die
from codesign.settings import Int, changes, parsed, put, toml, validate_data
from codesign.train.recipe import Recipe


class Reference(Brief, BaseModel):
    """What is computed in Python, word for word as the chip does it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: Annotated[Int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="test images, from the first, that the integer network and the chip's reference compute; all"
    )


class Simulate(Brief, BaseModel):
    """How the Verilog is simulated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: Annotated[Int, Field(ge=1, le=1_000_000)] = Field(32, description="test images, from the first")
    load: Literal["bus", "backdoor"] = Field(
        "bus", description="bus: program the chip as firmware does; backdoor: by $readmemh, faster"
    )
    simulator: Literal["icarus", "verilator"] = Field(
        "icarus",
        description="icarus: starts at once; verilator: compiles the chip once, then runs many times faster",
    )


class OnDie(Mapped):
    """The measured die that the reference and the simulation run on."""

    map: Annotated[str, Field(min_length=1)] = Field(
        description="a die, or a .csv or .npz map; relative to the flow file or the working directory"
    )

    def load(self, chip: Chip) -> Die:
        """The die. Raises InputError as `Die.load`."""
        return Die.load(self.map, chip, self.g_on, self.fraction)


def _named(chip: Any) -> Any:
    """A chip by name or file, for flows made in Python; `Flow.load` reads those of a flow file."""
    return Chip.load(chip) if isinstance(chip, str | Path) else chip


class Flow(Recipe):
    """A whole run: a recipe, the chip to train for, and its simulation. Equal flows on equal data give equal bytes,
    except for times."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]
    chip: Annotated[Chip, BeforeValidator(_named)]
    reference: Reference = Reference()
    simulate: Simulate = Simulate()
    die: OnDie | None = None  # absent: the ideal one

    @model_validator(mode="after")
    def _chip_takes_them(self) -> Self:
        problems = [
            f"quantize.{key}: must be at most chip.activation.bits = {self.chip.activation.bits}, got {bits}"
            for key in ("input_bits", "activation_bits")
            if (bits := getattr(self.quantize, key)) > self.chip.activation.bits
        ]
        if (most := self.reference.images) is not None and self.simulate.images > most:
            problems.append(f"simulate.images: must be at most reference.images = {most}, got {self.simulate.images}")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def on_die(self) -> Die | None:
        """The measured die; None for the ideal one. Raises InputError as `Die.load`."""
        return None if self.die is None else self.die.load(self.chip)

    def _brief(self) -> str:
        head = f"{self.name} on {self.chip.name}: "
        tables = (s for name in Recipe.model_fields for s in settings(getattr(self, name), f"{name}."))
        return head + joined(tables, WIDTH - len(f"Flow({head})"))

    @classmethod
    def load(cls, source: str | Path, sets: Sequence[str] = ()) -> "Flow":
        """A flow from a TOML file, or a preset by name; `sets` are KEY=VALUE changes.

        Raises ConfigError with every mistake: dotted key, value, what is allowed.
        """
        text, where = resources.read("flow", source)
        own = str(source) in resources.presets()
        return cls.parse(text, where, sets, resources.folder("flows") if own else Path(source).parent)

    @classmethod
    def parse(cls, text: str, where: str, sets: Sequence[str] = (), folder: Path = Path()) -> "Flow":
        """A flow from TOML text. The paths of a chip file and a die are relative to `folder`."""
        return cls.parse_data(parsed(text, where), where, changes(sets), folder)

    @classmethod
    def parse_data(
        cls, data: dict[str, Any], where: str, settings: Sequence[tuple[str, Any]], folder: Path = Path()
    ) -> "Flow":
        """A flow from the tables of a file, with `settings` (dotted key, value) applied; `data` is not modified.

        The path of a chip file is relative to `folder`, in a setting to the working directory. Raises ConfigError with
        every mistake, one per line.
        """
        data = deepcopy(data)
        paths = [([part.strip() for part in key.split(".")], value) for key, value in settings]
        problems = []
        on = data.get("die")
        if isinstance(on, dict) and isinstance(on.get("map"), str) and (folder / on["map"]).is_file():
            on["map"] = str(folder / on["map"])
        for path, value in paths:  # a whole chip first, so that chip.adc.bits changes the new one
            if path == ["chip"]:
                data["chip"], folder = value, Path()
        if isinstance(data.get("chip"), str):
            source, beside = data["chip"], folder / data["chip"]
            try:
                chip = Chip.load(beside if beside.suffix == ".toml" else source)
            except ConfigError as e:
                problems.append(str(e))
                chip = Chip.load("tiny")  # stands in, so that the rest of the file is validated too
            data["chip"] = chip.model_dump(mode="json", exclude_none=True)
        for path, value in paths:
            if path != ["chip"] and (problem := put(data, path, deepcopy(value))):
                problems.append(f"{where}: {problem}")
        try:
            flow = validate_data(cls, data, where)
        except ConfigError as e:
            problems.append(str(e))
        if problems:
            raise ConfigError("\n".join(problems))
        return flow

    def toml(self) -> str:
        """The flow as TOML with every default written out; `parse` gives the same flow."""
        data = self.model_dump(mode="json", exclude_none=True)
        return toml({name: data[name] for name in ("name", "chip", *data)})


def presets() -> list[str]:
    """Names that `Flow.load` knows."""
    return list(resources.presets())
