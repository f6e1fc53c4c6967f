"""What a candidate costs on its chip, according to the compiler's own plan. No training, no weights."""

from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from codesign.brief import Brief
from codesign.chip.description import Chip
from codesign.errors import CapacityError, ConfigError, UnsupportedError
from codesign.flow import Flow
from codesign.flow.stages import unplaced
from codesign.mapping import Outline, Spots, predict
from codesign.mapping.arrange import TooFewArrays, bounds, own
from codesign.mapping.capacity import check_capacity, needs
from codesign.mapping.energy import estimate
from codesign.mapping.plan import draft
from codesign.report.numbers import amount
from codesign.search.axes import hashable, thawed
from codesign.search.describe import Limits
from codesign.search.space import Candidate
from codesign.settings import put
from codesign.train.outline import outline_of
from codesign.train.recipe import Recipe

UNPLACED = "placement"  # the limit that a candidate breaks when the compiler cannot map it


@dataclass(frozen=True)
class Facts(Brief):
    """What the size of a network depends on in its data."""

    shape: tuple[int, ...]  # of one input
    classes: int


@dataclass(frozen=True)
class Miss(Brief):
    """A limit that a candidate breaks."""

    limit: str
    got: float
    allowed: float
    why: str = ""

    @property
    def excess(self) -> float:
        """How far beyond the limit, as a share of it."""
        return self.got / self.allowed - 1 if self.allowed else float("inf")

    def __str__(self) -> str:
        return self.why or f"{self.limit} {amount(self.got)}, allowed {amount(self.allowed)}"


@dataclass(frozen=True)
class Cost(Brief):
    """The quantities that `Limits` bounds, and the limits that they break.

    cells: those that hold weights. lower_bound: no packing takes fewer arrays. Quantities are None where the network
    does not fit the chip and so has no plan.
    """

    cells: int
    arrays: int
    lower_bound: int
    interval: float | None = None  # int where it is whole
    latency: int | None = None
    activation_words: int | None = None
    energy_nj: float | None = None  # the higher estimate
    energy_low_nj: float | None = None
    programming_s: float | None = None
    misses: tuple[Miss, ...] = ()

    @property
    def fits(self) -> bool:
        return not self.misses

    @property
    def is_impossible(self) -> bool:
        """Whether its values do not go together, so that there is nothing to price."""
        return not self.cells and bool(self.misses)

    @property
    def excess(self) -> float:
        """How far from fitting: the sum over all broken limits."""
        return sum(m.excess for m in self.misses)

    def quantities(self) -> dict[str, float | None]:
        """By the names of the limits."""
        return {k: getattr(self, k) for k in Limits.model_fields}


@dataclass(frozen=True)
class Pricer(Brief):
    """Prices the candidates of a base flow. `facts`: by the factor that images are downsampled by."""

    base: Flow
    limits: Limits
    facts: dict[int, Facts]
    _chips: dict[Any, Chip] = field(default_factory=dict, compare=False)

    def __call__(self, candidate: Candidate) -> Cost:
        """The candidate's cost; values that cannot be combined count as a miss."""
        try:
            outline, chip, objective = self._sizes(candidate)
        except (ConfigError, UnsupportedError, ValidationError) as e:
            why = e.errors()[0]["msg"] if isinstance(e, ValidationError) else str(e)
            return Cost(0, 0, 0, misses=(Miss(UNPLACED, 1, 0, why),))
        count = chip.arrays.count
        allowed = min(count, self.limits.arrays or count)
        (bound, least), arrays = bounds(outline, chip), own(outline, chip)
        if least > allowed:  # no packing helps, and none is tried
            return Cost(outline.cells, least, bound, misses=(Miss("arrays", least, allowed),))
        try:
            planned = draft(outline, chip, objective)
        except TooFewArrays as e:
            return Cost(outline.cells, e.need, bound, misses=(Miss("arrays", e.need, allowed),))
        except CapacityError as e:  # words of activations
            return Cost(outline.cells, arrays, bound, misses=(Miss(UNPLACED, 1, 0, str(e)),))
        arrays = planned.arrays
        misses = [Miss("arrays", arrays, allowed)] if arrays > allowed else []
        misses += [Miss(key, used, has) for key, (used, has) in needs(planned).items() if used > has]
        if misses:
            return Cost(outline.cells, arrays, bound, misses=tuple(misses))
        try:
            check_capacity(planned)  # also what no key of a chip file bounds: channels, padded pictures, beats
            cycles = predict(planned)
        except CapacityError as e:  # or no rhythm
            return Cost(outline.cells, arrays, bound, misses=(Miss(UNPLACED, 1, 0, str(e)),))
        likely = estimate(planned)
        cost = Cost(
            outline.cells,
            arrays,
            bound,
            cycles.interval,
            cycles.latency,
            planned.activation_words,
            likely.energy_high_nj,
            likely.energy_low_nj,
            likely.programming_s,
        )
        found = cost.quantities()
        broken = tuple(
            Miss(k, got, most)
            for k, most in self.limits.given().items()
            if (got := found[k]) is not None and got > most
        )
        return replace(cost, misses=broken)

    def spots(self, candidate: Candidate) -> Spots | None:
        """Where the candidate's blocks lie; None where the compiler cannot place it."""
        try:
            return draft(*self._sizes(candidate)).spots
        except (CapacityError, ConfigError, UnsupportedError, ValidationError):
            return None

    def _sizes(self, candidate: Candidate) -> tuple[Outline, Chip, str]:
        """The candidate's layers, chip and objective. Raises what values that do not go together raise."""
        recipe, chip = self.recipe(candidate), self.chip(candidate)
        facts = self.facts[recipe.data.downsample]
        if refused := unplaced(recipe):
            raise UnsupportedError(refused)
        outline = outline_of(recipe, recipe.network.layers(facts.classes), facts.shape, chip)
        return outline, chip, recipe.compile.objective

    def recipe(self, candidate: Candidate) -> Recipe:
        """The recipe of a candidate: the base's with its choices."""
        return self.base.changed({k: v for k, v in candidate.changes if not k.startswith("chip.")})

    def chip(self, candidate: Candidate) -> Chip:
        """The chip of a candidate."""
        settings = tuple((k, v) for k, v in candidate.changes if k.startswith("chip."))
        if not settings:
            return self.base.chip
        key = hashable(dict(settings))
        if key not in self._chips:
            data = self.base.chip.model_dump(mode="json", exclude_none=True)
            for name, value in settings:
                put(data, name.split(".")[1:], thawed(value))
            self._chips[key] = Chip.model_validate(data)
        return self._chips[key]
