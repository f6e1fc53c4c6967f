"""What a search found, for programs, for spreadsheets and for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codesign.report import tables
from codesign.report.caveats import caveats, interval
from codesign.report.tables import rounded, with_spread
from codesign.search import rendering
from codesign.search.answer import Answer, Point
from codesign.search.describe import Question
from codesign.search.keep import keep
from codesign.search.run import Scores

SCHEMA = "codesign-search/1"


@dataclass(frozen=True)
class Lead:
    """The winner's lead over another network in points: the mean over seeds, and half its 95 % interval if told."""

    mean: float
    ci95: float | None


def lead(winner: Scores, other: Scores) -> Lead:
    """Winner minus other, paired by seed."""
    found = gain(winner, other)
    return Lead(sum(found) / len(found), interval(found))


def gain(winner: Scores, other: Scores) -> list[float]:
    """Winner minus other, seed by seed."""
    return [a - b for a, b in zip(winner.values, other.values, strict=True)]


def write(question: Question, points: Sequence[Point], folder: Path) -> None:
    """What was found for each budget, as `keep` leaves it."""
    keep(folder, question.name, record(question, points), csv_text(points), points)


def record(question: Question, points: Sequence[Point]) -> dict[str, Any]:
    """The JSON of a search: a certificate, and what it is compared with, for each budget."""
    rows = [
        {"arrays": p.arrays, "nothing_fits": p.why}
        if p.answer is None
        else {
            "arrays": p.arrays,
            "certificate": rendering.record(p.answer.certificate),
            **compared(p.answer),
            "tried": rendering.tried_record(p.answer.found.tried),
        }
        for p in points
    ]
    budgets = ("--budgets", ",".join(str(p.arrays) for p in points)) if len(points) > 1 else ()
    return {"schema": SCHEMA, **rendering.about(question, *budgets), "budgets": rows}


def compared(a: Answer) -> dict[str, Any]:
    """Uniform scaling and direct quantization, each with the winner's lead over it, paired by seed; percent."""
    found: dict[str, Any] = {}
    for name, other in (("uniform", a.uniform), ("direct", a.direct)):
        if other is None:
            found[name] = None
            continue
        ahead = lead(a.winner, other)
        found[name] = {
            "candidate": other.candidate.plain(),
            "mean": other.mean,
            "scores": other.values,
            "lead": ahead.mean,
            "lead_ci95": ahead.ci95,
        }
    return dict(rounded(found))


def csv_text(points: Sequence[Point]) -> str:
    """A line for each budget; accuracies in percent of the test set."""
    head = ["arrays_allowed", "arrays_used", "arrays_lower_bound", "winner", "interval", "energy_low_nj"]
    head += ["energy_high_nj", "accuracy", "accuracy_ci95", "uniform", "uniform_accuracy", "lead", "lead_ci95"]
    head += ["direct_accuracy", "rtl_images", "rtl_mismatches"]
    rows: list[list[Any]] = []
    for p in points:
        if p.answer is None:
            rows.append([p.arrays, *[""] * (len(head) - 1)])
            continue
        a, c = p.answer, p.answer.certificate
        line: list[Any] = [p.arrays, c.cost.arrays, c.cost.lower_bound, c.winner.label]
        line += [c.cost.interval, c.cost.energy_low_nj, c.cost.energy_nj, c.test.mean, interval(c.test.values)]
        if a.uniform is None:
            line += [""] * 4
        else:
            ahead = lead(a.winner, a.uniform)
            line += [a.uniform.candidate.label, a.uniform.mean, ahead.mean, ahead.ci95]
        rows.append(rounded([*line, a.direct.mean, c.rtl.accuracy.rtl.images, c.rtl.mismatches]))
    return tables.csv_text(head, rows)


def text_table(points: Sequence[Point]) -> tuple[list[str], list[list[str]], str]:
    """Columns, rows and a note for people."""
    head = ["arrays", "used", "winner", "accuracy", "uniform", "lead", "direct", "RTL"]
    rows = []
    for p in points:
        if p.answer is None:
            rows.append([str(p.arrays), "", "nothing fits", "", "", "", "", ""])
            continue
        a, c = p.answer, p.answer.certificate
        if a.uniform is None:
            uniform, ahead = "does not fit" if a.found.context.question.uniform else "", ""
        else:
            found = lead(a.winner, a.uniform)
            uniform, ahead = f"{a.uniform.mean:.2f}", with_spread(found.mean, found.ci95)
        rows.append(
            [
                str(p.arrays),
                str(c.cost.arrays),
                c.winner.label,
                with_spread(c.test.mean, interval(c.test.values)),
                uniform,
                ahead,
                f"{a.direct.mean:.2f}",
                f"{c.rtl.mismatches}/{c.rtl.accuracy.rtl.images}",
            ]
        )
    note = [
        "percent of the test set, mean over seeds ± half its 95 % interval; uniform: one factor for all layers",
        "lead: winner minus uniform, seed by seed; direct: the winner's layers, quantized directly after training",
        "RTL: words that differ / images simulated",
    ]
    for question in [p.answer.found.context.question for p in points if p.answer is not None][:1]:
        note += caveats(len(question.search.seeds), question.is_quick)
    return head, rows, "\n".join(note)
