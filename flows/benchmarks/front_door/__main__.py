"""What the way of a user's module or file to a chip costs.

    python -m flows.benchmarks.front_door [--quick] [--part NAME ...]

Perceptrons on the 1,797 digits, trained in full precision by an ordinary loop (Adam, 40 epochs, batch 32); points lost
by the integer network, and by the chip's reference with its 6-bit converters. Means over 5 seeds and 5 stratified folds
(--quick: 1 and 2), measured on the fold left out.

post-training  rounded after training, with its images as calibration, on cells of 2 and 16 levels
prepare        trained on for 20 epochs by the same loop, prepared for cells of 2 levels
step           one training step of a prepared module against one of codesign's own loop, side by side
published      TFC_1W1A of the QONNX model zoo on MNIST, from its ONNX file to 200 images in Icarus (--quick: 20), on
               reference-128 with converters of 9 bits, which cannot clip; needs both in the folder CODESIGN_DATA

About 15 minutes on one core, two with --quick. Exit status 1: a figure is worse than allowed.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import torch

from codesign.errors import CodesignWarning
from flows.benchmarks.front_door.post_training import post_training
from flows.benchmarks.front_door.prepare import prepared, step
from flows.benchmarks.front_door.published import published

# Each prints its rows, and returns whether they are within what is allowed.
PARTS: dict[str, Callable[[bool], bool]] = {
    "post-training": post_training,
    "prepare": prepared,
    "step": step,
    "published": published,
}


def main() -> None:
    """Print the tables; exit with 1 when a figure is worse than allowed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, two folds")
    parser.add_argument("--part", choices=list(PARTS), action="append")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", CodesignWarning)  # the table tells the losses
    started = time.perf_counter()
    good = [PARTS[name](args.quick) for name in args.part or PARTS]
    print(f"{time.perf_counter() - started:.0f} s")
    raise SystemExit(not all(good))


if __name__ == "__main__":
    main()
