"""The training loop: `fit` turns a recipe and a data set into a network for a chip, resumable after a kill."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from codesign.brief import Brief
from codesign.chip.description import Chip
from codesign.data import Dataset
from codesign.errors import InputError, ToolError
from codesign.fixed import IntType
from codesign.ir import Network
from codesign.train import distributed, ranks
from codesign.train.augment import mirrored, shifted
from codesign.train.build import build, check
from codesign.train.checkpoint import Checkpoint
from codesign.train.export import export
from codesign.train.identity import identity
from codesign.train.layers.edges import span
from codesign.train.methods.direct import quantize_from
from codesign.train.methods.iscas2018 import Deployment
from codesign.train.methods.regularized import Pull
from codesign.train.nets.baseline import float_twin
from codesign.train.nets.quantized import QuantNet
from codesign.train.recipe import Recipe, Training

CALIBRATION = 1024  # training images that direct quantization looks at


@dataclass(frozen=True)
class Epoch(Brief):
    """What one epoch showed; accuracy is of the training images, measured on the way."""

    phase: str  # "float" or "quantized"
    epoch: int  # from 1
    epochs: int
    loss: float
    accuracy: float  # percent
    rejected: int = 0  # iscas2018: steps whose cells were taken back


@dataclass(frozen=True, eq=False)
class Trained(Brief):
    """The end of training (the last epoch, never the best). Accuracies are percent of `images` test images."""

    model: QuantNet
    float_model: nn.Module | None
    accuracy_quantized: float  # by the integer contract, converters included where the recipe trains them
    accuracy_float: float | None
    images: int
    history: tuple[Epoch, ...]

    @cached_property
    def network(self) -> Network:
        """The integers of `model`, for `codesign.compile`. Raises InputError when some of its weights are real."""
        return export(self.model, "network")

    def _brief(self) -> str:
        full = "" if self.accuracy_float is None else f", {self.accuracy_float:.2f} % in full precision"
        return f"{self.accuracy_quantized:.2f} % of {self.images} test images{full}; {len(self.history)} epochs"


@dataclass(frozen=True, eq=False)
class _Data:
    """Training images on the training device."""

    x: Tensor  # (images, features) integers
    y: Tensor  # (images,) labels
    shape: tuple[int, ...]
    dark: int  # the integer of a black pixel

    def batch(self, index: Tensor, train: Training, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Images (float) and labels of a batch, augmented."""
        x, y = self.x[index], self.y[index]
        if train.shift:
            x = shifted(x, self.shape, train.shift, self.dark, rng)
        if train.flip:
            x = mirrored(x, self.shape, rng)
        return x.float(), y


Progress = Callable[[Epoch], None]


def fit(
    recipe: Recipe,
    dataset: Dataset,
    chip: Chip | str | Path,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train for the cells of `chip` (a preset's name or a chip file will do).

    With `folder`, go on from its last epoch and end at the same weights.

    `progress` is called after every epoch trained here. Under torchrun every process calls this; each gets the
    result, the first one writes (`Excused` in the others: it found nothing to train). Raises ConfigError when chip or
    data cannot take the recipe, InputError when `folder` holds another run or the loss becomes NaN or infinite,
    ToolError when there is no GPU where one is asked for.

    Usage:

    >>> import codesign
    >>> recipe = codesign.Recipe(network={"hidden": (8,)}, train={"epochs": 2})
    >>> trained = codesign.train.fit(recipe, recipe.data.load(), "tiny")
    >>> trained.network
    Network(network: 64 x u8, 2 nodes, 592 weights)
    >>> trained.accuracy_quantized > 20 < trained.accuracy_float
    True
    """
    chip = Chip.of(chip)
    check(recipe, dataset, chip)
    device = recipe.machine.device
    if device == "cuda" and not torch.cuda.is_available():
        raise ToolError(
            'machine.device: "cuda" was asked for, torch finds no GPU here; use "cpu" or a CUDA build of torch'
        )
    kind, shape = recipe.quantize.input, dataset.shape or (dataset.features,)
    layers = recipe.network.layers(dataset.classes)
    flat = shape if len(shape) == 3 and recipe.network.model != "mlp" else (dataset.features,)
    belongs = identity(recipe, chip, dataset.identity)
    x = torch.from_numpy(dataset.train_inputs(kind)).to(device)
    data = _Data(x, torch.from_numpy(dataset.y_train).to(device), shape, kind.lo)
    x_test = dataset.test_inputs(kind)
    noise_rng = torch.Generator(device)

    def phase(name: str, model: nn.Module, teacher: nn.Module | None = None) -> list[Epoch]:
        state = Checkpoint(folder / f"{name}.safetensors", belongs) if folder is not None else None
        return _train(name, model.to(device), recipe, data, state, progress, noise_rng, teacher)

    with _threads(recipe.machine.threads), distributed.together(device):
        distributed.start(device)  # the others wait until the first process has its folder ready
        history, baseline, accuracy_float = [], None, None
        if recipe.train.baseline:
            baseline = float_twin(layers, flat, seed=recipe.train.seed)
            history += phase("float", baseline)
            accuracy_float = accuracy(_logits(baseline.cpu().eval(), x_test, 1.0 / span(kind)), dataset.y_test)
        model = build(recipe, layers, flat, chip, noise_rng)
        if recipe.train.method == "direct":
            assert baseline is not None
            quantize_from(baseline, model, torch.from_numpy(dataset.train_inputs(kind, CALIBRATION)))
        else:
            history += phase("quantized", model, baseline if recipe.train.distill else None)
        model = model.cpu().eval()
        outputs = model.integers(x_test) if model.is_discrete else _logits(model, x_test, 1.0)
    return Trained(model, baseline, accuracy(outputs, dataset.y_test), accuracy_float, len(x_test), tuple(history))


def accuracy(outputs: NDArray[np.generic], labels: NDArray[np.int64]) -> float:
    """Percent of rows whose largest output is the label."""
    return 100.0 * float((outputs.argmax(axis=1) == labels).mean())


@torch.no_grad()
def _logits(model: nn.Module, x: NDArray[np.int16], step: float) -> NDArray[np.float32]:
    parts = [model(torch.from_numpy(x[k : k + 500]).float() * step) for k in range(0, len(x), 500)]
    logits: NDArray[np.float32] = torch.cat(parts).numpy()
    return logits


def rate(train: Training, step: int, total: int, warm: int) -> float:
    """Share of the peak learning rate at `step`: half an epoch of warm-up, then a cosine to 0; fixed for iscas2018."""
    if train.method == "iscas2018":
        return 1.0
    return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / total))


def _train(
    phase: str,
    model: nn.Module,
    recipe: Recipe,
    data: _Data,
    checkpoint: Checkpoint | None,
    progress: Progress | None,
    noise_rng: torch.Generator,
    teacher: nn.Module | None,
) -> list[Epoch]:
    net = model if isinstance(model, QuantNet) else None
    step = 1.0 if net else 1.0 / span(recipe.quantize.input)  # what the model takes: integers, or reals
    train, device = recipe.train, recipe.machine.device
    peak, decay = (train.lr, train.weight_decay) if net else (train.baseline_lr, train.baseline_weight_decay)
    pull = Pull(net, train.strength) if net and train.method == "regularized" else None
    optimiser = _optimiser(model, peak, decay)
    rng = torch.Generator().manual_seed(train.seed)
    done, notes = checkpoint.read(model, optimiser, rng) if checkpoint else (0, [])
    history = [Epoch(**n) for n in notes]
    steps = -(-len(data.x) // train.batch)
    rank, world = ranks.rank(), ranks.world()
    for epoch in range(done, train.epochs):
        model.train()
        noise_rng.manual_seed((train.seed << 20) + epoch * world + rank)  # resuming draws the same dies
        deployment = Deployment(net, train.reject, train.patience) if net and train.method == "iscas2018" else None
        if pull:
            pull.refit()
        loss_sum, correct, rejected = 0.0, 0, 0
        for k, index in enumerate(torch.split(torch.randperm(len(data.x), generator=rng), train.batch)):
            xb, yb = (t[rank::world] for t in data.batch(index, train, rng))
            xb = xb * step if step != 1.0 else xb
            number = epoch * steps + k
            for group in optimiser.param_groups:
                group["lr"] = peak * rate(train, number, train.epochs * steps, max(1, steps // 2))
            logits = model(xb)
            loss = _loss(logits, yb, train, None if teacher is None else _taught(teacher, xb, recipe.quantize.input))
            value = distributed.total(loss.item() * len(yb) / len(index), device)
            if not math.isfinite(value):
                raise _diverged(model, epoch + 1, value, peak, checkpoint)
            if pull:
                loss = loss + pull.penalty(number / (train.epochs * steps))
            optimiser.zero_grad()
            (loss if world == 1 else loss * (len(yb) / len(index))).backward()  # type: ignore[no-untyped-call]
            distributed.add_gradients(model)
            optimiser.step()
            if deployment:

                def again(xb: Tensor = xb, yb: Tensor = yb, size: int = len(index)) -> float:
                    loss = functional.cross_entropy(model(xb), yb).item()
                    return distributed.total(loss * len(yb) / size, device)

                rejected += not deployment.step(value, again)
            loss_sum += value * len(index)
            correct += int((logits.argmax(1) == yb).sum())
        if not all(bool(torch.isfinite(p).all()) for p in model.parameters()):
            raise _diverged(model, epoch + 1, loss_sum / len(data.x), peak, checkpoint)
        if pull and epoch + 1 == train.epochs:
            pull.finish()
        distributed.share_buffers(model)
        right = distributed.total(float(correct), device)
        history.append(
            Epoch(phase, epoch + 1, train.epochs, loss_sum / len(data.x), 100 * right / len(data.x), rejected)
        )
        if rank == 0:
            if checkpoint:
                checkpoint.write(epoch + 1, [asdict(h) for h in history], model, optimiser, rng)
            if progress:
                progress(history[-1])
    if pull:
        pull.finish()
    return history


def _loss(logits: Tensor, y: Tensor, train: Training, taught: Tensor | None) -> Tensor:
    """Cross entropy; with `distill`, partly against what the baseline answers."""
    plain = functional.cross_entropy(logits, y, label_smoothing=train.smoothing)
    if taught is None:
        return plain
    told = functional.cross_entropy(logits / TEMPERATURE, (taught / TEMPERATURE).softmax(1)) * TEMPERATURE**2
    return (1 - train.distill) * plain + train.distill * told


TEMPERATURE = 2.0  # of distillation (Hinton et al., arXiv:1503.02531)


@torch.no_grad()
def _taught(teacher: nn.Module, x: Tensor, kind: IntType) -> Tensor:
    logits: Tensor = teacher.to(x.device).eval()(x * (1.0 / span(kind)))
    return logits


def _optimiser(model: nn.Module, lr: float, decay: float) -> torch.optim.AdamW:
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    weights, others = ([p for n, p in named if (n.endswith("weight") and p.dim() > 1) is w] for w in (True, False))
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


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
