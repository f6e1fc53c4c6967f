"""Copies of the user's modules in which every weight is a plain parameter."""

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
    """`module` on the CPU, in float32 and eval mode, with pruning and weight normalization made permanent.

    The module itself does not change. Doubles are normalized as doubles, because their norms may lie far beyond
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
    except Exception as e:  # deepcopy runs the user's code, and fails on many objects
        raise UnsupportedError(
            f"model {type(module).__name__}: cannot be copied ({type(e).__name__}: {first_line(e)}); "
            "remove attributes that are neither weights nor settings"
        ) from e
    if outside:
        raise InputError(outside)
    return owner


def _outside_float32(module: nn.Module) -> str:
    """The problem with the first tensor of doubles that float32 would turn infinite or all zero; "" if none."""
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.dtype != torch.float64 or not tensor.numel() or not tensor.isfinite().all():
            continue
        largest = float(tensor.detach().abs().max())
        if largest > LARGEST or 0 < largest < LOWEST:
            return (
                f"model: {name} has the largest magnitude {largest:.3g}, modules compute in float32, which spans "
                f"{LOWEST:.3g} to {LARGEST:.3g}; rescale the layer"
            )
    return ""


def _results(module: nn.Module) -> dict[int, Any]:
    """Copies, by identity, of tensors that a forward pass left in the module: deepcopy refuses those."""
    kept = (t for m in module.modules() for t in (*vars(m).values(), *m.buffers(recurse=False)))
    return {id(t): t.detach().clone() for t in kept if isinstance(t, Tensor) and not t.is_leaf}


def _settle(part: nn.Module) -> None:
    """Turn weights that are computed before each forward pass (pruned, normalized, parametrized) into parameters."""
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
