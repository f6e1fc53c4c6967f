"""An answer: the winner under one set of limits, trained on all images, compared with rivals, and simulated in RTL."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codesign import flow as flows
from codesign.brief import Brief
from codesign.folders import atomic_write, writing
from codesign.report import Metrics, load
from codesign.search.certificate import Certificate, certified
from codesign.search.context import Context
from codesign.search.measure import TIME, seconds
from codesign.search.rendering import record, text
from codesign.search.run import Found, Progress, Scores, scored, search
from codesign.search.site import Site
from codesign.search.space import Candidate
from codesign.workers import Workers

DIRECT = (("train.method", "direct"), ("train.baseline", True))


@dataclass(frozen=True)
class Answer(Brief):
    """Test accuracies after training on all images, by seed; `uniform` is None where it does not fit."""

    found: Found
    winner: Scores
    uniform: Scores | None
    direct: Scores
    certificate: Certificate

    def _brief(self) -> str:
        return f"{self.winner.candidate.label}: {self.winner.mean:.2f} % of the test set"


@dataclass(frozen=True)
class Point(Brief):
    """A budget and its answer; where nothing fits, None and the reason."""

    arrays: int
    answer: Answer | None
    why: str = ""

    def _brief(self) -> str:
        return f"{self.arrays} arrays: {'nothing fits' if self.answer is None else self.answer._brief()}"


@dataclass(frozen=True)
class Reached(Brief):
    """The smallest chip that reaches a target accuracy; where none does, `least` and `answer` are None.

    `probed`: (limit, mean held-out percent of the best), limits rising. `found`: the search under the least limit that
    suffices, or under the loosest one.
    """

    target: float
    quantity: str
    least: float | None
    probed: tuple[tuple[float, float], ...]
    found: Found
    answer: Answer | None

    def _brief(self) -> str:
        if self.answer is None:
            return f"{self.target:g} % not reached: {self.nearest.candidate.label}, {self.short:.2f} points short"
        return f"{self.target:g} % with {self.quantity} {self.least:g}: {self.answer._brief()}"

    @property
    def nearest(self) -> Scores:
        """The best mean over seeds, on held-out images."""
        return self.found.finalists[0]

    @property
    def short(self) -> float:
        """Points that the nearest lacks; none where the target is reached."""
        return max(0.0, self.target - self.nearest.mean)


def answer(context: Context, site: Site, workers: Workers, openings: Sequence[Candidate], show: Progress) -> Answer:
    """Search, train the winner and its rivals with every seed, simulate the winner in RTL, and write the results.

    Raises CapacityError when nothing fits, and what training and simulation raise.
    """
    uniform = scaled(context)
    always = [] if uniform is None else [uniform]
    found = search(context, site, workers, [c for c in (*always, *openings) if _inside(context, c)], always, show)
    winner, seeds, epochs = found.winner, context.question.search.seeds, context.rungs[-1]
    tasks = [(winner, site.task(context, winner, epochs, seed, False)) for seed in seeds]
    tested = scored(tasks, workers, f"{context.name}, winner", show)[0]
    direct = [(winner, site.task(context, winner, epochs, seed, False, *DIRECT)) for seed in seeds]
    rounded = scored(direct, workers, f"{context.name}, quantized directly", show)[0]
    plain = None
    if uniform is not None:
        tasks = [(uniform, site.task(context, uniform, epochs, seed, False)) for seed in seeds]
        plain = scored(tasks, workers, f"{context.name}, uniform", show)[0]
    home = site.out / "winners" / slug(context)
    rtl, rebuild = build(context, site, winner, home, show)
    vouched = certified(found, tested, rtl, rebuild)
    with writing(home):
        atomic_write(home / "certificate.json", json.dumps(record(vouched), indent=1) + "\n")
        atomic_write(home / "certificate.txt", text(vouched) + "\n")
        atomic_write(home / TIME, json.dumps({"training_s": _training_seconds(found, site)}) + "\n")
    return Answer(found, tested, plain, rounded, vouched)


def build(context: Context, site: Site, winner: Candidate, home: Path, show: Progress) -> tuple[Metrics, str]:
    """Write the winner's flow and run it: train, compile, simulate. Returns its record and the command for it."""
    question = context.question
    seed = ("train.seed", question.search.seeds[0])
    described = context.flow(winner, seed, *((f"simulate.{key}", value) for key, value in question.simulate))
    file = home / "flow.toml"
    with writing(home):
        home.mkdir(parents=True, exist_ok=True)
        atomic_write(file, described.toml())
    what = f"{context.name}, RTL"

    def tell(stage: str, done: int, of: int, note: str) -> None:
        show(what, 0, 0, f"{stage} {done}/{of} {note}" if of else stage)

    flows.run(described, home / "run", data=site.data, progress=tell)
    data = "" if site.data is None else " --data DATA"
    return load(home / "run"), f"codesign run {file.relative_to(site.out)} --out DIR{data}"


def scaled(context: Context) -> Candidate | None:
    """The question's uniform network at the largest factor that fits; None if there is none."""
    uniform = context.question.uniform
    if uniform is None:
        return None
    pricer, widest, best = context.pricer, max(map(max, uniform.layers.values())), None
    rest = _usual(context, uniform.set)
    for k in range(1, 65536 // widest * widest):
        layers = {key: tuple(max(1, round(w * k / widest)) for w in widths) for key, widths in uniform.layers.items()}
        candidate = Candidate(tuple((rest | layers).items()))
        cost = pricer(candidate)
        if any(m.limit == "arrays" and cost.lower_bound > m.allowed for m in cost.misses):
            break
        best = candidate if cost.fits else best  # a wider layer may take fewer cycles, or be found a better packing
    return best


def _usual(context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """A value for every axis, from `given`, which sets keys of a flow, or from the base; and the rest of `given`."""
    found: dict[str, Any] = {}
    for axis in context.space.axes:
        keys = context.question.keys_of(axis.key)
        values = {key: given.get(key, context.usual(key)) for key in keys}
        found[axis.key] = values.get(axis.key, values)
    together = {key for axis in found if "." not in axis for key in found[axis]}
    return found | {key: value for key, value in given.items() if key not in together}


def _training_seconds(found: Found, site: Site) -> float:
    """Seconds that the search's trainings took, finalists not counted; they depend on the machine."""
    context, seed = found.context, found.context.question.search.seeds[0]
    spent = (
        seconds(site.task(context, t.candidate, epochs, seed, held_out=True))
        for t in found.tried
        for epochs in context.rungs[: len(t.scores)]
    )
    return round(sum(spent), 1)


def slug(context: Context) -> str:
    """The folder name for the context's limits."""
    return "_".join(f"{k}-{v}" for k, v in context.limits.given().items()) or "unlimited"


def _inside(context: Context, candidate: Candidate) -> bool:
    """Whether a candidate lies in the space."""
    try:
        context.space.parameters(candidate)
    except (KeyError, ValueError):
        return False
    return True
