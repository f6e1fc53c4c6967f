"""How fast both simulators run a chip: images per second, and the seconds of a build.

    python -m flows.benchmarks.simulators [--quick] [--rounds 3]

Rows: the 784-128-10 perceptron on reference-128; 10,000 images of it shared by two processes, which need two idle cores
(their wall time, and that of one process over it); the digits perceptron 64-48-32-10 on 200 arrays of 64 x 64, of which
it uses a few. Weights are random and inputs are as sparse as the pictures they stand for, so no data set is
needed. Rounds alternate between the rows. A build is compiled anew, in an empty cache, and its seconds are those of the
processor, so other programs do not count. --quick: one round, few images, no build. About five minutes on two cores,
half a minute with --quick once the simulators are built.
"""

import argparse
import itertools
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codesign.chip.description import Chip
from codesign.fixed import INT32, Ints, IntType
from codesign.ir import Linear, Network, Requant, verify
from codesign.mapping import place
from codesign.program import Program
from codesign.sim import simulate
from codesign.sim.job import build

MANY = Chip.model_validate(
    {
        "name": "two-hundred",
        "arrays": {"count": 200, "rows": 64, "columns": 64},
        "device": {"levels": 4, "code_bits": 2},
        "adc": {"bits": 5, "lanes": 8},
    }
)

IMAGES = 10_000  # that processes share


@dataclass(frozen=True)
class Row:
    """One line of the table. measure: of full (or quick) length; its figure in `unit`."""

    name: str
    unit: str
    goal: str
    measure: Callable[[bool], float]
    quick: bool = True  # whether --quick has it


def perceptron(chip: Chip, sizes: tuple[int, ...], rng: np.random.Generator) -> Program:
    """Random weights, most of them 0, and requantizers that spread the hidden activations; raw words at the end."""
    nodes: list[Linear] = []
    before = "input"
    for k, (inputs, outputs) in enumerate(itertools.pairwise(sizes), 1):
        values = chip.device.weights
        spread = np.full(len(values), 0.4 / (len(values) - 1))
        spread[len(values) // 2] = 0.6
        weights = rng.choice(values, size=(inputs, outputs), p=spread).astype(np.int32)
        requant = Requant(np.full(outputs, 1400), rng.integers(0, 2**22, outputs), 15, IntType(8))
        if k == len(sizes) - 1:
            requant = Requant(np.ones(outputs, np.int64), np.zeros(outputs, np.int64), 0, INT32)
        nodes.append(Linear(f"fc{k}", before, weights, requant))
        before = f"fc{k}"
    return Program(place(verify(Network("random", sizes[0], IntType(8), tuple(nodes))), chip))


def mnist() -> tuple[Program, Ints]:
    """784-128-10 on reference-128; a quarter of the pixels is not 0."""
    rng = np.random.default_rng(0)
    pixels: Ints = rng.integers(1, 256, (40, 784)) * (rng.random((40, 784)) < 0.25)
    return perceptron(Chip.load("reference-128"), (784, 128, 10), rng), pixels


def digits() -> tuple[Program, Ints]:
    """64-48-32-10 on 200 arrays; half of the pixels is not 0."""
    rng = np.random.default_rng(0)
    pixels: Ints = rng.integers(1, 256, (40, 64)) * (rng.random((40, 64)) < 0.5)
    return perceptron(MANY, (64, 48, 32, 10), rng), pixels


def rate(case: Callable[[], tuple[Program, Ints]], simulator: str, count: int) -> Callable[[bool], float]:
    """Images per second of `count` images, a quarter of them if quick; the build does not count."""

    def measure(quick: bool) -> float:
        program, pixels = case()
        images = np.resize(pixels, (max(4, count // 4 if quick else count), pixels.shape[1]))
        result = simulate(program, images, load="backdoor", simulator=simulator)
        if result.mismatches or result.timing_errors:
            raise SystemExit(f"not worth timing: {result.mismatches[:1]}, {result.timing_errors} timing errors")
        return result.images_per_second

    return measure


def shared(found: Callable[[float, float], float]) -> Callable[[bool], float]:
    """A figure of the seconds that one process takes for 10,000 images of 784-128-10 in Verilator, and two take."""

    def measure(quick: bool) -> float:
        program, pixels = mnist()
        images = np.resize(pixels, (IMAGES // 10 if quick else IMAGES, pixels.shape[1]))
        spent = []
        for jobs in (1, 2):
            started = time.perf_counter()
            result = simulate(program, images, load="backdoor", simulator="verilator", jobs=jobs)
            spent.append(time.perf_counter() - started)
            if result.mismatches or result.timing_errors:
                raise SystemExit(f"not worth timing: {result.mismatches[:1]}, {result.timing_errors} timing errors")
        return found(*spent)

    return measure


def build_seconds(case: Callable[[], tuple[Program, Ints]], simulator: str) -> Callable[[bool], float]:
    """Processor seconds of a build from nothing, with the programs that it starts."""

    def measure(quick: bool) -> float:  # noqa: ARG001 - a build is a build
        program, _ = case()
        kept = os.environ.get("CODESIGN_CACHE")
        with tempfile.TemporaryDirectory() as empty:
            os.environ["CODESIGN_CACHE"] = str(Path(empty))
            try:
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                build(program, simulator)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
            finally:
                del os.environ["CODESIGN_CACHE"]
                if kept is not None:
                    os.environ["CODESIGN_CACHE"] = kept
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return measure


def rows() -> list[Row]:
    """The lines of the table."""
    return [
        Row("784-128-10, Icarus", "images/s", ">= 30", rate(mnist, "icarus", 40)),
        Row("784-128-10, Verilator", "images/s", ">= 3,000", rate(mnist, "verilator", 4000)),
        Row("10,000 images, two processes", "s", "<= 15", shared(lambda one, two: two)),
        Row("one process over two", "x", ">= 1.8", shared(lambda one, two: one / two)),
        Row("64-48-32-10 of 200 arrays, Icarus", "images/s", ">= 20", rate(digits, "icarus", 40)),
        Row("64-48-32-10 of 200 arrays, Verilator", "images/s", ">= 500", rate(digits, "verilator", 4000)),
        Row("build of reference-128, Verilator", "CPU s", "<= 40", build_seconds(mnist, "verilator"), quick=False),
    ]


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round, few images, no build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="rows whose name holds this")
    args = parser.parse_args()
    chosen = [r for r in rows() if args.only in r.name and (r.quick or not args.quick)]
    found: dict[str, list[float]] = {row.name: [] for row in chosen}
    for _ in range(1 if args.quick else args.rounds):
        for row in chosen:
            found[row.name].append(row.measure(args.quick))
    print(f"{'':<38}{'min':>10}{'median':>10}{'max':>10}  {'':<10}goal")
    for row in chosen:
        all_of = found[row.name]
        figures = "".join(f"{v:>10,.1f}" for v in (min(all_of), statistics.median(all_of), max(all_of)))
        print(f"{row.name:<38}{figures}  {row.unit:<10}{row.goal}", flush=True)


if __name__ == "__main__":
    main()
