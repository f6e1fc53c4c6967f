"""The context of a search: a question under some limits, its candidates and their costs. No data, no folders."""

from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from codesign.brief import Brief
from codesign.flow import Flow
from codesign.search.axes import thawed
from codesign.search.cost import Facts, Pricer
from codesign.search.describe import Limits, Question
from codesign.search.space import Candidate, Space


@dataclass(frozen=True)
class Context(Brief):
    """A question under some limits, with the facts of its data."""

    question: Question
    space: Space
    limits: Limits
    base: Flow
    facts: dict[int, Facts]  # by data.downsample
    front: str | None = None  # the quantity that is minimized beside accuracy

    def under(self, limits: Limits) -> "Context":
        """The same question under other limits; the chip gets as many arrays as they allow, unless that is free."""
        return replace(self, limits=limits, base=base(self.question, limits))

    @property
    def pricer(self) -> Pricer:
        return Pricer(self.base, self.limits, self.facts)

    @property
    def name(self) -> str:
        """The name of the search under these limits."""
        under = ", ".join(f"{k} <= {v}" for k, v in self.limits.given().items()) or "no limits"
        return under if self.front is None else f"front of {self.front}, {under}"

    @property
    def rungs(self) -> tuple[int, ...]:
        """Epochs of every rung, the full training last."""
        full = self.base.train.epochs
        return (*(r for r in self.question.search.rungs if r < full), full)

    def flow(self, candidate: Candidate, *more: tuple[str, Any]) -> Flow:
        """The flow that trains a candidate, with further settings. Raises ConfigError."""
        count = [("chip.arrays.count", self.base.chip.arrays.count)]
        chosen = [(k, thawed(v)) for k, v in candidate.changes]
        settings = [*count, *chosen, ("train.baseline", False), *more]
        return self.question.base(settings)

    def usual(self, key: str) -> Any:
        """The base flow's value of a key of the recipe or the chip."""
        value: Any = self.base
        for part in key.split("."):
            if not isinstance(value, BaseModel):  # one value for all layers: quantize.slices.fc1 is quantize.slices
                break
            value = getattr(value, part)
        return value


def base(question: Question, limits: Limits) -> Flow:
    """The question's base flow, on a chip of as many arrays as the limits allow, unless their number is free."""
    count = limits.arrays
    is_free = question.frees("chip.arrays.count")
    return question.base([("chip.arrays.count", min(count, 1024))] if count and not is_free else [])
