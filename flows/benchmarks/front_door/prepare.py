"""Points lost by modules that their user trains for two-level cells, and what a step of that costs."""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

import codesign
from codesign.data import digits
from codesign.train.build import build
from codesign.train.phase import Images, Phase, Setting
from codesign.train.recipe import Net, Recipe, Training
from flows.benchmarks.front_door.digits import (
    BATCH,
    NETS,
    accuracy,
    chip_of,
    folds,
    loop,
    name_of,
    percent,
    perceptron,
    trained,
)

EPOCHS = 20
ALLOWED = 1.0  # points that may be lost, over all folds
NOISE = 1.0  # further points with --quick: two folds are 720 images
RATIO = 1.1  # that a step may take


def prepared(quick: bool) -> bool:
    """Print the losses after 20 epochs of the user's own loop; whether all are within what is allowed."""
    print(f"{'prepare, points lost':<28}{'levels':>7}{'float %':>9}{'network':>9}{'chip':>7}{'s':>7}")
    good, chip = True, chip_of(2)
    for sizes in NETS:
        rows = []
        for fold in folds(quick):
            model = trained(sizes, fold)
            full = accuracy(model, fold)
            started = time.perf_counter()
            mine = codesign.train.prepare(model, chip, fold.x)
            loop(mine, fold, EPOCHS)
            spent = time.perf_counter() - started
            program = codesign.compile(mine, fold.x, chip)
            q = program.quantize(fold.x_test)
            lost = [full - percent(program.run(q, adc=adc), fold.y_test) for adc in (False, True)]
            rows.append((full, *lost, spent))
        exact, network, through, seconds = np.mean(rows, axis=0)
        good &= network <= ALLOWED + quick * NOISE
        print(f"{name_of(sizes):<28}{2:>7}{exact:>9.2f}{network:>9.2f}{through:>7.2f}{seconds:>7.2f}", flush=True)
    return good


def step(quick: bool) -> bool:
    """Print the time of a training step; whether the ratio of the fastest is within what is allowed."""
    print(f"{'training step, ms':<28}{'own loop':>9}{'prepared':>9}{'ratio':>7}")
    good = True
    for sizes in NETS:
        ours, users = step_times(sizes, 9 if quick else 25)
        good &= users / ours <= RATIO
        print(f"{name_of(sizes):<28}{ours:>9.3f}{users:>9.3f}{users / ours:>7.2f}", flush=True)
    return good


def step_times(sizes: tuple[int, ...], rounds: int, steps: int = 40) -> tuple[float, float]:
    """Milliseconds a step, codesign's own loop and a user's: the fastest of interleaved rounds."""
    best = [float("inf"), float("inf")]
    both = (_own_step(sizes), _user_step(sizes))
    for _ in range(rounds):
        for k, one in enumerate(both):
            one()
            started = time.perf_counter()
            for _ in range(steps):
                one()
            best[k] = min(best[k], (time.perf_counter() - started) / steps)
    return best[0] * 1e3, best[1] * 1e3


def _own_step(sizes: tuple[int, ...]) -> Callable[[], object]:
    data, chip = digits(), chip_of(2)
    recipe = Recipe(network=Net(hidden=sizes[1:-1]), train=Training(batch=BATCH))
    setting = Setting(recipe, Images.of(data, recipe.quantize.input, "cpu"), None, {}, None, torch.Generator())
    own = build(recipe, recipe.network.layers(10), (data.features,), chip, torch.Generator()).train()
    phase, index, count = Phase("quantized", own, setting), torch.arange(BATCH), iter(range(1 << 30))
    return lambda: phase._step(index, next(count), 1 << 20, None)


def _user_step(sizes: tuple[int, ...]) -> Callable[[], object]:
    """One step of a user's loop, with the optimizer of codesign's own."""
    data, index = digits(), torch.arange(BATCH)
    x, y = torch.from_numpy(data.x_train / np.float32(255)), torch.from_numpy(data.y_train)
    model = codesign.train.prepare(perceptron(sizes), chip_of(2), x).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-6, fused=True)

    def one() -> object:
        loss = functional.cross_entropy(model(x[index]), y[index])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.item()

    return one
