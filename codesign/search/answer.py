"""An answer: the winner under one set of limits, trained on everything, beside its baselines, and run in RTL."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codesign import flow as flows
from codesign.files import RECORD, read_text
from codesign.folders import atomic_write, writing
from codesign.search.certificate import certificate, text, training_seconds
from codesign.search.order import TIME, Order
from codesign.search.run import Found, Progress, Scores, scored, search
from codesign.search.space import Candidate
from codesign.search.trial import rungs
from codesign.workers import Workers

HIDDEN = "train.hidden"
DIRECT = (("train.method", "direct"), ("train.float_baseline", True))


@dataclass(frozen=True)
class Answer:
    """Test accuracies after training on all images, by seed; a baseline is None where it does not fit."""

    found: Found
    winner: Scores
    baseline: Scores | None
    direct: Scores
    certificate: dict[str, Any]


@dataclass(frozen=True)
class Point:
    """A budget and its answer; None where nothing fits, and why."""

    arrays: int
    answer: Answer | None
    why: str = ""


@dataclass(frozen=True)
class Reached:
    """The least chip for an accuracy. `probed`: (limit, mean held-out percent of the best), the limit rising."""

    target: float
    quantity: str
    least: float
    probed: tuple[tuple[float, float], ...]
    answer: Answer


def answer(order: Order, workers: Workers, openings: Sequence[Candidate], show: Progress) -> Answer:
    """Search, train the winner and what it is compared with on every seed, run the winner in RTL, write it all down.

    Raises CapacityError when nothing fits, and what training and simulation raise.
    """
    uniform = scaled(order)
    always = [] if uniform is None else [uniform]
    found = search(order, workers, [c for c in (*always, *openings) if _inside(order, c)], always, show)
    winner, seeds, epochs = found.winner, order.question.search.seeds, rungs(order)[-1]
    tasks = [(winner, order.task(winner, epochs, seed, False)) for seed in seeds]
    tested = scored(tasks, workers, f"{order.name}, winner", show)[0]
    direct = [(winner, order.task(winner, epochs, seed, False, *DIRECT)) for seed in seeds]
    rounded = scored(direct, workers, f"{order.name}, rounded", show)[0]
    plain = None
    if uniform is not None:
        tasks = [(uniform, order.task(uniform, epochs, seed, False)) for seed in seeds]
        plain = scored(tasks, workers, f"{order.name}, baseline", show)[0]
    home = order.out / "winners" / slug(order)
    rtl, rebuild = build(order, winner, home, show)
    vouched = certificate(found, tested, rtl, rebuild)
    with writing(home):
        atomic_write(home / "certificate.json", json.dumps(vouched, indent=1) + "\n")
        atomic_write(home / "certificate.txt", text(vouched) + "\n")
        atomic_write(home / TIME, json.dumps({"training_s": training_seconds(found)}) + "\n")
    return Answer(found, tested, plain, rounded, vouched)


def build(order: Order, winner: Candidate, home: Path, show: Progress) -> tuple[dict[str, Any], str]:
    """Write the winner's flow and run it: train, compile, simulate. What RTL showed, and the command that does it."""
    question = order.question
    seed = ("train.seed", question.search.seeds[0])
    described = order.flow(winner, seed, ("simulate.images", question.simulate.images))
    file = home / "flow.toml"
    with writing(home):
        home.mkdir(parents=True, exist_ok=True)
        atomic_write(file, described.toml())
    what = f"{order.name}, RTL"

    def tell(stage: str, done: int, of: int, note: str) -> None:
        show(what, 0, 0, f"{stage} {done}/{of} {note}" if of else stage)

    flows.run(described, home / "run", data=order.data, progress=tell)
    s = json.loads(read_text(home / "run" / flows.SUMMARY, RECORD))
    accuracy = s["accuracy"]
    rtl = {
        "images": accuracy["rtl"]["images"],
        "mismatches": s["mismatches"],
        "first_mismatch": s["first_mismatch"],
        "accuracy_rtl": accuracy["rtl"]["percent"],
        "accuracy_reference": accuracy["reference_simulated"]["percent"],  # of the same images
        "reference_images": accuracy["reference_simulated"]["images"],
        "arrays_used": s["arrays"]["used"],
        "cycles_predicted": s["cycles"]["predicted"],
        "cycles_simulated": s["cycles"]["simulated"],
        "images_out_of_time": s["cycles"]["timing_errors"],
    }
    data = "" if order.data is None else " --data DATA"
    return rtl, f"codesign run {file.relative_to(order.out)} --out DIR{data}"


def scaled(order: Order) -> Candidate | None:
    """The question's baseline, scaled by the largest single factor at which it fits; None if there is none."""
    baseline = order.question.baseline
    if baseline is None:
        return None
    pricer, widest, best = order.pricer, max(baseline.hidden), None
    rest = {axis.key: baseline.set.get(axis.key, order.usual(axis.key)) for axis in order.space.axes} | baseline.set
    for k in range(1, 65536 // widest * widest):
        hidden = tuple(max(1, round(h * k / widest)) for h in baseline.hidden)
        candidate = Candidate(tuple((rest | {HIDDEN: hidden}).items()))
        cost = pricer(candidate)
        if any(m.limit == "arrays" for m in cost.misses):
            break
        best = candidate if cost.fits else best  # of cycles a wider layer may take fewer
    return best


def slug(order: Order) -> str:
    """A folder's name for the order's limits."""
    return "_".join(f"{k}-{v}" for k, v in order.limits.given().items()) or "unlimited"


def _inside(order: Order, candidate: Candidate) -> bool:
    """Whether a candidate is one of the space's."""
    try:
        order.space.parameters(candidate)
    except (KeyError, ValueError):
        return False
    return True
