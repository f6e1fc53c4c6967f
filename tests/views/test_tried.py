"""Fronts, the best so far and importances, by hand and by an independent count."""

import math

import numpy as np
import pytest

from codesign.views.tried import FEWEST, Candidate, best_so_far, candidates, importances, unbeaten


def one(label: str, score: float, full: bool = True, **settings: str) -> Candidate:
    return Candidate(label, tuple(settings.items()), (score,), full, (("arrays", 3),))


def test_what_a_record_says() -> None:
    entry = {"label": "hidden 8", "candidate": {"network.hidden": [8]}, "scores": [50, 60], "full": True}
    (found,) = candidates([entry | {"quantities": {"arrays": 4, "interval": None}}])
    assert found.cost("arrays") == 4 and found.cost("interval") is None
    assert found.settings == (("network.hidden", "[8]"),) and found.scores == (50, 60)


def test_the_front_by_hand() -> None:
    assert unbeaten([(1, 50), (2, 60), (2, 55), (3, 60), (1, 50)]) == (True, True, False, False, True)
    assert unbeaten([]) == ()


def test_the_front_of_random_points() -> None:
    rng = np.random.default_rng(0)
    points = [(float(c), float(s)) for c, s in rng.integers(0, 12, (60, 2))]
    on = unbeaten(points)
    best = {cost: max(s for c, s in points if c <= cost) for cost, _ in points}
    first = {score: min(c for c, s in points if s >= score) for _, score in points}
    assert on == tuple(s == best[c] and c == first[s] for c, s in points)
    assert any(on) and not all(on)


def test_the_best_so_far_counts_full_trainings_only() -> None:
    line = best_so_far([one("a", 90, full=False), one("b", 50), one("c", 40), one("d", 70), one("e", 99, full=False)])
    assert math.isnan(line[0]) and line[1:] == (50, 50, 70, 70)


def test_a_key_that_decides_and_one_that_does_not() -> None:
    found = [one(f"{a}{b}", 10 * a, width=str(a), seed=str(b)) for a in range(3) for b in range(4)]
    assert len(found) >= FEWEST
    shares = importances(found)
    assert shares == {"width": pytest.approx(1.0), "seed": pytest.approx(0.0)} and list(shares) == ["width", "seed"]


def test_too_few_or_all_alike_tell_nothing() -> None:
    assert importances([one(str(k), k, width=str(k)) for k in range(FEWEST - 1)]) == {}
    assert importances([one(str(k), 50, width=str(k)) for k in range(FEWEST)]) == {}
