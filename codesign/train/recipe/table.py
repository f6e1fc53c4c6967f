"""The base of a recipe's tables."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict

from codesign.brief import Brief


class Table(Brief, BaseModel):
    """A frozen table of settings that refuses unknown keys and converts no values."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def by(key: str, other: Any, **values: Any) -> Callable[[dict[str, Any]], Any]:
    """A default that depends on an earlier field of the table."""
    return lambda data: values.get(str(data.get(key)), other)
