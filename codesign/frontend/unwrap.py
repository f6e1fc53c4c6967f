"""Copies of the user's modules, in which a weight is a plain parameter again."""

import copy
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrize, prune, remove_spectral_norm, remove_weight_norm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from codesign.arrays import first_line
from codesign.errors import UnsupportedError


def plain_copy(module: nn.Module) -> nn.Module:
    """`module` on the CPU, in float32 and eval mode, pruning and normalization of weights done for good.

    The module itself is left as it is. Raises UnsupportedError when it cannot be copied.
    """
    try:
        owner = copy.deepcopy(module, _results(module)).cpu().float().eval()
        for part in list(owner.modules()):
            _settle(part)
    except Exception as e:  # deepcopy runs the user's code, and refuses much
        raise UnsupportedError(
            f"model {type(module).__name__}: cannot be copied ({type(e).__name__}: {first_line(e)}); "
            "take off what is neither weight nor setting"
        ) from e
    return owner


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
