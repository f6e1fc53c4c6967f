"""What a search looked at, as points: accuracy or size against each cost, and which of them nothing beats."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from codesign.brief import Brief
from codesign.views.tried import Candidate, tried, unbeaten

COSTS = ("arrays", "interval", "energy_nj")  # against which candidates are drawn, whatever was asked
UNITS = {
    "arrays": "arrays",
    "interval": "cycles between images",
    "latency": "cycles of an image",
    "energy_nj": "nJ of an image, at most",
    "programming_s": "seconds to program the chip",
}
MOST = 500  # points that are all drawn
PLACES = 80  # along either axis where there are more: those at the same place are drawn once


@dataclass(frozen=True)
class Spot(Brief):
    """A candidate. others: further ones of its kind at its place, which are not drawn."""

    label: str
    cost: float
    value: float
    is_best: bool
    others: int = 0


@dataclass(frozen=True)
class Cloud(Brief):
    """Candidates by a quantity and by what they are worth. quantity: of `Limits`.

    best: what the spots that are not dominated are called. has_edge: whether this quantity alone makes them so.
    target: the value that was to be reached, if one was.
    """

    quantity: str
    worth: str
    best: str
    has_edge: bool
    spots: tuple[Spot, ...]
    target: float | None = None

    @property
    def unit(self) -> str:
        """Of the quantity."""
        return UNITS.get(self.quantity, self.quantity)

    @property
    def is_log(self) -> bool:
        """Whether the costs span so much that a linear axis would crowd them at one end."""
        costs = [s.cost for s in self.spots]
        return min(costs) > 0 and max(costs) > 20 * min(costs)

    @property
    def edge(self) -> tuple[tuple[float, float], ...]:
        """The corners of what the best dominate, (cost, value), cheapest first."""
        return stairs(sorted((s.cost, s.value) for s in self.spots if s.is_best)) if self.has_edge else ()


def clouds(record: dict[str, Any]) -> tuple[Cloud, ...]:
    """A cloud for each cost that a record of a search is about: of a screening those that fit, else those trained in
    full. Costs that no candidate has are left out."""
    if "candidates" in record:
        found = [_screened(record["candidates"], q) for q in COSTS]
    else:
        full = [c for c in tried(record) if c.full]
        asked = [record["quantity"]] if "quantity" in record else [record.get("minimize", COSTS[0]), *COSTS]
        found = [_trained(full, q, record.get("reach")) for q in dict.fromkeys(asked)]
    return tuple(replace(c, spots=_thinned(c)) for c in found if c.spots)


def stairs(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Points from left to right, and the corners between them: level up to the next one, then upright."""
    found = list(points[:1])
    for x, y in points[1:]:
        found += [(x, found[-1][1]), (x, y)]
    return tuple(found)


def _screened(candidates: Sequence[dict[str, Any]], quantity: str) -> Cloud:
    spots = tuple(
        Spot(c["label"], float(cost), float(c["cells"]), bool(c["front"]))
        for c in candidates
        if not c["misses"] and (cost := c["quantities"].get(quantity)) is not None
    )
    return Cloud(quantity, "cells for weights", "front of all costs", False, spots)


def _trained(full: Sequence[Candidate], quantity: str, target: float | None) -> Cloud:
    known = [(c.label, cost, c.scores[-1]) for c in full if (cost := c.cost(quantity)) is not None]
    on = unbeaten([(cost, score) for _, cost, score in known])
    spots = tuple(Spot(*one, best) for one, best in zip(known, on, strict=True))
    return Cloud(quantity, "percent held-out", "not beaten", True, spots, target)


def _thinned(cloud: Cloud) -> tuple[Spot, ...]:
    """The dominated spots, then the best ones, which are drawn above them; of many, one of a kind at each place."""
    if len(cloud.spots) <= MOST:
        return tuple(sorted(cloud.spots, key=lambda s: s.is_best))
    across = _places([math.log(s.cost) if cloud.is_log else s.cost for s in cloud.spots])
    up = _places([s.value for s in cloud.spots])
    places = [(s.is_best, x, y) for s, x, y in zip(cloud.spots, across, up, strict=True)]
    count, first = Counter(places), dict(zip(reversed(places), reversed(cloud.spots), strict=True))
    drawn = sorted(count, key=lambda place: place[0])
    return tuple(replace(first[place], others=count[place] - 1) for place in drawn)


def _places(values: Sequence[float]) -> list[int]:
    low, high = min(values), max(values)
    return [round(PLACES * (v - low) / (high - low)) if high > low else 0 for v in values]
