"""The base flow of a study or question file: the chip and the recipe that its runs share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from codesign.brief import Brief
from codesign.flow.describe import Flow
from codesign.train.recipe import Recipe

Tables = dict[str, Any]


class Base(Brief, BaseModel):
    """The base flow of a file as it was written; it is validated only together with the settings on top of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$", description="names the output files; a-z, 0-9, - and _")
    chip: str = Field("reference-128", description="preset, or a chip file, relative to this file's folder")
    data: Tables = Field(default_factory=dict, description="the images, as in a flow")
    network: Tables = Field(default_factory=dict, description="the layers, as in a flow")
    quantize: Tables = Field(default_factory=dict, description="the quantization, as in a flow")
    train: Tables = Field(default_factory=dict, description="the training, as in a flow")
    machine: Tables = Field(default_factory=dict, description="threads and device, as in a flow")
    compile: Tables = Field(default_factory=dict, description="the layout on the chip, as in a flow")

    @property
    def recipe(self) -> dict[str, Tables]:
        """The tables of the recipe."""
        return {table: getattr(self, table) for table in Recipe.model_fields}

    def flow(self, settings: Sequence[tuple[str, Any]], where: str, folder: Path) -> Flow:
        """The base flow with `settings` (dotted key, value) on top. Raises ConfigError as `Flow.parse_data`."""
        return Flow.parse_data({"name": self.name, "chip": self.chip, **self.recipe}, where, settings, folder)
