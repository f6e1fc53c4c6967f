"""Direct quantization: the full-precision baseline's weights on the grid, without further training.

An honest one: every layer's scale (or every column's) has the least squared error, every activation's step is
fitted to calibration images, and the mean error that rounding leaves in a column goes into its bias.
"""

import torch
from torch import Tensor, nn

from codesign.train.layers.edges import Edge, QuantReLU, span
from codesign.train.layers.fit import best_step, mean_error, reaches
from codesign.train.layers.matrix import QuantLayer
from codesign.train.layers.pooling import QuantAdd
from codesign.train.nets.quantized import QuantNet


@torch.no_grad()
def quantize_from(baseline: nn.Module, model: QuantNet, x: Tensor) -> None:
    """Put the trained baseline's weights into `model`. x: calibration inputs, (images, features) integers."""
    model.eval()
    floats = _float_outputs(baseline, x.float() * model.step)
    modules = dict(baseline.named_modules())
    edges: dict[str, Edge] = {"input": Edge(x.float().reshape(len(x), *model.shape), model.input, model.step)}
    for layer in model.in_order:
        name, sources = layer.name, [edges[s] for s in layer.sources]
        if isinstance(layer, QuantLayer):
            _copy(layer, modules, name)
            _centre(layer, sources[0], floats[name])
        if isinstance(layer, QuantLayer | QuantAdd) and layer.activation is not None:
            _fit(layer.activation, floats[f"{name}.out"])
        edges[name] = layer(*sources)


def _copy(layer: QuantLayer, modules: dict[str, nn.Module], name: str) -> None:
    """Weights, bias and batch norm of the float layer called `name`; the scale that fits them best."""
    source = next(m for n, m in modules.items() if n.split(".")[-1] == name and hasattr(m, "weight"))
    layer.weight.copy_(source.weight)  # type: ignore[arg-type]
    if layer.norm is not None:
        norm = next(m for n, m in modules.items() if n.split(".")[-1] == f"{name}_norm")
        layer.norm.load_state_dict(norm.state_dict())
        assert layer.norm.running_mean is not None
        if layer.pool is not None:
            layer.norm.weight.clamp_(min=0)  # behind max pooling a column cannot be turned; its mean stays (`_centre`)
        sign = torch.where(layer.norm.weight < 0, -1.0, 1.0)  # gains are positive here: turn the column instead
        layer.weight.mul_(sign.view(-1, *[1] * (layer.weight.dim() - 1)))
        layer.norm.running_mean.mul_(sign)
        layer.norm.weight.abs_()
    else:
        layer.bias.copy_(source.bias)  # type: ignore[arg-type]
    if layer.grid is not None and layer.reach is not None:
        layer.reach.copy_(reaches(layer.weight, layer.grid, layer.reach))


def _centre(layer: QuantLayer, x: Edge, exact: Tensor) -> None:
    """Move the bias by the mean difference between what the float layer gives its ReLU and what this one does."""
    activation, layer.activation = layer.activation, None
    try:
        rough = layer(x).value
    finally:
        layer.activation = activation
    target = layer.norm.bias if layer.norm is not None else layer.bias
    target.add_(torch.from_numpy(mean_error(exact.double().numpy(), rough.double().numpy())))


def _fit(activation: QuantReLU, y: Tensor) -> None:
    """The reach with the least squared error on `y`."""
    if not activation.reach.requires_grad:
        return  # clipped where the recipe says
    activation.reach.fill_(best_step(y.double().numpy(), activation.kind) * span(activation.kind))


def _float_outputs(baseline: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """NAME: what each float layer gives its ReLU, pooling and batch norm included; NAME.out: after the ReLU."""
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
