"""What the tables of a recipe have in common."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict

from codesign.brief import Brief


class Table(Brief, BaseModel):
    """A table of settings: nothing unknown, nothing converted, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def by(key: str, other: Any, **values: Any) -> Callable[[dict[str, Any]], Any]:
    """A default that depends on an earlier field of the table."""
    return lambda data: values.get(str(data.get(key)), other)
