"""Direct quantization: the full-precision baseline's weights on the grid, without further training.

A fair version: the scale of every layer (or column) minimizes the squared error, the scale of every activation is
fitted to calibration images, and the bias of each column corrects its mean rounding error.
"""

import torch
from torch import Tensor, nn

from codesign.train.layers.edges import Edge
from codesign.train.layers.matrix import QuantLayer
from codesign.train.layers.pooling import QuantAdd
from codesign.train.layers.start import NormStart, centre, fit_clip, hold
from codesign.train.nets.quantized import QuantNet


@torch.no_grad()
def quantize_from(baseline: nn.Module, model: QuantNet, x: Tensor) -> None:
    """Copy the trained baseline's weights into `model`. x: calibration inputs, (images, features) integers."""
    model.eval()
    floats = _float_outputs(baseline, x.float() * model.scale)
    modules = dict(baseline.named_modules())
    edges: dict[str, Edge] = {"input": Edge(x.float().reshape(len(x), *model.shape), model.input, model.scale)}
    for layer in model.in_order:
        name, sources = layer.name, [edges[s] for s in layer.sources]
        if isinstance(layer, QuantLayer):
            _copy(layer, modules, name)
            centre(layer, sources[0], floats[name].double().numpy())
        if isinstance(layer, QuantLayer | QuantAdd) and layer.activation is not None:
            fit_clip(layer.activation, floats[f"{name}.out"].double().numpy())
        edges[name] = layer(*sources)


def _copy(layer: QuantLayer, modules: dict[str, nn.Module], name: str) -> None:
    """Start from the baseline's layer `name`."""
    source = next(m for n, m in modules.items() if n.split(".")[-1] == name and hasattr(m, "weight"))
    norm = next((m for n, m in modules.items() if n.split(".")[-1] == f"{name}_norm"), None)
    start = None
    if norm is not None:
        assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None
        start = NormStart(norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.eps)
    hold(layer, source.weight, source.bias, start)  # type: ignore[arg-type]


def _float_outputs(baseline: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """NAME: what each layer gives its ReLU, pooling and batch norm included; NAME.out: the same after the ReLU."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> None:
        def hook(_module: nn.Module, _args: object, output: Tensor) -> None:
            base, _, part = name.rpartition("_")
            if part in ("norm", "pool", "relu") and base in found:
                if part != "relu":
                    found[base] = output
                found[f"{base}.out"] = output
            else:
                found[name] = found[f"{name}.out"] = output

        handles.append(module_of[name].register_forward_hook(hook))

    handles: list[torch.utils.hooks.RemovableHandle] = []
    module_of = {n.split(".")[-1]: m for n, m in baseline.named_modules() if n and not list(m.children())}
    for name in module_of:
        keep(name)
    try:
        baseline.eval()(x)
    finally:
        for handle in handles:
            handle.remove()
    return found
