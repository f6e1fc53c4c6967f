"""Accuracy against one quantity: the Pareto front, searched with NSGA-II."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codesign.brief import Brief
from codesign.errors import ConfigError
from codesign.report.caveats import caveats
from codesign.report.tables import csv_text
from codesign.search.context import Context
from codesign.search.describe import Limits, Question
from codesign.search.keep import keep
from codesign.search.rendering import about, tried_record
from codesign.search.run import Progress, explore
from codesign.search.sweep import start
from codesign.search.trial import Tried
from codesign.workers import Workers

SCHEMA = "codesign-front/1"


@dataclass(frozen=True)
class Front(Brief):
    """The Pareto-optimal candidates, cheapest first; held-out accuracies after one full training each.

    every: all that were trained, in the order of the search.
    """

    context: Context
    best: tuple[Tried, ...]
    every: tuple[Tried, ...]
    exhaustive: bool

    @property
    def trained(self) -> int:
        """How many were trained."""
        return len(self.every)

    @property
    def quantity(self) -> str:
        """What is minimized beside accuracy."""
        return str(self.context.front)


def front(
    question: Question,
    out: str | Path,
    quantity: str,
    data: str | Path | None = None,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> Front:
    """The front of held-out accuracy against `quantity`, a name of `Limits`.

    Left as `keep` does. If at most `search.trials` candidates fit, all are trained. Raises as
    `sweep.optimize` does.
    """
    if quantity not in Limits.model_fields:
        raise ConfigError(f"--front {quantity}: no such quantity; use one of {', '.join(Limits.model_fields)}")
    with start(question, out, data) as (first, site):
        context = replace(first, front=quantity)
        show = progress or (lambda what, done, of, note: None)
        known, _, fitting = explore(context, site, workers or Workers(), [], show)
        best = unbeaten(known, quantity)
        found = Front(context, tuple(best), tuple(known), fitting is not None and len(known) >= fitting)
        keep(site.out, f"{question.name}-{quantity}", front_record(found), _csv(found))
    return found


def unbeaten(known: Sequence[Tried], quantity: str) -> list[Tried]:
    """The Pareto-optimal candidates, cheapest first."""
    best: list[Tried] = []
    for t in sorted(known, key=lambda t: (_cost(t, quantity), -t.scores[-1], t.candidate.label)):
        if not best or t.scores[-1] > best[-1].scores[-1]:
            best.append(t)
    return best


def front_record(found: Front) -> dict[str, Any]:
    """The JSON of a front."""
    return {
        "schema": SCHEMA,
        **about(found.context.question, "--front", found.quantity),
        "quantity": found.quantity,
        "trained": found.trained,
        "exhaustive": found.exhaustive,
        "front": [
            {
                "candidate": t.candidate.plain(),
                "held_out": round(t.scores[-1], 4),
                "quantities": t.cost.quantities(),
            }
            for t in found.best
        ],
        "tried": tried_record(found.every),
    }


def front_table(found: Front) -> tuple[list[str], list[list[str]], str]:
    """Columns, rows and a note for people."""
    rows = [[f"{_cost(t, found.quantity):g}", f"{t.scores[-1]:.2f}", t.candidate.label] for t in found.best]
    how = "every candidate that fits was trained" if found.exhaustive else f"{found.trained} candidates trained"
    note = [f"{how}; one seed, percent of held-out images", *caveats(1, found.context.question.is_quick)]
    return [found.quantity, "held-out accuracy", "candidate"], rows, "\n".join(note)


def _csv(found: Front) -> str:
    keys = list(Limits.model_fields)
    rows = [[t.candidate.label, f"{t.scores[-1]:.4f}", *(t.cost.quantities()[k] for k in keys)] for t in found.best]
    return csv_text(["candidate", "held_out", *keys], rows)


def _cost(t: Tried, quantity: str) -> float:
    return float(t.cost.quantities()[quantity] or 0.0)
