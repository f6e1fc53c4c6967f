"""Modules whose weights are computed before each forward pass, and modules that cannot be copied."""

import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from codesign.chip.description import Chip
from codesign.compiler import quantize
from codesign.errors import UnsupportedError
from codesign.frontend.unwrap import plain_copy
from codesign.ir import show

TINY = Chip.load("tiny")
REAL = np.random.default_rng(0).random((20, 12)).astype(np.float32)


def chain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 3))


def pruned_twice(layer: nn.Module) -> None:
    prune.l1_unstructured(layer, "weight", 0.3)
    prune.random_unstructured(layer, "weight", 0.3)


CHANGES: dict[str, Callable[[nn.Module], object]] = {
    "structured": lambda layer: prune.ln_structured(layer, "weight", 0.5, 2, 0),
    "unstructured": lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
    "identity": lambda layer: prune.identity(layer, "weight"),
    "bias": lambda layer: prune.random_unstructured(layer, "bias", 1),
    "twice": pruned_twice,
    "old weight norm": weight_norm,
    "old spectral norm": spectral_norm,
    "weight norm": parametrizations.weight_norm,
    "spectral norm": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
}


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
@pytest.mark.parametrize("ran", [False, True], ids=["fresh", "after a step"])
@pytest.mark.parametrize("change", CHANGES)
def test_computed_weights_are_those_of_the_forward_pass(change: str, ran: bool) -> None:
    """The same network as from a module that holds the same numbers plainly; the given one is left alone."""
    module = chain()
    CHANGES[change](module[0])
    if ran:  # weights of before the step are still attributes
        module(torch.from_numpy(REAL)).sum().backward()
        torch.optim.SGD(module.parameters(), 0.5).step()
    module.eval()
    with torch.no_grad():
        exact = module(torch.from_numpy(REAL))
    keys, hooks = list(module.state_dict()), len(module[0]._forward_pre_hooks)
    plain = plain_copy(module)
    with torch.no_grad():
        assert torch.equal(plain(torch.from_numpy(REAL)), exact) and exact.std() > 0
    assert sorted(plain.state_dict()) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    same = chain()
    same.load_state_dict(plain.state_dict())
    assert show(quantize(module, REAL, TINY, "net")) == show(quantize(same, REAL, TINY, "net"))
    assert list(module.state_dict()) == keys and len(module[0]._forward_pre_hooks) == hooks


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
@pytest.mark.parametrize("scale", [1e-140, 1e-46, 1e-30, 1e30, 1e140])
@pytest.mark.parametrize("change", ["old weight norm", "weight norm", "spectral norm"])
def test_doubles_are_normalized_as_doubles(change: str, scale: float) -> None:
    """What is far beyond float32 before it is normalized, and well inside after."""
    module = chain().double()
    CHANGES[change](module[0])
    x = torch.from_numpy(REAL).double()
    module(x)
    module.eval()
    direction = [p for name, p in module.named_parameters() if name.endswith(("weight_v", "original", "original1"))]
    with torch.no_grad():
        direction[0].mul_(scale)
        exact = module(x)
        assert exact.std(dim=0).min() > 1e-3
        torch.testing.assert_close(plain_copy(module)(x.float()), exact.float())


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_halves_are_normalized_as_floats(kind: torch.dtype) -> None:
    module = chain()
    parametrizations.orthogonal(module[0])
    module.to(kind)
    weight = plain_copy(module).get_parameter("0.weight")
    assert torch.equal(weight, plain_copy(module.float()).get_parameter("0.weight")) and weight.std() > 0


def test_what_a_forward_pass_left_behind_is_no_hindrance() -> None:
    module = chain()
    module.last = module(torch.from_numpy(REAL))  # type: ignore[assignment]
    assert show(quantize(module, REAL, TINY, "net")) == show(quantize(chain(), REAL, TINY, "net"))


def kept_in_a_list() -> nn.Module:
    module = chain()
    module.history = [module(torch.from_numpy(REAL))]  # type: ignore[assignment]
    return module


def with_a_lock() -> nn.Module:
    module = chain()
    module.lock = threading.Lock()  # type: ignore[assignment]
    return module


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (kept_in_a_list(), r"RuntimeError: Only Tensors created explicitly by the user \(graph leaves\) support .*"),
        (with_a_lock(), "TypeError: cannot pickle '_thread.lock' object"),
        (chain().to("meta"), "NotImplementedError: Cannot copy out of meta tensor; no data!"),
    ],
    ids=["list", "lock", "meta"],
)
def test_modules_that_cannot_be_copied(module: nn.Module, why: str) -> None:
    with pytest.raises(
        UnsupportedError,
        match=rf"^model Sequential: cannot be copied \({why}\); remove attributes that are neither weights "
        r"nor settings$",
    ):
        quantize(module, REAL, TINY, "net")
