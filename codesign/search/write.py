"""What a search leaves: NAME.json for programs, NAME.csv for spreadsheets, NAME.svg, and a table for people."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codesign.folders import atomic_write, writing
from codesign.search.answer import Answer
from codesign.search.certificate import text
from codesign.search.describe import Question
from codesign.search.run import Scores
from codesign.study.table import half_width

if TYPE_CHECKING:
    from codesign.search.answer import Point, Reached

SCHEMA = "codesign-search/1"


def write(question: Question, points: Sequence["Point"], folder: Path) -> None:
    """NAME.json, NAME.csv and, for several budgets, NAME.svg."""
    with writing(folder):
        atomic_write(folder / f"{question.name}.json", json.dumps(record(question, points), indent=1) + "\n")
        atomic_write(folder / f"{question.name}.csv", csv_text(points))
        if len(points) > 1:
            from codesign.search.plot import svg

            atomic_write(folder / f"{question.name}.svg", svg(question, points))


def record(question: Question, points: Sequence["Point"]) -> dict[str, Any]:
    """The JSON of a search: a certificate, and what it is compared with, for each budget."""
    rows = [
        {"arrays": p.arrays, "nothing_fits": p.why}
        if p.answer is None
        else {"arrays": p.arrays, "certificate": p.answer.certificate, **compared(p.answer)}
        for p in points
    ]
    return {"schema": SCHEMA, "name": question.name, "question": question.question, "budgets": rows}


def compared(a: Answer) -> dict[str, Any]:
    """Uniform scaling and direct quantization, each with the winner's lead over it, paired by seed; percent."""
    found: dict[str, Any] = {}
    for name, other in (("uniform", a.uniform), ("direct", a.direct)):
        if other is None:
            found[name] = None
            continue
        lead = gain(a.winner, other)
        found[name] = {
            "candidate": other.candidate.plain(),
            "mean": round(other.mean, 4),
            "scores": [round(v, 4) for v in other.values],
            "lead": round(sum(lead) / len(lead), 4),
            "lead_ci95": None if (half := half_width(lead)) is None else round(half, 4),
        }
    return found


def gain(winner: Scores, other: Scores) -> list[float]:
    """Winner less other, seed by seed."""
    return [a - b for a, b in zip(winner.values, other.values, strict=True)]


def csv_text(points: Sequence["Point"]) -> str:
    """A line for each budget; accuracies in percent of the test set."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ["arrays_allowed", "arrays_used", "arrays_lower_bound", "winner", "interval", "energy_low_nj"]
    head += ["energy_high_nj", "accuracy", "accuracy_ci95", "uniform", "uniform_accuracy", "lead", "lead_ci95"]
    writer.writerow([*head, "direct_accuracy", "rtl_images", "rtl_mismatches"])
    for p in points:
        if p.answer is None:
            writer.writerow([p.arrays, *[""] * (len(head) + 2)])
            continue
        c, other = p.answer.certificate, compared(p.answer)
        uniform, direct = other["uniform"] or {}, other["direct"]
        line = [p.arrays, c["arrays"]["used"], c["arrays"]["lower_bound"], p.answer.winner.candidate.label]
        line += [c["quantities"]["interval"]["value"], c["energy_nj"]["low"], c["energy_nj"]["high"]]
        line += [c["test"]["mean"], c["test"]["ci95"]]
        line += ["" if p.answer.uniform is None else p.answer.uniform.candidate.label]
        line += [uniform.get(k, "") for k in ("mean", "lead", "lead_ci95")]
        writer.writerow([*line, direct["mean"], c["rtl"]["images"], c["rtl"]["mismatches"]])
    return out.getvalue()


def text_table(points: Sequence["Point"]) -> tuple[list[str], list[list[str]], str]:
    """Columns, rows and a note for people."""
    head = ["arrays", "used", "winner", "accuracy", "uniform", "lead", "rounded", "RTL"]
    rows = []
    for p in points:
        if p.answer is None:
            rows.append([str(p.arrays), "", "nothing fits", "", "", "", "", ""])
            continue
        c, other, plain = p.answer.certificate, compared(p.answer), p.answer.uniform
        uniform = other["uniform"]
        rows.append(
            [
                str(p.arrays),
                str(c["arrays"]["used"]),
                p.answer.winner.candidate.label,
                _with(c["test"]["mean"], c["test"]["ci95"]),
                ("no fit" if p.answer.found.context.question.uniform else "") if plain is None else f"{plain.mean:.2f}",
                "" if uniform is None else _with(uniform["lead"], uniform["lead_ci95"]),
                f"{other['direct']['mean']:.2f}",
                f"{c['rtl']['mismatches']}/{c['rtl']['images']}",
            ]
        )
    note = [
        "percent of the test set, mean over seeds ± half its 95 % interval; uniform: one factor for all layers",
        "lead: winner less uniform, seed by seed; rounded: the winner's layers, quantized after training",
        "RTL: words that differ, of so many images",
    ]
    return head, rows, "\n".join(note)


def reached_record(r: "Reached") -> dict[str, Any]:
    """The JSON of the least chip for an accuracy."""
    probed = [{"limit": limit, "held_out": round(mean, 4)} for limit, mean in r.probed]
    return {
        "schema": SCHEMA,
        "reach": r.target,
        "minimize": r.quantity,
        "least": r.least,
        "probed": probed,
        "certificate": r.answer.certificate,
    }


def reached_text(r: "Reached") -> str:
    """The same for people."""
    lines = [f"{r.quantity} <= {limit:g}: {mean:.2f} % held-out" for limit, mean in r.probed]
    return "\n".join([*lines, f"least {r.quantity} for {r.target:g} %: {r.least:g}", text(r.answer.certificate)])


def _with(value: float, spread: float | None) -> str:
    return f"{value:.2f}" + ("" if spread is None else f" ± {spread:.2f}")
