"""The optimiser, its learning rate, and the loss that it minimizes."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from codesign.train.recipe import Training

TEMPERATURE = 2.0  # of distillation (Hinton et al., arXiv:1503.02531)


def optimiser_of(model: nn.Module, lr: float, decay: float) -> torch.optim.AdamW:
    """AdamW over all trainable parameters; only weight matrices decay."""
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    weights, others = ([p for n, p in named if (n.endswith("weight") and p.dim() > 1) is w] for w in (True, False))
    return torch.optim.AdamW(
        [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}], lr=lr, fused=True
    )


def rate(train: Training, step: int, total: int, warm: int) -> float:
    """Share of the peak learning rate at `step` of `total`: `warm` steps of warm-up, then a cosine to 0.

    Fixed for iscas2018.
    """
    if train.method == "iscas2018":
        return 1.0
    return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / total))


def loss_of(logits: Tensor, labels: Tensor, train: Training, taught: Tensor | None) -> Tensor:
    """Cross entropy with the labels; with `taught`, the baseline's logits, partly with those (distillation)."""
    plain = functional.cross_entropy(logits, labels, label_smoothing=train.smoothing)
    if taught is None:
        return plain
    soft = functional.cross_entropy(logits / TEMPERATURE, (taught / TEMPERATURE).softmax(1)) * TEMPERATURE**2
    return (1 - train.distill) * plain + train.distill * soft
