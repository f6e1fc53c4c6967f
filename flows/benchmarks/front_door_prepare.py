"""What a user gets who trains a module quantized in a loop of their own: points lost, and time a step.

    python -m flows.benchmarks.front_door_prepare [--quick]

Loss: perceptrons on digits, 1,797 images in stratified folds. A float net trains for 20 epochs; `prepare` takes it to
two-level cells, and the same plain loop (Adam, batch 32, cross entropy, a fixed rate) trains it for 20 more. The loss
is the difference of their accuracies on the held-out fold. Time: one step of a prepared module in that loop against one
of codesign's own loop, with the same optimiser, side by side; the ratio is of the minima.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.nn import functional

import codesign
from codesign.chip.description import Chip
from codesign.data import Dataset, digits
from codesign.ir.real import to_integers
from codesign.train.build import build
from codesign.train.nets.baseline import float_mlp
from codesign.train.phase import Images, Phase, Setting
from codesign.train.recipe import Net, Recipe, Training

CHIP = Chip.load("reference-128")
NETS = ((48, 32), (64,), (96, 48))
SEEDS, FOLDS, EPOCHS, BATCH = 5, 5, 20, 32
FLOAT_LR, LR = 3e-3, 1e-3


class Loss(NamedTuple):
    """One net, seed and fold; accuracies in percent of the held-out fold."""

    hidden: tuple[int, ...]
    seed: int
    fold: int
    exact: float  # full precision
    quantized: float  # the integer network
    chip: float  # the same through converters

    @property
    def lost(self) -> float:
        """Points that the integer network loses."""
        return self.exact - self.quantized


def name_of(hidden: tuple[int, ...]) -> str:
    """A net by its layers: 64-48-32-10."""
    return "-".join(map(str, (64, *hidden, 10)))


def perceptron(hidden: tuple[int, ...]) -> nn.Sequential:
    """As a user writes it."""
    sizes = (64, *hidden, 10)
    pairs = list(pairwise(sizes))
    layers: list[nn.Module] = []
    for k, (before, after) in enumerate(pairs):
        layers += [nn.Linear(before, after)] + ([nn.ReLU()] if k + 1 < len(pairs) else [])
    return nn.Sequential(*layers)


def folds(seed: int, most: int = FOLDS) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Inputs 0..1 and labels to train on, the same to test on: stratified folds of all digits."""
    data = digits()
    x = np.concatenate([data.x_train, data.x_test]).astype(np.float32) / 255
    y = np.concatenate([data.y_train, data.y_test])
    splits = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(x, y)
    for (kept, held), _ in zip(splits, range(most), strict=False):
        yield tuple(torch.from_numpy(part) for part in (x[kept], y[kept], x[held], y[held]))  # type: ignore[misc]


def user_loop(model: nn.Module, x: Tensor, y: Tensor, lr: float, epochs: int = EPOCHS) -> nn.Module:
    """What users write."""
    optimizer = torch.optim.Adam(model.parameters(), lr)
    model.train()
    for _ in range(epochs):
        for index in torch.split(torch.randperm(len(x)), BATCH):
            loss = functional.cross_entropy(model(x[index]), y[index])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return model.eval()


def losses(
    nets: tuple[tuple[int, ...], ...] = NETS, seeds: int = SEEDS, most: int = FOLDS, lr: float = LR, **options: Any
) -> Iterator[Loss]:
    """Train every net, seed and fold; options are those of `prepare`."""
    for hidden in nets:
        for seed in range(seeds):
            for k, (x, y, x_test, y_test) in enumerate(folds(seed, most)):
                torch.manual_seed(100 * seed + k)
                model = user_loop(perceptron(hidden), x, y, FLOAT_LR)
                prepared = codesign.train.prepare(model, CHIP, x, **options)
                user_loop(prepared, x, y, lr)
                program = codesign.compile(prepared, x[:256], CHIP)
                outputs = program.run(to_integers(program.network, x_test))
                with torch.no_grad():
                    found = (model(x_test), prepared(x_test), torch.from_numpy(outputs))
                yield Loss(hidden, seed, k, *(100 * float((z.argmax(1) == y_test).double().mean()) for z in found))


def steppers(hidden: tuple[int, ...]) -> tuple[Callable[[], object], Callable[[], object]]:
    """One training step of codesign's own loop, and one of a user's: the same net, batch and data."""
    data = digits()
    recipe = Recipe(network=Net(hidden=hidden), train=Training(batch=BATCH))
    kind = recipe.quantize.input
    images = Images.of(data, kind, "cpu")
    setting = Setting(recipe, images, None, {}, None, torch.Generator())
    own = build(recipe, recipe.network.layers(10), (data.features,), CHIP, torch.Generator()).train()
    phase = Phase("quantized", own, setting)
    index = torch.arange(BATCH)
    count = iter(range(1 << 30))

    def ours() -> object:
        return phase._step(index, next(count), 1 << 20, None)

    return ours, user_step(data, hidden, index)


def user_step(data: Dataset, hidden: tuple[int, ...], index: Tensor) -> Callable[[], object]:
    """One step of `user_loop` on a prepared module."""
    x, y = torch.from_numpy(data.x_train / np.float32(255)), torch.from_numpy(data.y_train)
    model = codesign.train.prepare(float_mlp((64, *hidden, 10)), CHIP, x, scale="layer").train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-6, fused=True)  # as codesign's own loop

    def step() -> object:
        loss = functional.cross_entropy(model(x[index]), y[index])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.item()

    return step


def step_times(hidden: tuple[int, ...], rounds: int = 15, steps: int = 40) -> tuple[float, float]:
    """Milliseconds a step, own loop and user's loop: the fastest of interleaved rounds."""
    best = [float("inf"), float("inf")]
    both = steppers(hidden)
    for _ in range(rounds):
        for k, step in enumerate(both):
            step()
            started = time.perf_counter()
            for _ in range(steps):
                step()
            best[k] = min(best[k], (time.perf_counter() - started) / steps)
    return best[0] * 1e3, best[1] * 1e3


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed and fold of each net, few timed steps")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    print(f"{'milliseconds a step':<20}{'own loop':>10}{'prepared':>10}{'ratio':>8}")
    for hidden in NETS:
        ours, users = step_times(hidden, 9 if quick else 25)
        print(f"{name_of(hidden):<20}{ours:>10.3f}{users:>10.3f}{users / ours:>8.2f}", flush=True)
    print(f"\n{'points':<20}{'float':>10}{'integers':>10}{'chip':>8}{'lost':>8}")
    for hidden in NETS:
        found = list(losses((hidden,), 1, 1) if quick else losses((hidden,)))
        means = np.mean([(r.exact, r.quantized, r.chip, r.lost) for r in found], axis=0)
        print(f"{name_of(hidden):<20}{means[0]:>10.2f}{means[1]:>10.2f}{means[2]:>8.2f}{means[3]:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
