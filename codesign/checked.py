"""Tables of a file that are judged as a whole: each field by itself, then by rules on how fields must agree.

A mistake hides no other: rules are also judged on what is sound of a table that has mistaken fields.
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

    It may read any field and below; where one of them is mistaken, the rule is left out.
    """
    judge.__dict__["rule"] = True
    return judge


@cache
def rules(model: type[BaseModel]) -> tuple[Callable[[Any], str | None], ...]:
    """Every rule of a table, in the order of the text."""
    methods = [f for c in reversed(model.__mro__) for f in vars(c).values() if isfunction(f)]
    return tuple(f for f in methods if "rule" in f.__dict__)


class Checked(BaseModel):
    """A table with rules. An instance breaks none of them."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if problems := [told for judge in rules(type(self)) if (told := judge(self))]:
            raise ValueError("\n".join(problems))
        return self


def broken(model: type[BaseModel], data: dict[str, Any]) -> list[str]:
    """A line for every broken rule of `model` and the tables in it, judged on what is sound of `data`."""
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
    """What is sound of a table, as an instance that lacks every missing or mistaken field."""
    values: dict[str, Any] = {}
    for k, (name, field) in enumerate(model.model_fields.items()):
        kind = field.annotation
        whole = len(values) == k  # every field before has a value: a default may rest on them
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
