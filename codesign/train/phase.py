"""One phase of a training: the epochs of one net, the baseline or the quantized one, resumable after a kill."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from codesign.data import Dataset
from codesign.errors import InputError
from codesign.fixed import IntType
from codesign.train import distributed, ranks
from codesign.train.augment import mirrored, shifted
from codesign.train.checkpoint import Checkpoint
from codesign.train.layers.edges import span
from codesign.train.methods.iscas2018 import Deployment
from codesign.train.methods.regularized import Pull
from codesign.train.nets.quantized import QuantNet
from codesign.train.optimiser import loss_of, optimiser_of, rate
from codesign.train.recipe import Recipe, Training
from codesign.train.trained import Epoch, Progress


@dataclass(frozen=True, eq=False)
class Images:
    """Training images on the training device."""

    x: Tensor  # (images, features) integers
    y: Tensor  # (images,) labels
    shape: tuple[int, ...]
    kind: IntType

    @classmethod
    def of(cls, dataset: Dataset, kind: IntType, device: str) -> "Images":
        """The training images of a data set as integers of `dataset.input_type(kind)`."""
        x, y = torch.from_numpy(dataset.train_inputs(kind)), torch.from_numpy(dataset.y_train)
        return cls(x.to(device), y.to(device), dataset.shape or (dataset.features,), dataset.input_type(kind))

    def batch(self, index: Tensor, train: Training, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Images (float) and labels of a batch, augmented."""
        x, y = self.x[index], self.y[index]
        if train.shift:
            x = shifted(x, self.shape, train.shift, self.kind.lo, rng)  # lo: a black pixel
        if train.flip:
            x = mirrored(x, self.shape, rng)
        return x.float(), y


@dataclass(frozen=True, eq=False)
class Setting:
    """What the phases of a training share."""

    recipe: Recipe
    images: Images
    folder: Path | None  # of the checkpoints
    identity: dict[str, Any]  # see train/identity.py
    progress: Progress | None
    noise_rng: torch.Generator  # draws imperfect cells, on the training device

    def checkpoint(self, phase: str) -> Checkpoint | None:
        """Where a phase keeps its state."""
        return None if self.folder is None else Checkpoint(self.folder / f"{phase}.safetensors", self.identity)


class Phase:
    """The training of `model`. With a `teacher`, part of its loss is distilled from that net."""

    def __init__(self, name: str, model: nn.Module, setting: Setting, teacher: nn.Module | None = None) -> None:
        self.name, self.model, self.setting, self.teacher = name, model, setting, teacher
        self.net = model if isinstance(model, QuantNet) else None
        train = setting.recipe.train
        self.peak, decay = train.lr, train.weight_decay
        if self.net is None:
            self.peak, decay = train.baseline_lr, train.baseline_weight_decay
        self.pull = Pull(self.net, train.strength) if self.net and train.method == "regularized" else None
        self.optimiser = optimiser_of(model, self.peak, decay)
        self.rng = torch.Generator().manual_seed(train.seed)
        self.checkpoint = setting.checkpoint(name)
        self.rank, self.world = ranks.rank(), ranks.world()

    def run(self) -> list[Epoch]:
        """Train the epochs that the checkpoint lacks; return all of them.

        Raises InputError when the loss or a weight becomes NaN or infinite.
        """
        done, notes = self.checkpoint.read(self.model, self.optimiser, self.rng) if self.checkpoint else (0, [])
        history = [Epoch(**n) for n in notes]
        for epoch in range(done, self.setting.recipe.train.epochs):
            history.append(self._epoch(epoch))
            if self.rank == 0:
                if self.checkpoint:
                    notes = [asdict(h) for h in history]
                    self.checkpoint.write(epoch + 1, notes, self.model, self.optimiser, self.rng)
                if self.setting.progress:
                    self.setting.progress(history[-1])
        if self.pull:
            self.pull.finish()
        return history

    def _epoch(self, epoch: int) -> Epoch:
        train, count = self.setting.recipe.train, len(self.setting.images.x)
        self.model.train()
        self.setting.noise_rng.manual_seed((train.seed << 20) + epoch * self.world + self.rank)  # resuming: same dies
        iscas = self.net is not None and train.method == "iscas2018"
        deployment = Deployment(self.net, train.reject, train.patience) if self.net and iscas else None
        if self.pull:
            self.pull.refit()
        loss, correct, rejected = 0.0, 0, 0
        batches = torch.split(torch.randperm(count, generator=self.rng), train.batch)
        for k, index in enumerate(batches):
            value, right, kept = self._step(index, epoch * len(batches) + k, len(batches), deployment)
            loss, correct, rejected = loss + value * len(index), correct + right, rejected + (not kept)
        if not all(bool(torch.isfinite(p).all()) for p in self.model.parameters()):
            raise self._diverged(epoch, loss / count)
        if self.pull and epoch + 1 == train.epochs:
            self.pull.finish()
        distributed.share_buffers(self.model)
        share = 100 * distributed.total(float(correct), self.setting.recipe.machine.device) / count
        return Epoch(self.name, epoch + 1, train.epochs, loss / count, share, rejected)

    def _step(self, index: Tensor, number: int, steps: int, deployment: Deployment | None) -> tuple[float, int, bool]:
        """One optimiser step on a batch, the `number`th of the phase, `steps` an epoch.

        Returns its mean loss over all processes, how many images this process got right, and whether the cells took
        the update.
        """
        recipe = self.setting.recipe
        train, kind, device = recipe.train, self.setting.images.kind, recipe.machine.device
        total = train.epochs * steps
        x, y = (t[self.rank :: self.world] for t in self.setting.images.batch(index, train, self.rng))
        if self.net is None:
            x = x * (1.0 / span(kind))  # the baseline takes real numbers
        for group in self.optimiser.param_groups:
            group["lr"] = self.peak * rate(train, number, total, max(1, steps // 2))
        logits = self.model(x)
        loss = loss_of(logits, y, train, None if self.teacher is None else _taught(self.teacher, x, kind))
        value = distributed.total(loss.item() * len(y) / len(index), device)
        if not math.isfinite(value):
            raise self._diverged(number // steps, value)
        if self.pull:
            loss = loss + self.pull.penalty(number / total)
        self.optimiser.zero_grad()
        (loss if self.world == 1 else loss * (len(y) / len(index))).backward()  # type: ignore[no-untyped-call]
        distributed.add_gradients(self.model)
        self.optimiser.step()

        def again() -> float:
            loss = functional.cross_entropy(self.model(x), y).item()
            return distributed.total(loss * len(y) / len(index), device)

        kept = deployment is None or deployment.step(value, again)
        return value, int((logits.argmax(1) == y).sum()), kept

    def _diverged(self, epoch: int, loss: float) -> InputError:
        bad = [n for n, p in self.model.named_parameters() if not bool(torch.isfinite(p).all())]
        layer = bad[0].rsplit(".", 1)[0].removeprefix("layers.") if bad else None
        what = (
            f"weights of layer {layer} are NaN or infinite"
            if layer
            else "all weights are finite, the activations overflowed"
        )
        kept = f"; {self.checkpoint.path.name} keeps epoch {epoch}" if self.checkpoint and epoch else ""
        return InputError(f"training: epoch {epoch + 1}: loss is {loss}, {what}; lower lr (now {self.peak:g}){kept}")


@torch.no_grad()
def _taught(teacher: nn.Module, x: Tensor, kind: IntType) -> Tensor:
    """The teacher's logits for integer inputs of `kind`."""
    logits: Tensor = teacher.to(x.device).eval()(x * (1.0 / span(kind)))
    return logits
