"""A certificate for programs and for people."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from codesign import __version__
from codesign.brief import counted
from codesign.report import Metrics
from codesign.report.caveats import interval
from codesign.report.numbers import amount
from codesign.report.tables import rounded, with_spread
from codesign.search.certificate import Certificate, Neighbour
from codesign.search.describe import Question
from codesign.search.run import Scores
from codesign.search.trial import Tried

SCHEMA = "codesign-certificate/1"


def record(c: Certificate) -> dict[str, Any]:
    """The certificate as JSON."""
    allowed = c.limits.given()
    content = {
        "schema": SCHEMA,
        "question": c.question,
        "limits": allowed,
        "winner": c.winner.plain(),
        "arrays": {"used": c.cost.arrays, "lower_bound": c.cost.lower_bound, "budget": c.budget},
        "quantities": {k: {"value": v, "limit": allowed.get(k)} for k, v in c.cost.quantities().items()},
        "energy_nj": {"low": c.cost.energy_low_nj, "high": c.cost.energy_nj},
        "binding": c.binding,
        "neighbours": [_neighbour_record(n) for n in c.neighbours],
        "held_out": _scores(c.held_out),
        "finalists": [{"candidate": s.candidate.plain()} | _scores(s) for s in c.finalists],
        "test": _scores(c.test),
        "search": asdict(c.looked),
        "rtl": _rtl(c.rtl),
        "rebuild": c.rebuild,
    }
    return dict(rounded(content))


def tried_record(known: Sequence[Tried]) -> list[dict[str, Any]]:
    """Every candidate that was trained, in the order of the search."""
    entries = [
        {
            "candidate": t.candidate.plain(),
            "label": t.candidate.label,
            "scores": t.scores,
            "full": t.full,
            "quantities": t.cost.quantities(),
        }
        for t in known
    ]
    return list(rounded(entries))


def about(question: Question, *options: str) -> dict[str, Any]:
    """What every record of a question says of where it comes from. options: of the command line."""
    return {
        "name": question.name,
        "question": question.question,
        "codesign": __version__,
        "command": question.command(*options),
        "quick": question.is_quick,
    }


def _neighbour_record(n: Neighbour) -> dict[str, Any]:
    return {
        "key": n.key,
        "candidate": n.candidate.plain(),
        "label": n.candidate.label,
        "larger": n.larger,
        "arrays": n.cost.arrays,
        "fits": n.cost.fits,
        "misses": {m.limit: str(m) for m in n.cost.misses},
        "score": n.score,
        "epochs": n.epochs,
    }


def _scores(s: Scores) -> dict[str, Any]:
    return {"mean": s.mean, "ci95": interval(s.values), "seeds": s.seeds, "scores": s.values}


def _rtl(m: Metrics) -> dict[str, Any]:
    """What the winner's simulation showed."""
    same = m.accuracy.comparable
    return {
        "images": m.accuracy.rtl.images,
        "mismatches": m.mismatches,
        "first_mismatch": m.first_mismatch,
        "accuracy_rtl": m.accuracy.rtl.percent,
        "accuracy_reference": None if same is None else same.percent,  # of the same images
        "reference_images": None if same is None else same.images,
        "arrays_used": m.arrays.used,
        "cycles_predicted": m.cycles.predicted,
        "cycles_simulated": m.cycles.simulated,
        "timing_errors": m.cycles.timing_errors,
        "simulator": m.simulator,
        "simulator_version": m.simulator_version,
    }


def text(c: Certificate) -> str:
    """The certificate for people."""
    cost, search, rtl, allowed = c.cost, c.looked, c.rtl, c.limits.given()
    lines = [
        f"winner: {c.winner.label}",
        f"  test accuracy {_mean(c.test)} % over seeds {', '.join(map(str, c.test.seeds))}; "
        f"held-out {_mean(c.held_out)} %",
        f"  {cost.arrays} of {c.budget} arrays; no packing of these cells takes fewer than {cost.lower_bound}",
    ]
    for name, value in cost.quantities().items():
        if name in allowed or name in ("interval", "programming_s"):
            limit = f", limit {allowed[name]:,g}" if name in allowed else ""
            lines.append(f"  {name} {amount(value or 0)}{limit}")
    lines += [f"  {rtl.slicing}"] if rtl.slicing else []
    low, high = cost.energy_low_nj or 0, cost.energy_nj or 0
    lines.append(f"  energy {low:,.1f} to {high:,.1f} nJ per image, by source (mapping/energy.py)")
    lines += [f"  next {_neighbour(n)}" for n in c.neighbours]
    of = "candidates" if search.fitting is None else f"of {search.fitting:,} candidates that fit"
    lines += [
        f"  searched: trained {'all' if search.exhaustive else search.trained} {of} in a space of "
        f"{search.space:,}, {search.in_full} of them in full; {search.infeasible} proposals did not fit and "
        "were not trained",
        f"  RTL: {counted(rtl.mismatches, 'word', 'differs', 'differ')} "
        f"on {counted(rtl.accuracy.rtl.images, 'image')}; "
        f"latency {rtl.cycles.simulated} cycles, predicted {rtl.cycles.predicted}; "
        f"{counted(rtl.cycles.timing_errors, 'timing error')}",
        f"  to repeat it: {c.rebuild}",
    ]
    return "\n".join(lines)


def _neighbour(n: Neighbour) -> str:
    """A neighbour in one line: why it does not fit, or its score."""
    score = "not trained" if n.score is None else f"{n.score:.2f} % held-out after {n.epochs} epochs"
    what = "; ".join(map(str, n.cost.misses)) or f"{score}, {n.cost.arrays} arrays"
    return f"{'larger ' if n.larger else 'smaller'} {n.candidate.label}: {what}"


def _mean(s: Scores) -> str:
    return with_spread(s.mean, interval(s.values))
