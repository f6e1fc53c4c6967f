"""What a study file must not say; each violation is one line: dotted key, what was found, what to do."""

from collections.abc import Iterable, Iterator
from typing import Any

from codesign.study.fields import Fields
from codesign.study.labels import number, shown


def broken(study: Fields) -> list[str]:
    """A line for every rule that the study breaks."""
    return [*_names(study), *_values(study), *_keys(study), *_picture(study)]


def useless(key: str) -> str | None:
    """Why setting the dotted `key` would have no effect; None if it has one."""
    path = [part.strip() for part in key.split(".")]
    if path == ["train", "seed"]:
        return f"{key}: is set by the study's seeds; list it there"
    if path[0] in {"name", "simulate", "die"}:
        return f"{key}: has no effect, because a study only trains; remove it"
    return None


def _names(study: Fields) -> Iterator[str]:
    cases, dies = [c.name for c in study.case], [d.name for d in study.die]
    if not cases:
        yield "case: the list is empty; leave it out, or give at least one"
        return
    yield from (f"case: name {n!r} is used twice; give each its own" for n in _twice(cases))
    yield from (f"die: name {n!r} is used twice; give each its own" for n in _twice(dies))
    if "ideal" in dies:
        yield "die: name 'ideal' is taken by the die without imperfections; choose another"
    for c in study.case:
        if c.against is not None and c.against not in cases:
            yield f"case {c.name}: against {c.against!r} is not a case; use one of {', '.join(cases)}"
    if study.headline is not None and study.headline not in cases:
        yield f"headline: {study.headline!r} is not a case; use one of {', '.join(cases)}"


def _values(study: Fields) -> Iterator[str]:
    quick = study.quick
    lists: dict[str, Any] = {"seeds": study.seeds, "quick.seeds": quick.seeds}
    lists |= {f"vary.{k}": v for k, v in study.vary.items()} | {f"quick.vary.{k}": v for k, v in quick.vary.items()}
    for key, values in lists.items():
        if not values:
            yield f"{key}: at least one is required"
        yield from (f"{key}: {shown(v)} is listed twice; remove one" for v in _twice(values))
    for key in quick.vary:
        if key not in study.vary:
            known = f"use {', '.join(study.vary)}" if study.vary else "use quick.set"
            yield f"quick.vary.{key}: does not vary in the study; {known}"


def _keys(study: Fields) -> Iterator[str]:
    settings: dict[str, Iterable[str]] = {f"case {c.name}": c.set for c in study.case} | {"quick.set": study.quick.set}
    for place, keys in settings.items():
        yield from (
            f"{place}: {key}: is also in vary, which overrides it; remove one" for key in keys if key in study.vary
        )
    settings["vary"] = study.vary
    settings |= {table: [f"{table}.{key}" for key in keys] for table, keys in study.recipe.items()}
    for place, keys in settings.items():
        yield from (f"{place}: {why}" for key in keys if (why := useless(key)))


def _picture(study: Fields) -> Iterator[str]:
    if study.plot is None:
        return
    x, axes = study.plot.x, [*study.vary, *(["die"] if study.die else [])]
    if x not in axes:
        known = f"use {', '.join(axes)}" if axes else "remove the plot"
        yield f"plot.x: {x!r} does not vary; {known}"
    elif study.plot.log:
        places = [None] if x == "die" else map(number, [*study.vary[x], *study.quick.vary.get(x, [])])
        if any(place is None or place <= 0 for place in places):
            yield f"plot.log: needs positive numbers along {x}; remove it"


def _twice(values: Iterable[Any]) -> list[Any]:
    """The values that occur more than once."""
    listed = list(values)
    return [v for k, v in enumerate(listed) if listed.index(v) == k and listed.count(v) > 1]
