"""What the way of an ordinary module to a chip costs in accuracy.

    python -m flows.benchmarks.front_door [--quick] [--part post-training]

post-training: perceptrons on the 1,797 digits, trained in full precision (Adam, 40 epochs, batch 32), then quantized
with the images of their training as calibration. Means over 5 seeds and 5 stratified folds (--quick: 1 and 2), measured
on the fold left out. Points lost by the integer network, and by the chip's reference with its 6-bit converters, on
cells of 2 and 16 levels. About four minutes on one core, half a minute with --quick.
"""

import argparse
import itertools
import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits  # type: ignore[import-untyped]
from sklearn.model_selection import StratifiedKFold  # type: ignore[import-untyped]
from torch import nn

import codesign
from codesign.chip.description import Chip
from codesign.errors import CodesignWarning
from codesign.ir.real import to_integers

NETS = ((64, 48, 32, 10), (64, 64, 10), (64, 96, 48, 10))
LEVELS = {2: 1, 16: 4}  # levels of a cell: bits of its code
EFFORTS = ("normal", "high")
EPOCHS, BATCH = 40, 32
ALLOWED = {2: 2.5, 16: 0.5}  # points that high effort may lose, converters included, over all folds
NOISE = 1.0  # further points with --quick: two folds are 720 images, one of which is 0.14 points

Images = NDArray[np.float32]
Labels = NDArray[np.int64]


def chip_of(levels: int) -> Chip:
    """The reference chip with cells of so many levels."""
    chip = Chip.load("reference-128")
    return chip.model_copy(
        update={"device": chip.device.model_copy(update={"levels": levels, "code_bits": LEVELS[levels]})}
    )


def digits() -> tuple[Images, Labels]:
    """All 1,797 images, 0..1, and their labels."""
    data = load_digits()
    return (data.data / 16).astype(np.float32), data.target.astype(np.int64)


def folds(x: Images, y: Labels, seeds: int, count: int) -> Iterator[tuple[int, Labels, Labels]]:
    """Seed, and the indices of the images to train and to test with."""
    for seed in range(seeds):
        splits = StratifiedKFold(5, shuffle=True, random_state=seed).split(x, y)
        for _, (train, test) in zip(range(count), splits, strict=False):
            yield seed, train, test


def trained(sizes: tuple[int, ...], x: Images, y: Labels, seed: int) -> nn.Sequential:
    """A perceptron by an ordinary loop."""
    torch.manual_seed(seed)
    parts: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        parts += [nn.Linear(inputs, outputs), nn.ReLU()]
    model = nn.Sequential(*parts[:-1])
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    images, labels = torch.from_numpy(x), torch.from_numpy(y)
    for _ in range(EPOCHS):
        order = torch.randperm(len(images))
        for first in range(0, len(images), BATCH):
            batch = order[first : first + BATCH]
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return model


def percent(scores: NDArray[np.generic], labels: Labels) -> float:
    """Share of rows whose largest score is the label's."""
    return 100.0 * float((scores.argmax(axis=1) == labels).mean())


def post_training(quick: bool) -> bool:
    """Print the losses of post-training quantization; whether all are within what is allowed."""
    x, y = digits()
    print(
        f"{'post-training, points lost':<28}{'levels':>7}{'effort':>8}{'float %':>9}{'network':>9}{'chip':>7}{'s':>7}"
    )
    good = True
    for sizes in NETS:
        full: list[float] = []
        lost: dict[tuple[int, str], list[tuple[float, float, float]]] = {}
        for seed, train, test in folds(x, y, *((1, 2) if quick else (5, 5))):
            model = trained(sizes, x[train], y[train], seed)
            with torch.no_grad():
                full.append(percent(model(torch.from_numpy(x[test])).numpy(), y[test]))
            for levels in LEVELS:
                for effort in EFFORTS:
                    started = time.perf_counter()
                    program = codesign.compile(model, x[train], chip_of(levels), effort=effort)
                    spent = time.perf_counter() - started
                    q = to_integers(program.network, x[test])
                    losses = [full[-1] - percent(program.run(q, adc=adc), y[test]) for adc in (False, True)]
                    lost.setdefault((levels, effort), []).append((losses[0], losses[1], spent))
        for (levels, effort), rows in lost.items():
            network, chip, seconds = np.mean(rows, axis=0)
            good &= effort == "normal" or max(network, chip) <= ALLOWED[levels] + quick * NOISE
            print(
                f"{'-'.join(map(str, sizes)):<28}{levels:>7}{effort:>8}{np.mean(full):>9.2f}{network:>9.2f}{chip:>7.2f}"
                f"{seconds:>7.2f}",
                flush=True,
            )
    return good


# Further parts: a function that prints its rows and returns whether they are within what is allowed.
PARTS: dict[str, Callable[[bool], bool]] = {"post-training": post_training}


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
