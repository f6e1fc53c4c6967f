"""How fast the chip simulates: images per second of the 784-128-10 perceptron on reference-128.

    python -m flows.benchmarks.simulation [--rounds 5] [--images 40]

Interleaved rounds in one process: the integer reference, and Icarus Verilog through cocotb. Weights are
random, inputs are as sparse as MNIST (a quarter of the pixels are not 0), so that no data set is needed.
Prints minimum, median and maximum; quote the median.
"""

import argparse
import statistics
import time

import numpy as np

from codesign.chip.description import Chip
from codesign.fixed import INT32, IntType
from codesign.ir import Linear, Network, Requant, verify
from codesign.mapping import place
from codesign.program import Program
from codesign.sim import simulate


def mnist_like(chip: Chip, rng: np.random.Generator) -> Network:
    """784-128-10 with random weights and a requantizer that spreads the hidden activations."""
    weights = [
        rng.choice(chip.device.weights, size=s, p=[0.2, 0.6, 0.2]).astype(np.int32) for s in ((784, 128), (128, 10))
    ]
    hidden = Requant(np.full(128, 1400), rng.integers(0, 2**22, 128), 15, IntType(8))
    raw = Requant(np.ones(10, np.int64), np.zeros(10, np.int64), 0, INT32)
    nodes = (Linear("fc1", "input", weights[0], hidden), Linear("fc2", "fc1", weights[1], raw))
    return verify(Network("mnist-like", 784, IntType(8), nodes))


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=40)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    program = Program(place(mnist_like(Chip.load("reference-128"), rng), Chip.load("reference-128")))
    x = rng.integers(1, 256, (args.images, 784)) * (rng.random((args.images, 784)) < 0.25)
    many = np.tile(x, (2000 // args.images + 1, 1))
    rates: dict[str, list[float]] = {"integer reference": [], "Icarus, cocotb": []}
    for _ in range(args.rounds):
        started = time.perf_counter()
        program.run(many)
        rates["integer reference"].append(len(many) / (time.perf_counter() - started))
        result = simulate(program, x, load="backdoor")
        if result.mismatches or result.timing_errors:
            raise SystemExit(f"not worth timing: {result.mismatches[:1]}, {result.timing_errors} timing errors")
        rates["Icarus, cocotb"].append(result.images_per_second)
    print(f"{'images a second':<20}{'min':>10}{'median':>10}{'max':>10}")
    for name, found in rates.items():
        print(f"{name:<20}{min(found):>10.1f}{statistics.median(found):>10.1f}{max(found):>10.1f}")


if __name__ == "__main__":
    main()
