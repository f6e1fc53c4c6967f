"""What a search is worth and what it costs.

    python -m flows.benchmarks.search --data DIR [--out build/search-benchmark] [--samplers 20] [--only regret]

screen    candidates priced a second and core: arrays, cycles, memory and energy by the compiler's plan.
regret    a grid of 60 MNIST perceptrons is trained in full, every point; then searches with many sampler seeds are
          replayed on it (nothing is trained twice), TPE and random sampling alike. Regret: the grid's best held-out
          accuracy less that of the search's best candidate; share: the search's training time over the grid's.
workers   the same search in fresh folders with one worker and with four: whole commands, seconds.
"""

import argparse
import dataclasses
import shutil
import time
from pathlib import Path

import numpy as np

from codesign.search import load
from codesign.search.context import Context
from codesign.search.measure import measured, seconds
from codesign.search.run import explore, fitting
from codesign.search.site import Site, opened
from codesign.search.trial import Tried
from codesign.workers import Workers, spread

GRID = (
    "free.network.hidden={ depth = [1, 2], widths = [64, 128, 192, 256, 384] }",
    "free.data.downsample=[1, 2]",
    "limits.arrays=60",
    "train.epochs=6",
    "search.rungs=[2]",
    "search.trials=12",
)
SHORT = (*GRID[:3], "train.epochs=6", "search.rungs=[]", "search.trials=24")


def main() -> None:
    """Run what is asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("build/search-benchmark"))
    parser.add_argument("--samplers", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2, help="processes that train the grid")
    parser.add_argument("--only", choices=["screen", "regret", "workers"], action="append")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    parts = args.only or ["screen", "regret", "workers"]
    if "screen" in parts:
        screen(args.data, args.out)
    if "regret" in parts:
        regret(args.data, args.out, args.samplers, args.jobs)
    if "workers" in parts:
        workers(args.data, args.out)


def screen(data: Path, out: Path) -> None:
    """The rate of pricing at several budgets, minimum of three rounds."""
    asked, _ = opened(load("mnist"), out.resolve(), data.resolve())
    for arrays in (8, 16, 64):
        here = asked.under(asked.limits.model_copy(update={"arrays": arrays}))
        best = float("inf")
        for _ in range(3):
            pricer, begin = here.pricer, time.perf_counter()
            fit = sum(pricer(c).fits for c in here.space)
            best = min(best, time.perf_counter() - begin)
        print(f"screen, {arrays:2} arrays: {here.space.size / best:,.0f} a second ({fit} of {here.space.size} fit)")


def regret(data: Path, out: Path, samplers: int, jobs: int) -> None:
    """Train the grid, then replay searches on it."""
    question = load("mnist", GRID)
    whole, site = opened(question, (out / "grid").resolve(), data.resolve())
    site.out.mkdir(exist_ok=True)
    points = fitting(whole) or []
    first = question.search.seeds[0]
    tasks = {(c, e): site.task(whole, c, e, first, held_out=True) for c in points for e in whole.rungs}
    for k, _ in enumerate(spread([(measured, (t,)) for t in tasks.values()], Workers(jobs))):
        print(f"\rgrid: {k + 1} of {len(tasks)} trainings", end="", flush=True)
    full = {c: measured(tasks[c, whole.rungs[-1]]) for c in points}
    spent = sum(seconds(tasks[c, whole.rungs[-1]]) for c in points)
    best = max(full, key=lambda c: full[c])
    print(f"\ngrid: {len(points)} points, best {full[best]:.2f} % ({best.label}), {spent:.0f} s of training")
    for sampler in ("tpe", "random"):
        lost, share = [], []
        for seed in range(samplers):
            tried = _replay(whole, site, sampler, seed)
            lost.append(full[best] - max(t.scores[-1] for t in tried if t.full))
            share.append(
                sum(seconds(tasks[t.candidate, e]) for t in tried for e in whole.rungs[: len(t.scores)]) / spent
            )
        print(
            f"{sampler}: regret {np.mean(lost):.3f} points on average, {np.max(lost):.3f} at most; "
            f"{100 * np.mean(share):.0f} % of the grid's training time, {samplers} sampler seeds"
        )


def _replay(whole: Context, site: Site, sampler: str, seed: int) -> list[Tried]:
    """A search whose trainings are all done already, in a folder of its own."""
    question = whole.question
    effort = question.search.model_copy(update={"sampler": sampler, "seed": seed})
    home = site.out.parent / "replays" / f"{sampler}-{seed}"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "jobs").symlink_to(site.out / "jobs")
    asked = dataclasses.replace(whole, question=question.model_copy(update={"search": effort}))
    here = dataclasses.replace(site, out=home)
    return explore(asked, here, Workers(), [], lambda what, done, of, note: None)[0]


def workers(data: Path, out: Path) -> None:
    """One worker against four."""
    question, taken = load("mnist", SHORT), {}
    for count in (1, 4):
        home = (out / f"workers-{count}").resolve()
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        begin = time.perf_counter()
        explore(*opened(question, home, data.resolve()), Workers(count), [], lambda what, done, of, note: None)
        taken[count] = time.perf_counter() - begin
    print(f"workers: {taken[1]:.0f} s with one, {taken[4]:.0f} s with four: {taken[1] / taken[4]:.2f} times as fast")


if __name__ == "__main__":
    main()
