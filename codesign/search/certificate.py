"""The certificate of a winner: what it costs against what it may, what lies beside it, and how sure the score is."""

from collections.abc import Iterator, Sequence
from typing import Any

from codesign.search.measure import seconds
from codesign.search.run import Found, Scores
from codesign.search.site import Site
from codesign.search.space import Candidate
from codesign.study.table import half_width

SCHEMA = "codesign-certificate/1"


def certificate(found: Found, test: Scores, rtl: dict[str, Any], rebuild: str) -> dict[str, Any]:
    """Everything that vouches for a winner, as JSON. test: on all training images, judged on the test set."""
    context, winner = found.context, found.winner
    cost = context.pricer(winner)
    near = list(neighbours(found))
    allowed = context.limits.given()
    content = {
        "schema": SCHEMA,
        "question": context.question.name,
        "limits": allowed,
        "winner": winner.plain(),
        "arrays": {
            "used": cost.arrays,
            "lower_bound": cost.lower_bound,
            "budget": context.base.chip.arrays.count,
        },
        "quantities": {k: {"value": v, "limit": allowed.get(k)} for k, v in cost.quantities().items()},
        "energy_nj": {"low": cost.energy_low_nj, "high": cost.energy_nj},
        "binding": sorted({limit for n in near if n["larger"] for limit in n["misses"]}),
        "neighbours": near,
        "held_out": _scores(found.finalists[0]),
        "finalists": [{"candidate": s.candidate.plain()} | _scores(s) for s in found.finalists],
        "test": _scores(test),
        "search": effort(found),
        "rtl": rtl,
        "rebuild": rebuild,
    }
    return dict(_rounded(content))


def neighbours(found: Found) -> Iterator[dict[str, Any]]:
    """The next choices of each free key: whether larger, what they cost, what they miss, and their score if trained."""
    context, winner = found.context, found.winner
    pricer = context.pricer
    own = pricer(winner)
    best = {t.candidate: t for t in found.tried}
    for key, candidate in context.space.beside(winner):
        cost = pricer(candidate)
        known = best.get(candidate)
        yield {
            "key": key,
            "candidate": candidate.plain(),
            "label": candidate.label,
            "larger": cost.cells > own.cells or (cost.cells == own.cells and _more(candidate[key], winner[key])),
            "arrays": cost.arrays,
            "fits": cost.fits,
            "misses": {m.limit: str(m) for m in cost.misses},
            "score": None if known is None else known.scores[-1],
            "epochs": None if known is None else context.rungs[len(known.scores) - 1],
        }


def effort(found: Found) -> dict[str, Any]:
    """How much was looked at."""
    return {
        "space": found.context.space.size,
        "fitting": found.fitting,
        "exhaustive": found.exhaustive,
        "asked": found.asked,
        "infeasible": found.infeasible,
        "trained": len(found.tried),
        "in_full": sum(t.full for t in found.tried),
        "failed": list(found.failed),
        "rungs": list(found.context.rungs),
    }


def training_seconds(found: Found, site: Site) -> float:
    """What the search's trainings took when they were done, finalists not counted; on other machines, other seconds."""
    context, seed = found.context, found.context.question.search.seeds[0]
    spent = (
        seconds(site.task(context, t.candidate, epochs, seed, held_out=True))
        for t in found.tried
        for epochs in context.rungs[: len(t.scores)]
    )
    return round(sum(spent), 1)


def text(c: dict[str, Any]) -> str:
    """The certificate for people."""
    arrays, search, test, rtl = c["arrays"], c["search"], c["test"], c["rtl"]
    lines = [
        f"winner: {_plain(c['winner'])}",
        f"  test accuracy {_mean(test)} % over seeds {', '.join(map(str, test['seeds']))}; "
        f"held-out {_mean(c['held_out'])} %",
        f"  {arrays['used']} of {arrays['budget']} arrays; no packing of these cells takes fewer than "
        f"{arrays['lower_bound']}",
    ]
    for name, q in c["quantities"].items():
        if q["limit"] is not None or name in ("interval", "programming_s"):
            limit = "" if q["limit"] is None else f", limit {q['limit']:,g}"
            lines.append(f"  {name} {q['value']:,.4g}{limit}")
    low, high = c["energy_nj"]["low"], c["energy_nj"]["high"]
    lines.append(f"  energy {low:,.1f} to {high:,.1f} nJ an image, by source (mapping/energy.py)")
    lines += [f"  next {_neighbour(n)}" for n in c["neighbours"]]
    of = "candidates" if search["fitting"] is None else f"of {search['fitting']:,} candidates that fit"
    lines += [
        f"  searched: trained {'all' if search['exhaustive'] else search['trained']} {of} in a space of "
        f"{search['space']:,}, {search['in_full']} of them in full; {search['infeasible']} proposals did not fit and "
        "took no training",
        f"  RTL: {rtl['mismatches']} words differ on {rtl['images']} images; latency {rtl['cycles_simulated']} cycles, "
        f"predicted {rtl['cycles_predicted']}; {rtl['images_out_of_time']} images in another cycle",
        f"  again: {c['rebuild']}",
    ]
    return "\n".join(lines)


def _neighbour(n: dict[str, Any]) -> str:
    """A neighbour in one line: why it does not fit, or what it scored."""
    score = "not trained" if n["score"] is None else f"{n['score']:.2f} % held-out after {n['epochs']} epochs"
    what = "; ".join(n["misses"].values()) or f"{score}, {n['arrays']} arrays"
    return f"{'larger ' if n['larger'] else 'smaller'} {n['label']}: {what}"


def _more(value: Any, than: Any) -> bool:
    """Whether a choice is the larger number: what decides between neighbours with equally many cells."""
    return isinstance(value, int | float) and isinstance(than, int | float) and value > than


def _scores(s: Scores) -> dict[str, Any]:
    return {"mean": s.mean, "ci95": half_width(s.values), "seeds": list(s.seeds), "scores": list(s.values)}


def _mean(s: dict[str, Any]) -> str:
    return f"{s['mean']:.2f}" + ("" if s["ci95"] is None else f" ± {s['ci95']:.2f}")


def _plain(settings: dict[str, Any]) -> str:
    return Candidate(tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in settings.items())).label


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, Sequence) and not isinstance(value, str) else value
