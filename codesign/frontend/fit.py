"""Training without a loop of one's own: a recipe, or the user's own module, and data."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from codesign.brief import Brief
from codesign.chip.description import Chip
from codesign.data import Dataset
from codesign.errors import InputError, UnsupportedError
from codesign.frontend.graph import Graph
from codesign.frontend.prepare import prepare, traced
from codesign.frontend.prepared import Prepared, integers_of
from codesign.frontend.samples import Samples, samples_of
from codesign.frontend.settle import shapes
from codesign.ir import Network
from codesign.settings import validate_data
from codesign.train import loop
from codesign.train.augment import mirrored, shifted
from codesign.train.optimiser import loss_of, optimiser_of, rate
from codesign.train.recipe import Recipe, Training
from codesign.train.trained import Epoch, Progress, Trained

BATCH = 500  # images at once in evaluation
Scores = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Fitted(Brief):
    """A user's module after training, prepared and at full precision. Accuracies are percent of `images` tests."""

    model: Prepared  # in eval mode: takes and returns what the module does
    baseline: nn.Module  # the module at full precision, from which `model` started
    chip: Chip
    accuracy_quantized: float
    accuracy_baseline: float
    images: int
    history: tuple[Epoch, ...]

    @cached_property
    def network(self) -> Network:
        """The integers of `model`, for `codesign.compile`."""
        return integers_of(self.model, self.chip, "network")

    def _brief(self) -> str:
        epochs = max((e.epoch for e in self.history if e.phase == "quantized"), default=0)
        return (
            f"{self.accuracy_quantized:.2f} % of {self.images} test images, {self.accuracy_baseline:.2f} % in full "
            f"precision; {epochs} epochs"
        )


def fit(
    model: Recipe | nn.Module,
    data: Dataset | tuple[Any, Any],
    chip: Chip | str | Path,
    folder: Path | None = None,
    progress: Progress | None = None,
    *,
    float_epochs: int | None = None,
    epochs: int = 20,
    batch: int = 64,
    lr: float = 4e-3,
    weight_decay: float = 1e-4,
    smoothing: float = 0.0,
    shift: int = 0,
    flip: bool = False,
    seed: int = 0,
    **options: Any,
) -> Any:
    """Train for the cells of `chip` (a description, the name of a preset, or a chip file).

    model: a recipe, trained as `codesign.train.loop.fit` says, which takes `folder` and `progress` and nothing else,
    and returns a `Trained`. Or your own nn.Module, which stays as it is: a copy is trained at full precision for
    `float_epochs` (by default `epochs`; 0 if it is trained already), then prepared and trained quantized for `epochs`
    more; the result is a `Fitted`.

    data: a data set, whose bytes the module gets as 0..1; or arrays (x, labels) as the module takes them, of which a
    fifth, drawn by `seed`, is held out for the accuracies. lr: the peak of a cosine with half an epoch of warm-up, by
    AdamW. shift, flip: augmentation of images. options: those of `prepare`.

    Raises what `prepare` raises, and InputError when the labels do not fit or the loss becomes NaN or infinite.

    Usage:

    >>> import codesign
    >>> recipe = codesign.Recipe(network={"hidden": (8,)}, train={"epochs": 2})
    >>> data = recipe.data.load()
    >>> codesign.train.fit(recipe, data, "tiny").network
    Network(network: 64 x u8, 2 nodes, 592 weights)
    >>> from torch import nn
    >>> module = nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))
    >>> fitted = codesign.train.fit(module, data, "tiny", epochs=2)
    >>> fitted.network
    Network(network: 64 x u8, 2 nodes, 592 weights)
    >>> fitted.images
    360
    """
    if isinstance(model, Recipe):
        return _by_recipe(model, data, chip, folder, progress, options)
    if not isinstance(model, nn.Module) or isinstance(model, Prepared):
        raise InputError(f"fit: model must be a Recipe or an ordinary nn.Module, got a {type(model).__name__}")
    if folder is not None:
        raise InputError("fit: folder keeps the state of recipes only; leave it out for an nn.Module")
    settings = {"epochs": epochs, "batch": batch, "lr": lr, "weight_decay": weight_decay, "smoothing": smoothing}
    train = validate_data(Training, settings | {"shift": shift, "flip": flip, "seed": seed}, "fit")
    before = epochs if float_epochs is None else float_epochs
    if type(before) is not int or before < 0:
        raise InputError(f"fit: float_epochs must be a whole number of at least 0, got {before!r}")
    target, images = Chip.of(chip), samples_of(data, model, train)
    graph, _ = traced(model, images.x.numpy())
    if any(name == "argmax" for name, _ in graph.tail):
        raise UnsupportedError("fit: the module ends in argmax, through which nothing trains; return its scores")
    _check_labels(images, shapes(graph)[graph.ops[-1].name][0])
    baseline = copy.deepcopy(model).float().cpu()
    history: list[Epoch] = []
    with torch.random.fork_rng(devices=[]):  # dropout draws from the global generator
        torch.manual_seed(seed)
        if before:
            made = train.model_copy(update={"epochs": before})
            history += _epochs("baseline", baseline.train(), _scores(baseline, graph), images, made, progress)
        prepared = prepare(baseline.eval(), target, images.x, seed=seed, **options)
        history += _epochs("quantized", prepared, prepared.scores, images, train, progress)
    found = [_accuracy(s, images) for s in (prepared.eval().scores, _scores(baseline, graph))]
    return Fitted(prepared, baseline, target, found[0], found[1], len(images.y_test), tuple(history))


def _check_labels(images: Samples, outputs: int) -> None:
    """Raises InputError unless the module has an output for each class."""
    largest = int(max(images.y.max(), images.y_test.max()))
    if largest >= outputs:
        raise InputError(
            f"fit: labels must lie in 0..{outputs - 1}, outputs of the module, got {largest}; "
            "number the classes from 0, or give the module more outputs"
        )


def _by_recipe(
    recipe: Recipe, data: Any, chip: Any, folder: Path | None, progress: Progress | None, options: dict[str, Any]
) -> Trained:
    if options:
        raise InputError(f"fit: a recipe takes no {min(options)}; set it in the recipe")
    return loop.fit(recipe, data, chip, folder, progress)


def _epochs(
    phase: str, model: nn.Module, scores: Scores, images: Samples, train: Training, progress: Progress | None
) -> list[Epoch]:
    """Train `model`, whose logits are `scores`, with the optimiser and the learning rate of recipes."""
    optimiser, rng = optimiser_of(model, train.lr, train.weight_decay), torch.Generator().manual_seed(train.seed)
    history: list[Epoch] = []
    for epoch in range(train.epochs):
        batches = torch.split(torch.randperm(len(images.y), generator=rng), train.batch)
        loss_sum, correct = 0.0, 0
        for k, index in enumerate(batches):
            at = rate(train, epoch * len(batches) + k, train.epochs * len(batches), max(1, len(batches) // 2))
            for group in optimiser.param_groups:
                group["lr"] = train.lr * at
            x, y = _augmented(images.x[index].float(), train, rng), images.y[index]
            logits = scores(x)
            loss = loss_of(logits, y, train, None)
            if not math.isfinite(loss.item()):
                raise InputError(
                    f"fit: epoch {epoch + 1} of {phase}: loss is {loss.item()}; lower lr, now {train.lr:g}"
                )
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            loss_sum, correct = loss_sum + loss.item() * len(y), correct + int((logits.argmax(1) == y).sum())
        count = len(images.y)
        history.append(Epoch(phase, epoch + 1, train.epochs, loss_sum / count, 100 * correct / count))
        if progress:
            progress(history[-1])
    return history


def _augmented(x: Tensor, train: Training, rng: torch.Generator) -> Tensor:
    shape = tuple(x.shape[1:])
    flat = x.reshape(len(x), -1)
    if train.shift:
        flat = shifted(flat, shape, train.shift, 0, rng)
    if train.flip:
        flat = mirrored(flat, shape, rng)
    return flat.reshape(x.shape)


def _scores(module: nn.Module, graph: Graph) -> Scores:
    """What the module returns, out of its dicts and tuples, as logits of a cross entropy."""

    def logits(x: Tensor) -> Tensor:
        y: Any = module(x)
        for key in graph.wrap:
            y = y[key]
        softmax = any(name == "softmax" for name, _ in graph.tail)
        scores: Tensor = y.clamp_min(1e-12).log() if softmax else y
        return scores

    return logits


@torch.no_grad()
def _accuracy(scores: Scores, images: Samples) -> float:
    parts = [scores(images.x_test[k : k + BATCH].float()) for k in range(0, len(images.y_test), BATCH)]
    return 100 * float((torch.cat(parts).argmax(1) == images.y_test).double().mean())
