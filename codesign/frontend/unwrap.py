"""Copies of the user's modules, in which a weight is a plain parameter again."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune, remove_spectral_norm, remove_weight_norm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from codesign.arrays import first_line
from codesign.errors import InputError, UnsupportedError
from codesign.frontend.scales import LARGEST, LOWEST


def plain_copy(module: nn.Module) -> nn.Module:
    """`module` on the CPU, in float32 and eval mode, pruning and normalization of weights done for good.

    The module itself is left as it is. Doubles are settled as doubles: what they are normalized by may lie far beyond
    float32. Raises UnsupportedError when it cannot be copied, InputError when its doubles do not fit float32.
    """
    try:
        owner = copy.deepcopy(module, _results(module)).cpu().eval()
        if all(t.dtype != torch.float64 for t in (*owner.parameters(), *owner.buffers())):
            owner = owner.float()  # torch normalizes no halves on a CPU
        for part in list(owner.modules()):
            _settle(part)
        outside = _outside_float32(owner)
        owner = owner.float()
    except Exception as e:  # deepcopy runs the user's code, and refuses much
        raise UnsupportedError(
            f"model {type(module).__name__}: cannot be copied ({type(e).__name__}: {first_line(e)}); "
            "take off what is neither weight nor setting"
        ) from e
    if outside:
        raise InputError(outside)
    return owner


def _outside_float32(module: nn.Module) -> str:
    """What is wrong with the first tensor of doubles that float32 would make infinite or all zero; else nothing."""
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.dtype != torch.float64 or not tensor.numel() or not tensor.isfinite().all():
            continue
        largest = float(tensor.detach().abs().max())
        if largest > LARGEST or 0 < largest < LOWEST:
            return (
                f"model: {name} has the largest magnitude {largest:.3g}, modules compute in float32, whose numbers are "
                f"{LOWEST:.3g} to {LARGEST:.3g}; rescale the layer"
            )
    return ""


def _results(module: nn.Module) -> dict[int, Any]:
    """Copies of the tensors that a forward pass has left in the module, which deepcopy refuses; by identity."""
    kept = (t for m in module.modules() for t in (*vars(m).values(), *m.buffers(recurse=False)))
    return {id(t): t.detach().clone() for t in kept if isinstance(t, Tensor) and not t.is_leaf}


def _settle(part: nn.Module) -> None:
    """Weights computed before each forward pass become parameters: pruned, normalized, parametrized."""
    for hook in list(part._forward_pre_hooks.values()):
        match hook:
            case prune.BasePruningMethod():
                prune.remove(part, hook._tensor_name)  # type: ignore[no-untyped-call]
            case WeightNorm():
                remove_weight_norm(part, hook.name)
            case SpectralNorm():
                remove_spectral_norm(part, hook.name)
    if parametrize.is_parametrized(part):
        # remove_parametrizations would take the weights from the class, which the user's module shares.
        values = {name: getattr(part, name).detach() for name in part._modules["parametrizations"]}  # type: ignore[union-attr]
        part.__class__ = parametrize.type_before_parametrizations(part)
        del part._modules["parametrizations"]
        for name, value in values.items():
            part.register_parameter(name, nn.Parameter(value))
