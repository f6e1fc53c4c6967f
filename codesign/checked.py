"""Tables of a file that are validated as a whole: each field by itself, then rules on how fields must agree.

No mistake hides another: rules are also checked on the valid part of a table whose other fields are invalid.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from inspect import isfunction
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError, model_validator

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T", bound="Checked")


def rule(judge: Callable[[T], str | None]) -> Callable[[T], str | None]:
    """Marks a method that says how fields must agree: `key: what is required`, or None if they do.

    It may read any field, and tables below; if one that it reads is invalid, the rule is skipped.
    """
    judge.__dict__["rule"] = True
    return judge


@cache
def rules(model: type[BaseModel]) -> tuple[Callable[[Any], str | None], ...]:
    """Every rule of a table, in source order."""
    methods = [f for c in reversed(model.__mro__) for f in vars(c).values() if isfunction(f)]
    return tuple(f for f in methods if "rule" in f.__dict__)


class Checked(BaseModel):
    """A table with rules. Every instance satisfies them."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if problems := [told for judge in rules(type(self)) if (told := judge(self))]:
            raise ValueError("\n".join(problems))
        return self


def broken(model: type[BaseModel], data: dict[str, Any]) -> list[str]:
    """A line for every broken rule of `model` and the tables in it, checked on the valid part of `data`."""
    return list(_broken(sound(model, data), ""))


def _broken(table: BaseModel, path: str) -> Iterator[str]:
    for name, value in table.__dict__.items():
        if isinstance(value, BaseModel):
            yield from _broken(value, f"{path}{name}.")
    for judge in rules(type(table)):
        with suppress(AttributeError):  # needs a field that has no value
            if told := judge(table):
                yield f"{path}{told}"


def sound(model: type[M], data: dict[str, Any]) -> M:
    """The valid part of a table, as an instance without its missing and invalid fields."""
    values: dict[str, Any] = {}
    for k, (name, field) in enumerate(model.model_fields.items()):
        kind = field.annotation
        whole = len(values) == k  # every earlier field has a value: a default may depend on them
        if name not in data:
            if not field.is_required() and (whole or not field.default_factory_takes_validated_data):
                values[name] = field.get_default(call_default_factory=True, validated_data=values)
        elif not isinstance(kind, type) or not issubclass(kind, BaseModel):
            with suppress(ValidationError):
                judged: Any = Annotated[kind, *field.metadata] if field.metadata else kind
                adapter: TypeAdapter[Any] = TypeAdapter(judged, config=model.model_config)
                values[name] = adapter.validate_python(data[name])
        elif isinstance(data[name], dict):
            values[name] = sound(kind, data[name])
    made = model.model_construct(**values)
    for name in model.model_fields.keys() - values.keys():
        made.__dict__.pop(name, None)  # a default that the file did not ask for
    return made
