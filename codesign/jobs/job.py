"""One cached training: a label, a seed and a flow; and the dies on which its network is judged."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from codesign.brief import Brief
from codesign.devices import Cells
from codesign.flow import Flow


@dataclass(frozen=True)
class Job(Brief):
    """One training; progress and messages call it by its `label`."""

    label: str
    seed: int
    flow: Flow


class Imperfection(Brief, BaseModel):
    """Dies to draw for every trained network, whose accuracy is measured on each of them, without the converters."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    name: Annotated[str, Field(min_length=1)] = Field(description="name of its column in the table")
    cells: Cells = Field(description="imperfections, as in [quantize.cells]")
    draws: Annotated[int, Field(ge=1, le=10000)] = Field(8, description="dies drawn for each network")
