"""The training loop: `fit` turns a recipe and a data set into a network for a chip, resumable after a kill."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from codesign.chip.description import Chip
from codesign.data import Dataset
from codesign.train import distributed
from codesign.train.build import build, check
from codesign.train.identity import identity
from codesign.train.layers.edges import span
from codesign.train.methods.direct import quantize_from
from codesign.train.nets.baseline import baseline_of
from codesign.train.phase import Images, Phase, Setting
from codesign.train.recipe import Recipe
from codesign.train.trained import Progress, Trained, accuracy

CALIBRATION = 1024  # training images that direct quantization looks at
BATCH = 500  # images at once in the evaluation of real networks


def fit(
    recipe: Recipe,
    dataset: Dataset,
    chip: Chip | str | Path,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train for the cells of `chip` (a description, the name of a preset, or a chip file).

    With `folder`, training resumes after the last epoch saved there and ends at the same weights. `progress` is
    called after every epoch trained here. Under torchrun every process calls this and gets the result; only the
    first one writes, and the others raise `Excused` when it finds nothing to train.

    Raises ConfigError when chip or data cannot take the recipe, InputError when `folder` holds another run or the
    loss becomes NaN or infinite, ToolError when the recipe asks for a GPU and there is none.

    Usage:

    >>> import codesign
    >>> recipe = codesign.Recipe(network={"hidden": (8,)}, train={"epochs": 2})
    >>> trained = codesign.train.fit(recipe, recipe.data.load(), "tiny")
    >>> trained.network
    Network(network: 64 x u8, 2 nodes, 592 weights)
    >>> trained.accuracy_quantized > 20 < trained.accuracy_baseline
    True
    """
    chip, device = Chip.of(chip), recipe.machine.device
    check(recipe, dataset, chip)
    images = Images.of(dataset, recipe.quantize.input, device)
    belongs = identity(recipe, chip, dataset.identity)
    setting = Setting(recipe, images, folder, belongs, progress, torch.Generator(device))
    with _threads(recipe.machine.threads), distributed.together(device):
        distributed.start(device)  # the others wait until the first process has its folder ready
        return _phases(setting, dataset, chip)


def _phases(setting: Setting, dataset: Dataset, chip: Chip) -> Trained:
    """The baseline if the recipe wants one, then the quantized network."""
    recipe, device = setting.recipe, setting.recipe.machine.device
    train, kind, layers = recipe.train, setting.images.kind, recipe.network.layers(dataset.classes)
    shape = dataset.shape if len(dataset.shape) == 3 and recipe.network.model != "mlp" else (dataset.features,)
    x_test = dataset.test_inputs(kind)
    history, baseline, accuracy_baseline = [], None, None
    if train.baseline:
        baseline = baseline_of(layers, shape, seed=train.seed)
        history += Phase("baseline", baseline.to(device), setting).run()
        logits = _logits(baseline.cpu().eval(), x_test, 1.0 / span(kind))
        accuracy_baseline = accuracy(logits, dataset.y_test)
    model = build(recipe, layers, shape, chip, setting.noise_rng, kind)
    model.worth = dataset.scaling(kind)
    if train.method == "direct":
        assert baseline is not None
        quantize_from(baseline, model, torch.from_numpy(dataset.train_inputs(kind, CALIBRATION)))
    else:
        history += Phase("quantized", model.to(device), setting, baseline if train.distill else None).run()
    model = model.cpu().eval()
    outputs = model.integers(x_test) if model.is_discrete else _logits(model, x_test, 1.0)
    found = accuracy(outputs, dataset.y_test)
    return Trained(model, baseline, found, accuracy_baseline, len(x_test), tuple(history))


@torch.no_grad()
def _logits(model: nn.Module, x: NDArray[np.int16], scale: float) -> NDArray[np.float32]:
    """Outputs for integers that are worth `scale` each."""
    parts = [model(torch.from_numpy(x[k : k + BATCH]).float() * scale) for k in range(0, len(x), BATCH)]
    logits: NDArray[np.float32] = torch.cat(parts).numpy()
    return logits


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
