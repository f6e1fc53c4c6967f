"""The tables and keys of a study file."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from codesign.brief import Brief
from codesign.flow import Base
from codesign.jobs.job import Imperfection

Name = Annotated[str, Field(min_length=1)]
Seeds = tuple[Annotated[int, Field(ge=0, lt=2**63)], ...]
Values = dict[str, list[Any]]


class _Part(Brief, BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Case(_Part):
    """One variant: settings changed from the base, as dotted keys of a flow."""

    name: Name = Field(description="names the rows of the case in the table")
    set: dict[str, Any] = Field(default_factory=dict, description='for example {"network.hidden" = [256]}')
    against: str | None = Field(None, description="case whose baseline this one is compared with; absent: its own")


class Quick(_Part):
    """What the quick form changes, to take seconds instead of an hour. It draws at most two dies of each kind."""

    seeds: Seeds = Field((1,), strict=False, description="replace the study's seeds")
    set: dict[str, Any] = Field(default_factory=dict, description="settings added to those of every case")
    vary: Values = Field(default_factory=dict, description="replace the values of a key that the study varies")


class Plot(_Part):
    """A picture of the table."""

    x: str = Field(description="key of `vary` on the horizontal axis, or `die` for the imperfections")
    log: bool = Field(False, description="logarithmic horizontal axis, base 2")


class Fields(Base):
    """What a study file may hold; see `codesign.study.describe.Study`."""

    question: Name = Field(description="what the study asks, in one sentence; the heading of the table")
    seeds: Seeds = Field((1, 2, 3), strict=False, description="every case is trained once with each seed")
    vary: Values = Field(default_factory=dict, description="values of each varied key, by dotted key of a flow")
    case: tuple[Case, ...] = Field(
        (Case(name="base"),), strict=False, description="variants, each a [[case]]; absent: the base flow alone"
    )
    die: tuple[Imperfection, ...] = Field(
        (), strict=False, description="imperfect dies on which every network is also evaluated, each a [[die]]"
    )
    headline: str | None = Field(None, description="case whose first row is repeated at the top of the JSON")
    plot: Plot | None = Field(None, description="a picture of the table")
    quick: Quick = Field(Quick(), description="what --quick changes")
