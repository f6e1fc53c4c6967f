"""Whole networks: initial weights, baselines, and what eval mode takes."""

import numpy as np
import pytest
import torch

from codesign.errors import ConfigError, InputError
from codesign.fixed import IntType
from codesign.train.export import export
from codesign.train.layers.grid import Grid
from codesign.train.nets import architecture as arch
from codesign.train.nets.baseline import baseline_of, float_mlp
from codesign.train.nets.quantized import mlp, quantized

TERNARY = Grid((-1, 0, 1))
NETS = {
    "lenet": (arch.lenet((3, 5), (8,), 4), (1, 16, 16)),
    "cifar_lenet": (arch.cifar_lenet((3, 4), (), 4, norm=True), (3, 8, 8)),
    "resnet": (arch.resnet((4, 8, 8), 1, 4), (3, 32, 32)),
}


def tensor(module: torch.nn.Module) -> torch.Tensor:
    """The weight of a layer, quantized or not."""
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    return weight


def test_net_and_baseline_start_alike_whatever_the_global_seed() -> None:
    torch.manual_seed(1)
    model = mlp((8, 5, 3), (-1, 0, 1), IntType(4), IntType(8), seed=7)
    torch.manual_seed(2)
    baseline = float_mlp((8, 5, 3), seed=7)
    for name, layer in model.layers.items():
        assert torch.equal(tensor(layer), tensor(baseline.get_submodule(name)))
    assert [n for n, _ in baseline.named_children()] == ["fc1", "fc1_relu", "fc2"]
    other = mlp((8, 5, 3), (-1, 0, 1), IntType(4), IntType(8), seed=8)
    assert not torch.equal(other.chain[0].weight, tensor(baseline.get_submodule("fc1")))


@pytest.mark.parametrize("name", NETS)
def test_convolutional_nets_start_and_compute_like_their_baselines_on_a_fine_grid(name: str) -> None:
    """With 8-bit activations and a grid of 8 bits the quantized net is its baseline but for rounding."""
    layers, shape = NETS[name]
    fine = Grid(tuple(range(-127, 128)))
    model = quantized(layers, shape, fine, IntType(8), IntType(8), seed=3)
    baseline = baseline_of(layers, shape, seed=3)
    modules = {n.split(".")[-1]: m for n, m in baseline.named_modules()}
    for layer in model.chain:
        assert torch.equal(layer.weight, tensor(modules[layer.name]))
    x = torch.randint(0, 256, (40, model.features), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        q, f = model.train().logits(x), baseline.train()(x.float() / 255)
    assert np.corrcoef(q.flatten().numpy(), f.flatten().numpy())[0, 1] > 0.98


def test_fixed_reach_starts_on_the_grid_and_cannot_learn_it() -> None:
    model = mlp((30, 5, 3), (-3, -2, -1, 0, 1, 2, 3), IntType(4), IntType(8), weight_clip=0.3)
    for layer in model.chain:
        assert layer.held is not None and (layer.held * 0.1 - layer.weight).abs().max() < 1e-6
        assert layer.scale.item() == pytest.approx(0.1)
        assert layer.clip is not None and not layer.clip.requires_grad


def test_eval_returns_integers_training_returns_reals() -> None:
    model = mlp((8, 5, 3), (-1, 0, 1), IntType(4), IntType(4, True), seed=7)
    x = torch.randint(-8, 8, (6, 8), generator=torch.Generator().manual_seed(0))
    assert model.train()(x).dtype == torch.float32
    assert model.eval()(x).dtype == torch.int64
    assert torch.equal(model(x), model(x.float()))  # whole numbers in any dtype


def test_a_net_with_real_weights_stays_real_in_eval() -> None:
    layers, shape = NETS["lenet"]
    model = quantized(layers, shape, TERNARY, IntType(4), IntType(8), real="linear").eval()
    assert [layer.grid is None for layer in model.chain] == [False, False, True, True]
    assert not model.is_discrete and model(torch.zeros(2, 256)).dtype == torch.float32
    nothing = quantized(arch.mlp((3,), 2), (4,), TERNARY, IntType(4), IntType(8), real="linear")
    with pytest.raises(
        InputError, match=r"^model: all its weights are real, and a chip cannot hold those; quantize its"
    ):
        _ = nothing.pair


def test_quantize_rounds_and_clamps_real_inputs() -> None:
    model = mlp((4, 2), (-1, 0, 1), IntType(4), IntType(8))
    assert model.quantize(np.array([[0.0, 1.0, 2.0, 1.5 / 255]])).tolist() == [[0, 255, 255, 2]]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(3, 7), r"model input: shape must be \(images, 8\), got \(3, 7\); flatten each image"),
        (torch.full((3, 8), 0.5), r"model input: must be whole numbers in 0\.\.15 \(u4\); call model\.quantize first"),
        (torch.full((3, 8), 16), r"whole numbers in 0\.\.15"),
        (torch.full((3, 8), float("nan")), r"whole numbers in 0\.\.15"),
    ],
)
def test_other_inputs_are_refused_in_eval(x: torch.Tensor, message: str) -> None:
    model = mlp((8, 5, 3), (-1, 0, 1), IntType(4), IntType(4)).eval()
    with pytest.raises(InputError, match=message):
        model(x)


def test_shapes_follow_kernels_strides_padding_and_pools() -> None:
    assert arch.shapes(arch.lenet((20, 50), (128,), 10), (1, 28, 28)) == {
        "input": (1, 28, 28),
        "conv1": (20, 12, 12),
        "conv2": (50, 4, 4),
        "fc1": (128,),
        "fc2": (10,),
    }
    found = arch.shapes(arch.resnet((16, 32, 64), 3, 10), (3, 32, 32))
    assert (found["s2b1_short"], found["s3b3_add"], found["pool"]) == ((32, 16, 16), (64, 8, 8), (64, 1, 1))


def test_an_architecture_foretells_the_exported_network() -> None:
    """Kinds and shapes, also of images that windows do not fill."""
    layers = (
        arch.Conv("a", "input", 4, 3, stride=2, padding=1, pool=2),  # 15x21, 8x11, 4x5
        arch.Conv("b", "a", 4, 3, padding=1, groups=2, act=False),
        arch.Conv("c", "a", 4, 1, act=False),
        arch.Add("sum", "b", "c"),
        arch.MaxPool("largest", "sum", 2, 1),  # 3x4
        arch.AvgPool("mean", "largest", 2, 2),  # 1x2
        arch.Linear("fc", "mean", 3, act=False),
    )
    found = arch.shapes(layers, (2, 15, 21))
    assert [found[k][1:] for k in ("a", "largest", "mean")] == [(4, 5), (3, 4), (1, 2)]
    network = export(quantized(layers, (2, 15, 21), TERNARY, IntType(4), IntType(8)).eval(), "net")
    kinds = {n.name: type(n) for n in network.nodes}
    assert kinds == {layer.name: layer.node for layer in layers} | {"a_pool": arch.MaxPool.node}
    assert network.shape_of("a_pool") == found.pop("a")
    assert {name: network.shape_of(name) for name in found} == found
    assert [n.sources for n in network.nodes if n.name in ("b", "sum")] == [("a_pool",), ("b", "c")]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 8, 8), "layer conv2: a 2x2 image is too small for its 5x5 window and pooling by 2; use larger images"),
        ((64,), 'layer conv1: needs images (channels, height, width), got rows of 64 numbers; use model = "mlp"'),
    ],
)
def test_images_that_do_not_fit_are_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        arch.shapes(arch.lenet((20, 50), (128,), 10), shape)
    assert str(caught.value).startswith(message)
