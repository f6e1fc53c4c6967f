"""How good the way from an image to a tested chip, and from a measured die back, is.

    python -m flows.benchmarks.bringup [--quick] [--part NAME ...]

answers   known answers in simulation: a good chip passes, each fault is told at its place
layers    a flipped cell in each layer of LeNet, and the layer that find_layer.py names
dies      a hidden die against the one that characterization finds
lossless  conversions of random programs and back, and damage of every file in every format
speed     die maps x images a second, beside the ideal chip and fp32 torch

Weights are random. About five minutes on one core, --quick: one. Needs Icarus Verilog, make and a C compiler. Exit
status 1: a figure that is not a speed is worse than it must be.
"""

import argparse
from collections.abc import Callable

from flows.benchmarks.bringup.answers import first_layer, known_answers
from flows.benchmarks.bringup.dies import found_again
from flows.benchmarks.bringup.lossless import lossless
from flows.benchmarks.bringup.speed import speed
from flows.benchmarks.bringup.table import row

# Each prints its rows, and returns whether they are as good as they must be.
PARTS: dict[str, Callable[[bool], bool]] = {
    "answers": known_answers,
    "layers": first_layer,
    "dies": found_again,
    "lossless": lossless,
    "speed": speed,
}


def main() -> None:
    """Print the table; exit with 1 when a figure is worse than it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer images, programs and layers")
    parser.add_argument("--part", choices=list(PARTS), action="append")
    args = parser.parse_args()
    bad = []
    for name in args.part or PARTS:
        if not PARTS[name](args.quick):
            bad.append(name)
    if bad:
        row("worse than it must be", ", ".join(bad))
    raise SystemExit(bool(bad))


if __name__ == "__main__":
    main()
