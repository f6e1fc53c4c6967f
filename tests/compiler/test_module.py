"""codesign.compile: an ordinary nn.Module is calibrated and quantized, or refused in words."""

import numpy as np
import pytest
import torch
from torch import nn

import codesign
from codesign import ir, passes
from codesign.compiler import quantize
from codesign.errors import UnsupportedError
from codesign.mapping.trim import choose_trims
from codesign.train import float_mlp
from tests.compiler.models import COARSE, FINE, REAL, SIZES, TINY, refused
from tests.hdl.programs import images


class TestModule:
    def test_is_calibrated_and_quantized(self) -> None:
        model = float_mlp(SIZES, seed=1)
        p = codesign.compile(model, REAL, TINY, "mine")
        expected = passes.rewrite(quantize(model, REAL, TINY, "mine"))
        assert ir.show(p.network) == ir.show(expected) and p.network.name == "mine"
        x = images(40, p.network)
        assert (p.run(x, adc=False) == ir.run(expected, x)).all()
        assert p.run(x).shape == (40, 4) and p.run(x).any()

    def test_calibration_ranges_the_converters(self) -> None:
        """Real samples are taken in steps of the input, so that the trims are those of their integers."""
        p = codesign.compile(float_mlp(SIZES, seed=1), REAL, COARSE)
        x = np.floor(REAL.astype(np.float64) / p.network.step + 0.5).astype(int)
        trims = choose_trims(p.network, p.mapping.plan, x)
        assert {s.layer: s.trim for s in p.mapping.steps} == trims
        assert trims != choose_trims(p.network, p.mapping.plan, None)  # or the test could not fail

    def test_a_fine_chip_computes_what_the_module_does(self) -> None:
        model = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 4))
        with torch.no_grad():
            rng = torch.Generator().manual_seed(3)
            for parameter in model.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=rng))
            exact = model(torch.from_numpy(REAL)).numpy()
        p = codesign.compile(model, REAL, FINE)
        y = p.run(np.floor(REAL / p.network.step + 0.5).astype(int))
        assert np.corrcoef(y.ravel(), exact.ravel())[0, 1] > 0.99
        assert (y.argmax(axis=1) == exact.argmax(axis=1)).mean() > 0.95

    def test_images_of_any_shape(self) -> None:
        model = nn.Sequential(nn.Flatten(), *float_mlp(SIZES, seed=1))
        p = codesign.compile(model, REAL.reshape(80, 1, 4, 5), TINY)
        assert p.words == codesign.compile(nn.Sequential(*float_mlp(SIZES, seed=1)), REAL, TINY).words

    def test_the_module_is_left_alone(self) -> None:
        model = float_mlp(SIZES, seed=1).train()
        before = {k: v.clone() for k, v in model.state_dict().items()}
        codesign.compile(model, REAL, TINY)
        assert model.training and all((model.state_dict()[k] == v).all() for k, v in before.items())

    def test_same_module_same_words(self) -> None:
        words = [codesign.compile(float_mlp(SIZES, seed=1), REAL, TINY).words for _ in range(2)]
        assert words[0] == words[1]

    def test_needs_calibration(self) -> None:
        assert refused(float_mlp(SIZES), None) == (
            "compile: an ordinary nn.Module needs calibration; pass a few hundred typical inputs"
        )

    @pytest.mark.parametrize(
        ("layer", "where", "operation"),
        [
            (nn.Sigmoid(), "module 1", "sigmoid"),
            (nn.Softmax(dim=1), "module 1", "softmax"),
            (nn.Sequential(nn.Identity(), nn.Tanh()), "module 1.1", "tanh"),
        ],
        ids=lambda v: v if isinstance(v, str) else type(v).__name__,
    )
    def test_unknown_layers(self, layer: nn.Module, where: str, operation: str) -> None:
        model = nn.Sequential(nn.Linear(20, 8), layer, nn.Linear(8, 4))
        assert refused(model, REAL, kind=UnsupportedError).startswith(f"{where}: {operation} is refused, ")

    def test_convolution(self) -> None:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4))
        p = codesign.compile(model, REAL.reshape(80, 1, 4, 5), TINY)
        x = p.quantize(REAL.reshape(80, 1, 4, 5))
        assert (p.run(x, adc=False) == ir.run(p.network, x)).all() and p.run(x).any()

    def test_a_refusal_keeps_what_was_quantized(self) -> None:
        torch.manual_seed(2)
        model = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(2, 4))
        assert refused(model, REAL.reshape(80, 1, 4, 5), kind=UnsupportedError) == (
            "layer layer0: the compiler cannot map max pooling of the network's input, which comes channel by channel, "
            "to a chip yet; run the network with codesign.ir.run, or train one without; keep its integers: "
            "codesign.quantize(model, calibration, chip).save('network.safetensors')"
        )

    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
    @pytest.mark.parametrize(("which", "count"), [("weight", 32), ("bias", 4)])
    def test_weights_that_are_no_numbers(self, bad: float, which: str, count: int) -> None:
        model = float_mlp(SIZES)
        with torch.no_grad():
            getattr(model.get_submodule("fc2"), which).view(-1)[2] = bad
        many = {"weight": "weights", "bias": "biases"}[which]
        assert refused(model, REAL) == (
            f"module fc2: 1 of {count} {many} are NaN or infinite; train again or load good weights"
        )

    def test_calibration_that_is_no_number(self) -> None:
        x = REAL.copy()
        x[3, 7] = np.nan
        assert refused(float_mlp(SIZES), x) == "calibration: image 3 value 7 is nan; remove NaN and infinity"

    @pytest.mark.parametrize("shape", [(5, 19), (5, 4, 5)], ids=str)
    def test_calibration_of_the_wrong_shape(self, shape: tuple[int, ...]) -> None:
        sizes = ", ".join(map(str, shape[1:]))
        assert refused(float_mlp(SIZES), np.ones(shape)).startswith(
            f"calibration: model Sequential does not take inputs of shape (images, {sizes}): "
        )

    @pytest.mark.parametrize("x", [np.zeros((0, 20)), np.zeros(20), np.array(3.0), np.full((2, 20), "a")])
    def test_calibration_that_is_none(self, x: np.ndarray) -> None:
        assert refused(float_mlp(SIZES), x) == (
            f"calibration: must be numbers of shape (images, ...), got {x.dtype} {x.shape}; give a few hundred images"
        )
