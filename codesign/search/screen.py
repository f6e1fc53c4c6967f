"""What fits, without any training: every candidate priced, and the Pareto front of those that fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codesign.brief import Brief
from codesign.errors import ConfigError
from codesign.folders import claimed
from codesign.report.numbers import amount
from codesign.report.tables import csv_text
from codesign.search.context import Context
from codesign.search.cost import Cost
from codesign.search.describe import Limits, Question
from codesign.search.keep import keep
from codesign.search.rendering import about
from codesign.search.run import nothing
from codesign.search.site import sized
from codesign.search.space import Candidate
from codesign.search.sweep import limits_of
from codesign.search.trial import ENUMERATE
from codesign.views.cloud import COSTS

SCHEMA = "codesign-screen/1"
SHOWN = 20  # rows for people


@dataclass(frozen=True)
class Screened(Brief):
    """All candidates of a space with their costs, in the space's order, and which of them lie on the front.

    The front: the candidates that fit and are Pareto-optimal in cells for weights (the more the better) and in arrays,
    cycles and energy. Cells stand for accuracy, which only training tells.
    """

    context: Context
    priced: tuple[tuple[Candidate, Cost], ...]
    front: tuple[bool, ...]


def screen(question: Question, out: str | Path, arrays: int | None = None, data: str | Path | None = None) -> Screened:
    """Price the whole space and write NAME-screen.json, .csv and .svg. Nothing is sampled: every candidate is listed.

    Raises ConfigError when the space is too large for that, CapacityError with the closest candidate when nothing
    fits.
    """
    home = Path(out).resolve()
    with claimed(out, "search"):
        first = sized(question, None if data is None else Path(data).resolve())
        if first.space.size > ENUMERATE:
            raise ConfigError(
                f"{question.where}: --screen lists every candidate, and {first.space.size:,} are too many "
                f"(at most {ENUMERATE:,}); free fewer values"
            )
        context = first.under(limits_of(question, [] if arrays is None else [arrays])[0])
        pricer = context.pricer
        priced = tuple((c, pricer(c)) for c in context.space)
        if not any(cost.fits for _, cost in priced):
            raise nothing(context, context.space)
        found = Screened(context, priced, tuple(_front([cost for _, cost in priced])))
        keep(home, f"{question.name}-screen", screen_record(found), screen_csv(found), indent=None)
    return found


def screen_table(found: Screened) -> tuple[list[str], list[list[str]], str]:
    """The front for people, most cells first: columns, rows and a note."""
    front = [pair for pair, on in zip(found.priced, found.front, strict=True) if on]
    rows = [
        [c.label, f"{cost.cells:,}", *(amount(cost.quantities()[k] or 0) for k in COSTS)]
        for c, cost in sorted(front, key=lambda pair: (-pair[1].cells, pair[1].arrays))
    ]
    fit = sum(cost.fits for _, cost in found.priced)
    more = f"; {len(rows) - SHOWN} more in the .csv" if len(rows) > SHOWN else ""
    never = sum(cost.is_impossible for _, cost in found.priced)
    wrong = f"; {never:,} cannot be built" if never else ""
    note = [
        f"{fit:,} of all {len(found.priced):,} candidates meet {found.context.name}{wrong}; nothing was trained",
        f"shown: the Pareto front of cells and costs{more}",
    ]
    return ["candidate", "cells", *COSTS], rows[:SHOWN], "\n".join(note)


def screen_record(found: Screened) -> dict[str, Any]:
    """The JSON of a screening: every candidate."""
    return {
        "schema": SCHEMA,
        **about(found.context.question, "--screen"),
        "limits": found.context.limits.given(),
        "candidates": [
            {
                "candidate": c.plain(),
                "label": c.label,
                "cells": cost.cells,
                "lower_bound": cost.lower_bound,
                "quantities": cost.quantities(),
                "misses": [str(m) for m in cost.misses],
                "front": on,
            }
            for (c, cost), on in zip(found.priced, found.front, strict=True)
        ],
    }


def screen_csv(found: Screened) -> str:
    """Every candidate: what it costs, what it misses, whether it lies on the front."""
    keys = list(Limits.model_fields)
    rows: list[list[Any]] = []
    for (candidate, cost), on in zip(found.priced, found.front, strict=True):
        values = ["" if (v := cost.quantities()[k]) is None else f"{v:g}" for k in keys]
        misses = "; ".join(map(str, cost.misses))
        rows.append([candidate.label, cost.cells, cost.lower_bound, *values, int(cost.fits), int(on), misses])
    return csv_text(["candidate", "cells", "lower_bound", *keys, "fits", "front", "misses"], rows)


def _front(costs: Sequence[Cost]) -> list[bool]:
    at = [k for k, c in enumerate(costs) if c.fits]
    table = np.array([[-costs[k].cells, *(costs[k].quantities()[q] or 0 for q in COSTS)] for k in at], float)
    on = [False] * len(costs)
    for k, row in zip(at, table, strict=True):
        on[k] = not bool(((table <= row).all(axis=1) & (table < row).any(axis=1)).any())
    return on
