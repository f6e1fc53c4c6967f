"""The tables of the reference pages, generated from field descriptions: `python -m codesign.reference` rewrites them.

A page holds prose and, between two markers, the fields of one pydantic model:

    <!-- fields codesign.chip.description.Arrays -->
    (the table)
    <!-- end -->
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

PAGES = ("docs/chip.md", "docs/flow.md", "docs/study.md", "docs/question.md")
_MARKED = re.compile(r"(<!-- fields ([\w.]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fresh(page: str) -> str:
    """The page with every marked table generated again. Raises AttributeError where a marker names no model."""
    return _MARKED.sub(lambda m: f"{m[1]}{table(model(m[2]))}{m[3]}", page)


def table(source: type[BaseModel]) -> str:
    """The fields of a model as a Markdown table: key, values, default, meaning."""
    lines = ["| key | values | default | meaning |", "|---|---|---|---|"]
    for name, field in source.model_fields.items():
        cells = (f"`{name}`", _values(field.annotation, field.metadata), _default(field), field.description or "")
        lines.append("| " + " | ".join(c.replace("\n", " ").replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines) + "\n"


def model(path: str) -> type[BaseModel]:
    """The model of a marker."""
    module, name = path.rsplit(".", 1)
    found = getattr(import_module(module), name)
    assert isinstance(found, type) and issubclass(found, BaseModel), path
    return found


def _values(kind: Any, metadata: list[Any]) -> str:
    """What a value may be, in words: "1..8", "`a` or `b`", "list of numbers > 0"."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        below = [m for part in args[1:] for m in (part.metadata if isinstance(part, FieldInfo) else [part])]
        return _values(args[0], below + metadata)
    if origin is Literal:
        return ", ".join(f"`{a}`" for a in args)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return f"list: {_values(args[0], [])}"
    if origin is tuple:
        return f"[{', '.join(_values(a, []) for a in args)}]"
    if origin is list:
        return "list"
    if origin is dict or kind is dict:
        return "table"
    if origin is not None and (origin is Union or str(origin) == "<class 'types.UnionType'>"):
        return " or ".join(_values(a, metadata) for a in args if a is not type(None))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "table"
    if kind is bool:
        return "true, false"
    if kind is str:
        return "text"
    return _range({int: "integer", float: "number"}.get(kind, "any"), metadata)


def _range(what: str, metadata: list[Any]) -> str:
    """An integer or a number within its limits."""
    low = next((m for m in metadata if isinstance(m, Ge | Gt)), None)
    high = next((m for m in metadata if isinstance(m, Le | Lt)), None)
    multiple = next((f", a multiple of {m.multiple_of}" for m in metadata if isinstance(m, MultipleOf)), "")
    if isinstance(low, Ge) and isinstance(high, Le):
        span = f" {_number(low.ge)}..{_number(high.le)}"
    else:
        lower = "" if low is None else f" >= {_number(low.ge)}" if isinstance(low, Ge) else f" > {_number(low.gt)}"
        upper = "" if high is None else f" <= {_number(high.le)}" if isinstance(high, Le) else f" < {_number(high.lt)}"
        span = lower + (" and" if lower and upper else "") + upper
    return f"{what}{span}{multiple}"


def _number(value: Any) -> str:
    power = isinstance(value, int) and value > 1 << 20 and value & (value - 1) == 0
    return f"2^{value.bit_length() - 1}" if power else f"{value:,}"


def _default(field: FieldInfo) -> str:
    """The default in TOML notation; "required", "absent", or "see meaning" where it depends on other keys."""
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        if field.default_factory_takes_validated_data:
            return "see meaning"
        value = field.default_factory()  # type: ignore[call-arg]
    else:
        value = field.default
    if value is None or value is PydanticUndefined:
        return "absent"
    if isinstance(value, BaseModel) or value == {}:
        return "its defaults" if value else "none"
    if isinstance(value, tuple) and any(isinstance(v, BaseModel) for v in value):
        return "one, plain"
    text = str(list(value)) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else value
    return f"`{text}`"


if __name__ == "__main__":
    for name in PAGES:
        path = Path(name)
        path.write_text(fresh(path.read_text(encoding="utf-8")), encoding="utf-8")
