"""Tables as checked records, whether they come as TOML text or as a dictionary."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict

from codesign.errors import ConfigError
from codesign.settings import changes, parsed, toml, validate, validate_data


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    width: int = 1


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    renamed: ClassVar[Mapping[str, str]] = {"part.size": "part.width", "old": "part"}
    name: str
    part: Part = Part()


def told(work: Any, *args: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        work(*args)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ({}, ["x.toml: name: missing; it is required"]),
        ({"name": "a\nb"}, [r"x.toml: name: must be one line without control characters, got 'a\nb'"]),
        ({"name": "a", "part": {"widht": 2}}, ["x.toml: part.widht: unknown key; did you mean width?"]),
        (
            {"name": "a", "part": {"size": 2}, "old": 3, "size": 4},
            [
                "x.toml: part.size: is now part.width",
                "x.toml: old: is now part",
                "x.toml: size: unknown key; known keys: name, part",
            ],
        ),
    ],
)
def test_mistakes_are_the_same_in_both_forms(data: dict[str, Any], lines: list[str]) -> None:
    assert told(validate_data, Whole, data, "x.toml") == lines
    assert told(validate, Whole, toml(data), "x.toml") == lines


def test_both_forms_give_the_same_record() -> None:
    data = {"name": "é", "part": {"width": 3}}
    assert validate_data(Whole, data, "x") == validate(Whole, toml(data), "x") == Whole(name="é", part=Part(width=3))
    assert parsed(toml(data), "x") == data


def test_what_is_not_toml() -> None:
    (line,) = told(validate, Whole, "name = ", "x.toml")
    assert line.startswith("x.toml: is not TOML (")
    assert told(parsed, "name = ", "x.toml") == [line]


def test_what_python_cannot_print_or_walk() -> None:
    long = "must be an integer of 64 bits at most, got one of 20000"
    assert told(validate, Part, f"width = 0x{'f' * 5000}", "x.toml") == [f"x.toml: width: {long}"]
    assert told(parsed, f"{'a.' * 3000}a = 1", "x.toml") == ["x.toml: tables must be nested at most 16 deep"]
    assert parsed(f"{'a.' * 14}a = 1", "x.toml")
    assert told(changes, [f"{'a.' * 3000}a=1"])[0].endswith("a key must have at most 16 parts")
    assert changes([f"a={'[' * 100}{']' * 100}"]) == [("a", f"{'[' * 100}{']' * 100}")]
