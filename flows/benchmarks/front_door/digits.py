"""The perceptrons that the parts share: all 1,797 digits in stratified folds, nets trained by an ordinary loop."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits  # type: ignore[import-untyped]
from sklearn.model_selection import StratifiedKFold  # type: ignore[import-untyped]
from torch import nn

from codesign.chip.description import Chip

NETS = ((64, 48, 32, 10), (64, 64, 10), (64, 96, 48, 10))
SEEDS, FOLDS, EPOCHS, BATCH, RATE = 5, 5, 40, 32, 1e-3

Images = NDArray[np.float32]
Labels = NDArray[np.int64]


class Fold(NamedTuple):
    """Inputs 0..1 and labels to train with, and those of the fold left out."""

    seed: int
    x: Images
    y: Labels
    x_test: Images
    y_test: Labels


def folds(quick: bool) -> Iterator[Fold]:
    """5 seeds and 5 folds; 1 and 2 if `quick`."""
    data = load_digits()
    x, y = (data.data / 16).astype(np.float32), data.target.astype(np.int64)
    for seed in range(1 if quick else SEEDS):
        splits = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(x, y)
        for train, test in itertools.islice(splits, 2 if quick else FOLDS):
            yield Fold(seed, x[train], y[train], x[test], y[test])


def name_of(sizes: tuple[int, ...]) -> str:
    """A net by its layers: 64-48-32-10."""
    return "-".join(map(str, sizes))


def chip_of(levels: int) -> Chip:
    """The reference chip with cells of so many levels."""
    chip = Chip.load("reference-128")
    bits = (levels - 1).bit_length()
    return chip.model_copy(update={"device": chip.device.model_copy(update={"levels": levels, "code_bits": bits})})


def perceptron(sizes: tuple[int, ...]) -> nn.Sequential:
    """As a user writes it."""
    parts: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        parts += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def loop(model: nn.Module, fold: Fold, epochs: int) -> None:
    """Train `model` as users do: Adam, cross entropy, a fixed rate."""
    optimiser = torch.optim.Adam(model.parameters(), RATE)
    images, labels = torch.from_numpy(fold.x), torch.from_numpy(fold.y)
    model.train()
    for _ in range(epochs):
        for batch in torch.split(torch.randperm(len(images)), BATCH):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    model.eval()


def trained(sizes: tuple[int, ...], fold: Fold) -> nn.Sequential:
    """A perceptron at full precision after 40 epochs."""
    torch.manual_seed(fold.seed)
    model = perceptron(sizes)
    loop(model, fold, EPOCHS)
    return model


def percent(scores: NDArray[np.generic], labels: Labels) -> float:
    """Share of rows whose largest score is the label's."""
    return 100.0 * float((scores.argmax(axis=1) == labels).mean())


def accuracy(model: nn.Module, fold: Fold) -> float:
    """Percent of the fold left out."""
    with torch.no_grad():
        return percent(model(torch.from_numpy(fold.x_test)).numpy(), fold.y_test)
