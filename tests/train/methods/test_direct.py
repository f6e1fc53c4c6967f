"""Direct quantization and the regularized baseline: what ends up on the grid, and how near it is."""

import numpy as np
import pytest
import torch

from codesign.fixed import IntType
from codesign.train.layers.fit import best_scale
from codesign.train.layers.grid import Grid
from codesign.train.methods.direct import quantize_from
from codesign.train.methods.regularized import Pull
from codesign.train.nets import architecture as arch
from codesign.train.nets.architecture import Architecture
from codesign.train.nets.baseline import baseline_of
from codesign.train.nets.quantized import quantized

FINE, TERNARY = Grid(tuple(range(-127, 128))), Grid((-1, 0, 1))
NETS: dict[str, tuple[Architecture, tuple[int, ...]]] = {
    "mlp": (arch.mlp((12, 9), 4), (20,)),
    "lenet": (arch.lenet((3, 5), (8,), 4), (1, 16, 16)),
    "batch norm": ((arch.Conv("c", "input", 6, 3, norm=True), arch.Linear("fc", "c", 4, act=False)), (2, 8, 8)),
    "resnet": (arch.resnet((4, 8), 1, 4), (3, 32, 32)),
}


@pytest.mark.parametrize("per_column", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_on_a_fine_grid_it_is_the_baseline(name: str, per_column: bool) -> None:
    """Batch norm with negative gains included: the column is turned instead."""
    layers, shape = NETS[name]
    baseline = baseline_of(layers, shape, seed=1)
    rng = torch.Generator().manual_seed(2)
    x = torch.randint(0, 256, (120, int(np.prod(shape))), generator=rng)
    with torch.no_grad():
        for n, p in baseline.named_parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=rng) * (1 if p.dim() == 1 else 0))
            if "norm" in n and n.endswith("weight"):
                p[::2] *= -1
        baseline.train()(x.float() / 255)  # running statistics
    model = quantized(layers, shape, FINE, IntType(8), IntType(8), seed=9, per_column=per_column)
    quantize_from(baseline, model, x)
    with torch.no_grad():
        exact = baseline.eval()(x.float() / 255).numpy()
    found = model.eval().integers(x.numpy())
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.99
    assert (found.argmax(1) == exact.argmax(1)).mean() > 0.9


def test_the_mean_of_every_output_is_that_of_the_baseline() -> None:
    """On a grid so coarse that rounding alone would move it."""
    layers, shape = NETS["mlp"]
    baseline = baseline_of(layers, shape, seed=1)
    x = torch.randint(0, 256, (100, 20), generator=torch.Generator().manual_seed(2))
    model = quantized(layers, shape, TERNARY, IntType(8), IntType(8))
    quantize_from(baseline, model, x)
    with torch.no_grad():
        means = model.logits(x).mean(0), baseline.eval()(x.float() / 255).mean(0)
    assert torch.allclose(*means, atol=1e-4)


@pytest.mark.parametrize("kind", [IntType(2), IntType(3, True)], ids=str)
def test_activations_have_the_scale_that_fits_the_baseline(kind: IntType) -> None:
    layers, shape = NETS["mlp"]
    baseline = baseline_of(layers, shape, seed=1)
    x = torch.randint(0, 256, (100, 20), generator=torch.Generator().manual_seed(2))
    model = quantized(layers, shape, FINE, kind, IntType(8))
    quantize_from(baseline, model, x)
    with torch.no_grad():
        y = torch.relu(baseline.get_submodule("fc1")(x.float() / 255)).double().numpy()
    activation = model.chain[0].activation
    assert activation is not None and activation.scale == pytest.approx(best_scale(y, kind), rel=1e-6)


def test_a_scale_per_column_fits_better() -> None:
    layers, shape = NETS["mlp"]
    baseline = baseline_of(layers, shape, seed=1)
    with torch.no_grad():
        baseline.get_submodule("fc1").weight.mul_(torch.logspace(-1, 0, 12).view(-1, 1))  # type: ignore[operator,union-attr]
    x = torch.randint(0, 256, (100, 20), generator=torch.Generator().manual_seed(2))
    errors = []
    for per_column in (False, True):
        model = quantized(layers, shape, TERNARY, IntType(8), IntType(8), per_column=per_column)
        quantize_from(baseline, model, x)
        fc = model.chain[0]
        errors.append(float((fc.codes() * fc.scale - fc.weight.detach().double()).square().sum()))
    assert errors[1] < 0.6 * errors[0]


def test_the_pull_draws_weights_to_the_grid_and_leaves_them_there() -> None:
    layers, shape = NETS["mlp"]
    model = quantized(layers, shape, TERNARY, IntType(8), IntType(8), seed=3)
    pull = Pull(model, strength=2.0)
    pull.refit()
    assert pull.penalty(0.0).item() == 0.0 < pull.penalty(1.0).item()
    distances = [pull.penalty(1.0).item()]
    optimiser = torch.optim.Adam([layer.weight for layer in model.chain], lr=1e-2)
    for _ in range(200):
        optimiser.zero_grad()
        pull.penalty(1.0).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    distances.append(pull.penalty(1.0).item())
    assert distances[1] < 0.02 * distances[0]
    soft = model.chain[0].cells().detach().clone()
    pull.finish()
    hard = model.chain[0].cells().detach()
    assert set(hard.unique().tolist()) <= {-1.0, 0.0, 1.0}
    assert (soft - hard).abs().max() < 0.2
