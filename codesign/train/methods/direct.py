"""Direct quantization: the full-precision baseline's weights on the grid, without further training.

A fair version: the scale of every layer (or column) minimizes the squared error, the scale of every activation is
fitted to calibration images, and the bias of each column corrects its mean rounding error.
"""

import torch
from torch import Tensor, nn

from codesign.train.layers.edges import Edge, QuantReLU, span
from codesign.train.layers.fit import best_clips, best_scale, mean_error
from codesign.train.layers.matrix import QuantLayer
from codesign.train.layers.pooling import QuantAdd
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
            _centre(layer, sources[0], floats[name])
        if isinstance(layer, QuantLayer | QuantAdd) and layer.activation is not None:
            _fit(layer.activation, floats[f"{name}.out"])
        edges[name] = layer(*sources)


def _copy(layer: QuantLayer, modules: dict[str, nn.Module], name: str) -> None:
    """Copy weights, bias and batch norm of the baseline's layer `name`, and fit the scale to them."""
    source = next(m for n, m in modules.items() if n.split(".")[-1] == name and hasattr(m, "weight"))
    layer.weight.copy_(source.weight)  # type: ignore[arg-type]
    if layer.norm is not None:
        norm = next(m for n, m in modules.items() if n.split(".")[-1] == f"{name}_norm")
        layer.norm.load_state_dict(norm.state_dict())
        assert layer.norm.running_mean is not None
        if layer.pool is not None:
            layer.norm.weight.clamp_(
                min=0
            )  # after max pooling a column cannot change its sign; its mean stays (`_centre`)
        sign = torch.where(layer.norm.weight < 0, -1.0, 1.0)  # gains are positive here: negate the column instead
        layer.weight.mul_(sign.view(-1, *[1] * (layer.weight.dim() - 1)))
        layer.norm.running_mean.mul_(sign)
        layer.norm.weight.abs_()
    else:
        layer.bias.copy_(source.bias)  # type: ignore[arg-type]
    if layer.grid is not None and layer.clip is not None:
        layer.clip.copy_(best_clips(layer.weight, layer.grid, layer.clip))


def _centre(layer: QuantLayer, x: Edge, exact: Tensor) -> None:
    """Shift the bias by the mean difference between what the baseline's layer gives its ReLU and what this one does."""
    activation, layer.activation = layer.activation, None
    try:
        rough = layer(x).value
    finally:
        layer.activation = activation
    target = layer.norm.bias if layer.norm is not None else layer.bias
    target.add_(torch.from_numpy(mean_error(exact.double().numpy(), rough.double().numpy())))


def _fit(activation: QuantReLU, y: Tensor) -> None:
    """Set the clip that minimizes the squared error on `y`."""
    if not activation.clip.requires_grad:
        return  # fixed by the recipe
    activation.clip.fill_(best_scale(y.double().numpy(), activation.kind) * span(activation.kind))


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
