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

    name: Name = Field(description="of its rows in the table")
    set: dict[str, Any] = Field(default_factory=dict, description='for example {"network.hidden" = [256]}')
    against: str | None = Field(None, description="case whose baseline this one is compared with; absent: its own")


class Quick(_Part):
    """What the quick form changes: seconds instead of an hour. Two dies of a kind at most."""

    seeds: Seeds = Field((1,), strict=False, description="instead of the study's")
    set: dict[str, Any] = Field(default_factory=dict, description="settings on top of every case's")
    vary: Values = Field(default_factory=dict, description="fewer values of what the study varies")


class Plot(_Part):
    """A picture of the table."""

    x: str = Field(description="axis of `vary` along the horizontal, or `die` for the imperfections")
    log: bool = Field(False, description="a factor of two is as wide everywhere")


class Fields(Base):
    """What a study file may hold; see `codesign.study.describe.Study`."""

    question: Name = Field(description="what the study asks, in one sentence; it heads the table")
    seeds: Seeds = Field((1, 2, 3), strict=False, description="every case trains once with each")
    vary: Values = Field(default_factory=dict, description="dotted key of a flow: its values")
    case: tuple[Case, ...] = Field(
        (Case(name="base"),), strict=False, description="variants, each a [[case]]; absent: the base flow alone"
    )
    die: tuple[Imperfection, ...] = Field(
        (), strict=False, description="imperfect dies that every network is also judged on, each a [[die]]"
    )
    headline: str | None = Field(None, description="case whose (first) row stands at the top of the JSON")
    plot: Plot | None = Field(None, description="a picture of the table")
    quick: Quick = Field(Quick(), description="what --quick changes")
