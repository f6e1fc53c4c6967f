"""What --reach found, for programs and for people: the smallest chip, or what comes nearest where none does."""

from pathlib import Path
from typing import Any

from codesign.brief import counted
from codesign.report.caveats import caveats
from codesign.report.numbers import amount
from codesign.report.tables import rounded
from codesign.search import rendering
from codesign.search.answer import Reached
from codesign.search.describe import Question
from codesign.search.keep import keep
from codesign.search.write import SCHEMA, compared

SHOWN = 20  # rows for people


def write_reached(question: Question, found: Reached, folder: Path) -> None:
    """NAME-reach.json and .svg, and report.html."""
    keep(folder, f"{question.name}-reach", reached_record(found))


def reached_record(r: Reached) -> dict[str, Any]:
    """The JSON of the smallest chip for an accuracy, or of what comes nearest."""
    probed = [{"limit": limit, "held_out": round(mean, 4)} for limit, mean in r.probed]
    told: dict[str, Any] = {
        "schema": SCHEMA,
        **rendering.about(r.found.context.question, "--reach", f"{r.target:g}", "--minimize", r.quantity),
        "reach": r.target,
        "minimize": r.quantity,
        "reached": r.answer is not None,
        "least": r.least,
        "probed": probed,
    }
    if r.answer is None:
        nearest = {"candidate": r.nearest.candidate.plain(), "label": r.nearest.candidate.label}
        scores = {"mean": r.nearest.mean, "seeds": r.nearest.seeds, "scores": r.nearest.values}
        told["nearest"] = nearest | dict(rounded(scores | {"short": r.short}))
    else:
        told |= {"certificate": rendering.record(r.answer.certificate), **compared(r.answer)}
    return told | {"tried": rendering.tried_record(r.found.tried)}


def reached_text(r: Reached) -> str:
    """The smallest chip for an accuracy, for people."""
    assert r.answer is not None
    lines = [f"{r.quantity} <= {limit:g}: {mean:.2f} % held-out" for limit, mean in r.probed]
    least = f"{r.quantity} needed for {r.target:g} %: {r.least:g}"
    return "\n".join([*lines, least, rendering.text(r.answer.certificate), *_caveats(r)])


def missed_table(r: Reached) -> tuple[list[str], list[list[str]], str]:
    """What was tried for an accuracy that nothing reached, the nearest first: columns, rows and a note for people."""
    context = r.found.context
    final = {
        s.candidate: (s.mean, counted(len(s.seeds), "seed") if len(s.seeds) > 1 else "in full")
        for s in r.found.finalists
    }
    found = [(s.candidate, *final[s.candidate]) for s in r.found.finalists]
    for t in sorted(r.found.tried, key=lambda t: t.rank, reverse=True):
        if t.candidate not in final:
            epochs = context.rungs[len(t.scores) - 1]
            found.append((t.candidate, t.scores[-1], "in full" if t.full else counted(epochs, "epoch")))
    price = context.pricer
    rows = [
        [f"{score:.2f}", f"{r.target - score:.2f}", how, amount(price(c).quantities()[r.quantity] or 0), c.label]
        for c, score, how in found
    ]
    more = f"; {len(rows) - SHOWN} more in {context.question.name}-reach.json" if len(rows) > SHOWN else ""
    note = [
        f"percent of held-out images under {context.name}, means over seeds where there are several{more}",
        f"nearest: {r.nearest.candidate.label}, {r.short:.2f} points short of {r.target:g} %",
        *_caveats(r),
    ]
    return ["held-out", "short by", "trained", r.quantity, "candidate"], rows[:SHOWN], "\n".join(note)


def missed_text(r: Reached) -> str:
    """The error where nothing reaches the accuracy."""
    return (
        f"{r.found.context.question.where}: nothing reached {r.target:g} % held-out; the nearest is "
        f"{r.nearest.mean:.2f} %, {r.nearest.candidate.label}; ask for less, free larger choices or raise search.trials"
    )


def _caveats(r: Reached) -> list[str]:
    return list(caveats(len(r.nearest.seeds), r.found.context.question.is_quick))
