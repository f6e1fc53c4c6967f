"""The training loop: `fit` turns a recipe and a data set into a network for a chip, resumable after a kill."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from codesign.errors import ConfigError, InputError
from codesign.hardware import Chip
from codesign.train.checkpoint import Checkpoint
from codesign.train.data import Dataset, to_inputs
from codesign.train.iscas2018 import Deployment
from codesign.train.layers import span
from codesign.train.models import QuantNet, float_mlp, mlp
from codesign.train.recipe import Recipe


@dataclass(frozen=True)
class Epoch:
    """What one epoch showed; accuracy is of the training images, measured on the way."""

    phase: str  # "float" or "quantized"
    epoch: int  # from 1
    epochs: int
    loss: float
    accuracy: float  # percent
    rejected: int = 0  # iscas2018: steps whose cells were taken back


@dataclass(frozen=True, eq=False)
class Trained:
    """The end of training (the last epoch, never the best). Accuracies are percent of `images` test images."""

    model: QuantNet
    float_model: nn.Sequential | None
    accuracy_quantized: float  # by the integer contract
    accuracy_float: float | None
    images: int
    history: tuple[Epoch, ...]


Progress = Callable[[Epoch], None]


def fit(
    recipe: Recipe, dataset: Dataset, chip: Chip, folder: Path | None = None, progress: Progress | None = None
) -> Trained:
    """Train for the cells of `chip`. With `folder`, go on from its last epoch and end at the same weights.

    `progress` is called after every epoch trained here. Raises ConfigError when the chip cannot take the
    recipe's integers, InputError when `folder` holds another run or the loss becomes NaN or infinite.
    """
    _check(recipe, chip)
    kind, sizes = recipe.input, (dataset.features, *recipe.hidden, dataset.classes)
    reach = recipe.grid_max if recipe.method == "iscas2018" else None
    identity = {
        "recipe": recipe.model_dump(mode="json"),
        "device": {"codes": list(chip.device.codes)},
        "data": {"name": dataset.name, "crc32": dataset.digest},
    }
    x, y = torch.from_numpy(to_inputs(dataset.x_train, kind)), torch.from_numpy(dataset.y_train)
    x_test = to_inputs(dataset.x_test, kind)

    def phase(name: str, model: nn.Module, step: float) -> list[Epoch]:
        state = Checkpoint(folder / f"{name}.safetensors", identity) if folder is not None else None
        return _train(name, model, recipe, x, y, step, state, progress)

    with _threads(recipe.threads):
        history, twin, accuracy_float = [], None, None
        if recipe.float_baseline:
            twin = float_mlp(sizes, seed=recipe.seed)
            history += phase("float", twin, 1.0 / span(kind))
            with torch.no_grad():
                logits = twin.eval()(torch.from_numpy(x_test).float() / span(kind)).numpy()
            accuracy_float = accuracy(logits, dataset.y_test)
        model = mlp(sizes, chip.device.weights, recipe.activation, kind, seed=recipe.seed, reach=reach)
        history += phase("quantized", model, 1.0)
        quantized = accuracy(model.eval().integers(x_test), dataset.y_test)
    return Trained(model, twin, quantized, accuracy_float, len(x_test), tuple(history))


def accuracy(outputs: NDArray[np.generic], labels: NDArray[np.int64]) -> float:
    """Percent of rows whose largest output is the label."""
    return 100.0 * float((outputs.argmax(axis=1) == labels).mean())


def rate(recipe: Recipe, step: int, total: int, warm: int) -> float:
    """Share of the peak learning rate at `step`: half an epoch of warm-up, then a cosine to 0; fixed for iscas2018."""
    if recipe.method == "iscas2018":
        return 1.0
    return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / total))


def _train(
    phase: str,
    model: nn.Module,
    recipe: Recipe,
    x: Tensor,  # (images, features) integers
    y: Tensor,  # (images,) labels
    step: float,  # what the model takes: x * step
    checkpoint: Checkpoint | None,
    progress: Progress | None,
) -> list[Epoch]:
    peak = recipe.lr if phase == "quantized" else recipe.float_lr
    optimiser = _optimiser(model, peak, recipe.weight_decay)
    rng = torch.Generator().manual_seed(recipe.seed)
    done, notes = checkpoint.read(model, optimiser, rng) if checkpoint else (0, [])
    history = [Epoch(**n) for n in notes]
    steps = -(-len(x) // recipe.batch)
    for epoch in range(done, recipe.epochs):
        model.train()
        deployment = (
            Deployment(model, recipe.reject) if isinstance(model, QuantNet) and recipe.method == "iscas2018" else None
        )
        total, correct, rejected = 0.0, 0, 0
        for k, index in enumerate(torch.split(torch.randperm(len(x), generator=rng), recipe.batch)):
            xb, yb = x[index].float() * step, y[index]
            for group in optimiser.param_groups:
                group["lr"] = peak * rate(recipe, epoch * steps + k, recipe.epochs * steps, max(1, steps // 2))
            logits = model(xb)
            loss = functional.cross_entropy(logits, yb)
            value = loss.item()
            if not math.isfinite(value):
                raise _diverged(model, epoch + 1, value, peak, checkpoint)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            if deployment:
                rejected += not deployment.step(xb, yb, value)
            total += value * len(yb)
            correct += int((logits.argmax(1) == yb).sum())
        if not all(bool(torch.isfinite(p).all()) for p in model.parameters()):
            raise _diverged(model, epoch + 1, value, peak, checkpoint)
        history.append(Epoch(phase, epoch + 1, recipe.epochs, total / len(x), 100 * correct / len(x), rejected))
        if checkpoint:
            checkpoint.write(epoch + 1, [asdict(h) for h in history], model, optimiser, rng)
        if progress:
            progress(history[-1])
    return history


def _optimiser(model: nn.Module, lr: float, decay: float) -> torch.optim.AdamW:
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    weights, others = ([p for n, p in named if n.endswith("weight") is w] for w in (True, False))
    return torch.optim.AdamW(
        [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}], lr=lr, fused=True
    )


def _diverged(model: nn.Module, epoch: int, loss: float, lr: float, checkpoint: Checkpoint | None) -> InputError:
    bad = [n for n, p in model.named_parameters() if not bool(torch.isfinite(p).all())]
    layer = bad[0].rsplit(".", 1)[0].removeprefix("layers.") if bad else None
    what = (
        f"weights of layer {layer} are NaN or infinite"
        if layer
        else "all weights are finite, the activations overflowed"
    )
    kept = f"; {checkpoint.path.name} keeps epoch {epoch - 1}" if checkpoint and epoch > 1 else ""
    return InputError(f"training: epoch {epoch}: loss is {loss}, {what}; lower lr (now {lr:g}){kept}")


def _check(recipe: Recipe, chip: Chip) -> None:
    top = chip.activation.bits
    for field, bits in (("input_bits", recipe.input_bits), ("activation_bits", recipe.activation_bits)):
        if bits > top:
            raise ConfigError(
                f"recipe: {field} must be at most {top} (activation.bits of chip {chip.name}), got {bits}"
            )


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
