"""One cached training: a label, a seed and a flow; and the dies on which its network is judged."""

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, model_validator

from codesign.brief import Brief
from codesign.devices import Cells
from codesign.devices.maps import Mapped
from codesign.flow import Flow


@dataclass(frozen=True)
class Job(Brief):
    """One training; progress and messages call it by its `label`."""

    label: str
    seed: int
    flow: Flow


class Imperfection(Mapped):
    """Dies to draw for every trained network, or a measured one. Its accuracy is found on each, without the converters.

    One of `cells` and `map` is required.
    """

    name: Annotated[str, Field(min_length=1)] = Field(description="name of its column in the table")
    cells: Cells | None = Field(None, description="imperfections to draw, as in [quantize.cells]")
    draws: Annotated[int, Field(ge=1, le=10000)] = Field(8, description="dies drawn for each network")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.cells is None) == (self.map is None):
            raise ValueError("cells: give either cells to draw or the map of a measured die")
        return self
