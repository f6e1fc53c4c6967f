"""What a search tried: which candidates are dominated, the best so far, and which free keys matter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codesign.brief import Brief

FEWEST = 10  # trained candidates below which the importance of a key is not told


@dataclass(frozen=True)
class Candidate(Brief):
    """A trained candidate. scores: held-out percent, one for each rung that it reached, the cheapest first."""

    label: str
    settings: tuple[tuple[str, str], ...]  # free key, value as text
    scores: tuple[float, ...]
    full: bool  # trained to the last rung
    costs: tuple[tuple[str, float], ...]

    def cost(self, quantity: str) -> float | None:
        """A quantity of `Limits`; None if it is not known."""
        return dict(self.costs).get(quantity)


def candidates(record: Sequence[dict[str, Any]]) -> tuple[Candidate, ...]:
    """The entries `tried` of a search's JSON."""
    return tuple(
        Candidate(
            entry["label"],
            tuple((key, str(value)) for key, value in entry["candidate"].items()),
            tuple(entry["scores"]),
            entry["full"],
            tuple((k, v) for k, v in entry["quantities"].items() if v is not None),
        )
        for entry in record
    )


def tried(record: dict[str, Any]) -> tuple[Candidate, ...]:
    """The candidates of a search's JSON, each once, as far as it was trained under any of the limits."""
    best: dict[str, Candidate] = {}
    for entry in (record, *record.get("budgets", [])):
        for one in candidates(entry.get("tried", [])):
            if one.label not in best or len(one.scores) > len(best[one.label].scores):
                best[one.label] = one
    return tuple(best.values())


def unbeaten(points: Sequence[tuple[float, float]]) -> tuple[bool, ...]:
    """Which (cost, score) points lie on the Pareto front: none is cheaper or as cheap, and better or as good, but for
    equal ones."""
    return tuple(
        not any((c <= cost and s >= score) and (c < cost or s > score) for c, s in points) for cost, score in points
    )


def best_so_far(found: Sequence[Candidate]) -> tuple[float, ...]:
    """After every candidate in the order of the search, the best score of those trained in full; NaN before any."""
    best, line = float("nan"), []
    for one in found:
        if one.full and not one.scores[-1] <= best:
            best = one.scores[-1]
        line.append(best)
    return tuple(line)


def importances(found: Sequence[Candidate]) -> dict[str, float]:
    """For every free key that varies, the share of the variance of scores that lies between its values, 0..1.

    Scores of the first rung, which every candidate reached. Shares of keys that vary together overlap. None where fewer
    than FEWEST candidates were trained, or all score the same.
    """
    scores = [c.scores[0] for c in found]
    if len(found) < FEWEST or max(scores) == min(scores):
        return {}
    mean = sum(scores) / len(scores)
    whole = sum((s - mean) ** 2 for s in scores)
    shares = {}
    for k, (key, _) in enumerate(found[0].settings):
        groups: dict[str, list[float]] = {}
        for one, score in zip(found, scores, strict=True):
            groups.setdefault(one.settings[k][1], []).append(score)
        if len(groups) > 1:
            shares[key] = sum(len(g) * (sum(g) / len(g) - mean) ** 2 for g in groups.values()) / whole
    return dict(sorted(shares.items(), key=lambda pair: (-pair[1], pair[0])))
