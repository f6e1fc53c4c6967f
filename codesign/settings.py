"""TOML files, read into validated records; every mistake is reported at once, one per line."""

import difflib
import json
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError

from codesign.checked import broken
from codesign.errors import ConfigError, plain

TOML_LIMIT = 1 << 20  # bytes of a chip, flow, study or question file
_LONG = "must be an integer of 64 bits at most"
DEEPEST = 16  # tables and lists within each other

Int = Annotated[int, Field(strict=True)]  # not "16", not true
M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], text: str, where: str) -> M:
    """TOML text as an instance of `model`. Raises ConfigError that lists every mistake, one per line."""
    return validate_data(model, parsed(text, where), where)


def parsed(text: str, where: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises ConfigError."""
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as e:  # TOMLDecodeError is a ValueError; numbers too long, brackets too deep
        raise ConfigError(f"{where}: is not TOML ({e})") from None
    if _depth(tables) > DEEPEST:
        raise ConfigError(f"{where}: tables must be nested at most {DEEPEST} deep")
    return tables


def _depth(tables: Any) -> int:
    """How deep tables and lists are nested, one more than `DEEPEST` at most."""
    level, depth = [tables], 0
    while level and depth <= DEEPEST:
        level = [v for t in level for v in (t.values() if isinstance(t, dict) else t) if isinstance(v, dict | list)]
        depth += 1
    return depth


def validate_data(model: type[M], data: dict[str, Any], where: str) -> M:
    """The tables of a file as an instance of `model`. Raises ConfigError that lists every mistake, one per line.

    A key in `model.renamed` (old dotted key: new one) is reported with its new name.
    """
    unfit = dict(_unfit(data))
    lines = list(unfit.values())
    if any(_LONG in line for line in lines):  # Python prints no such number, nor does pydantic
        raise ConfigError("\n".join(f"{where}: {line}" for line in lines))
    try:
        made = model.model_validate(data)
    except ValidationError as e:
        if meant := _meant(data, model.__name__):
            lines.append(meant)
        else:
            lines += [line for path, line in _findings(e, model) if not _within(path, unfit)]
            lines += broken(model, data)
    if lines:
        raise ConfigError("\n".join(f"{where}: {line}" for line in dict.fromkeys(lines)))
    return made


Path = tuple[str | int, ...]  # of a value: the keys and places in lists that lead to it


def _unfit(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Path and message of each text that would not stay on its line in a terminal, or is not UTF-8."""
    key = ".".join(map(str, path))
    if isinstance(value, str) and plain(value) != value:
        yield path, f"{key}: must be one line without control characters, got {value!r}"
    elif isinstance(value, int) and value.bit_length() > 63:
        yield path, f"{key}: {_LONG}, got one of {value.bit_length()}"
    elif isinstance(value, dict):
        for name, below in value.items():
            if plain(name) != name:
                where = f"{key}.{plain(name)}" if key else plain(name)
                yield (*path, name), f"{where}: a key must be one line without control characters"
            else:
                yield from _unfit(below, (*path, name))
    elif isinstance(value, list):
        for k, below in enumerate(value):
            yield from _unfit(below, (*path, k))


def _within(path: Path, others: Iterable[Path]) -> bool:
    """Whether a value is one of the others, or inside one of them."""
    return any(path[: len(other)] == other for other in others)


# How to recognize a kind of file: its model's name, keys that it has, keys that it lacks, and what it is for.
_KINDS: tuple[tuple[str, set[str], set[str], str], ...] = (
    ("Chip", {"arrays", "device"}, set(), "is a chip, not a {}; give it to `codesign chip check`, or name it in a {}"),
    ("Question", {"free"}, set(), "is a question, not a {}; give it to `codesign optimize`"),
    ("Study", {"question"}, {"free"}, "is a study, not a {}; give it to `codesign study`"),
    (
        "Flow",
        {"chip"},
        {"question", "free", "case", "vary", "seeds", "search"},
        "is a flow, not a {}; give it to `codesign run`",
    ),
)


def _meant(data: dict[str, Any], model: str) -> str | None:
    """The kind of a file that was given as another kind, in words; None if it is what `model` expects, or unknown."""
    if model not in {kind for kind, *_ in _KINDS}:
        return None
    for kind, there, absent, says in _KINDS:
        if there <= data.keys() and not absent & data.keys():
            return None if kind == model else says.format(*[model.lower()] * 2)
    return None


_REQUIRED = {  # in our words; pydantic's stand where none are
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text in quotes",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_short": "must be at least {min_length} long",
    "literal_error": "must be {expected}",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}


def _findings(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Path, str]]:
    """Path and line of each mistake that pydantic found."""
    for item in error.errors():
        path = item["loc"]
        key = ".".join(map(str, path)) or "file"
        if item["type"] == "default_factory_not_called":
            continue  # a consequence of another mistake, which is listed
        renamed = getattr(model, "renamed", {})
        if item["type"] == "extra_forbidden" and (new := renamed.get(key) or renamed.get(f"train.{key}")):
            yield path, f"{key}: is now {new}"
        elif item["type"] == "extra_forbidden":
            known = _keys(model, path[:-1])
            near = difflib.get_close_matches(str(path[-1]), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
            yield path, f"{key}: unknown key; {hint}"
        elif item["type"] == "missing":
            yield path, f"{key}: missing; it is required"
        elif item["type"] == "value_error":
            for line in str(item["ctx"]["error"]).splitlines():
                yield path, f"{key}.{line}" if path else line
        else:
            said = item["msg"][0].lower() + item["msg"][1:]
            if item["type"] in _REQUIRED:
                said = _REQUIRED[item["type"]].format(**{k: _whole(v) for k, v in item.get("ctx", {}).items()})
            yield path, f"{key}: {said}, got {item['input']!r}"


def _whole(value: Any) -> Any:
    """A limit as a file would write it: 2 rather than 2.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _keys(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    for part in path:
        if isinstance(part, int):
            continue  # a place in a list
        field = model.model_fields.get(str(part))
        kinds = () if field is None else (field.annotation, *get_args(field.annotation))
        parts = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
        if not parts:
            return []
        model = parts[0]
    return sorted(model.model_fields)


def changes(sets: Sequence[str]) -> list[tuple[str, Any]]:
    """Each KEY=VALUE as (dotted key, value): a TOML value, or a bare word as a string. Raises ConfigError."""
    found: list[tuple[str, Any]] = []
    for text in sets:
        key, equals, value = text.partition("=")
        if not equals or not all(p.strip() for p in key.split(".")):
            raise ConfigError(f"--set {text}: must be KEY=VALUE, for example train.epochs=5")
        if key.count(".") >= DEEPEST:
            raise ConfigError(f"--set {key[:40]}...: a key must have at most {DEEPEST} parts")
        try:
            given = tomllib.loads(f"x = {value}")
            found.append((key, given["x"] if _depth(given) <= DEEPEST else value.strip()))
        except (ValueError, RecursionError):
            found.append((key, value.strip()))
    return found


def put(data: dict[str, Any], path: list[str], value: Any) -> str | None:
    """Set the value at `path`, creating tables as needed. Returns what is wrong if a value is in the way."""
    table: Any = data
    for k, part in enumerate(path[:-1]):
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            above = ".".join(path[: k + 1])
            return f"{'.'.join(path)}: {above} is a value, not a table; set {above} itself"
    table[path[-1]] = value
    return None


def toml(data: dict[str, Any]) -> str:
    """A dictionary as TOML, with a table for every dictionary at the top level."""
    plain = [f"{_key(k)} = {_value(v)}" for k, v in data.items() if not isinstance(v, dict)]
    tables = [
        "\n".join(["", f"[{_key(k)}]", *(f"{_key(n)} = {_value(x)}" for n, x in v.items())])
        for k, v in data.items()
        if isinstance(v, dict)
    ]
    return "\n".join([*plain, *tables]) + "\n"


def _key(name: str) -> str:
    return (
        name
        if name.isascii() and name.replace("_", "").replace("-", "").isalnum()
        else json.dumps(name, ensure_ascii=False)
    )


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    if isinstance(value, bool | int | str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return repr(value)  # also nan and inf, which the models refuse in their own words
    return str(value)  # dates and times
