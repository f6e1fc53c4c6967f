"""Modules whose scales calibration cannot choose: the biases keep their order, or a warning names the layer."""

import itertools
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import nn

import codesign
from codesign.chip.description import Chip
from codesign.compiler import quantize
from codesign.errors import CodesignWarning, InputError
from codesign.fixed import Ints, IntType
from codesign.ir import Network, run
from codesign.train.nets.quantized import mlp

TINY, REFERENCE = Chip.load("tiny"), Chip.load("reference-128")
CHIPS = pytest.mark.parametrize("chip", [TINY, REFERENCE], ids=lambda c: c.name)
REAL = np.random.default_rng(0).random((40, 12)).astype(np.float32)
LAST = (0.1, 0.4, 0.2)
RANKS = [0, 2, 1]  # of LAST


def chain(sizes: Sequence[int] = (12, 4, 3), relu: bool = True, seed: int = 1) -> nn.Sequential:
    """Linear layers with a ReLU between, of random weights that are the same every time."""
    torch.manual_seed(seed)
    parts: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        parts += [nn.Linear(inputs, outputs), nn.ReLU()] if relu else [nn.Linear(inputs, outputs)]
    return nn.Sequential(*(parts[:-1] if relu else parts))


def put(layer: nn.Module, weight: float | None = None, bias: float | Sequence[float] | None = None) -> None:
    assert isinstance(layer, nn.Linear)
    with torch.no_grad():
        if weight is not None:
            layer.weight.fill_(weight)
        if bias is not None:
            layer.bias.copy_(torch.tensor(bias).expand(layer.bias.shape))


def quantized(module: nn.Module, x: np.ndarray, chip: Chip) -> tuple[Network, list[str]]:
    """The network, and the layers that warnings of ours name; any other warning is an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network = quantize(module, x, chip, "net")
    assert {w.category for w in caught} <= {CodesignWarning}
    about = [str(w.message).partition(":")[0] for w in caught]
    return network, [name for name in about if name != "model"]  # of the agreement, which says it too


def outputs(network: Network, x: np.ndarray) -> Ints:
    steps = x if x.dtype.kind in "iu" else np.floor(x.astype(np.float64) / network.step + 0.5)
    return run(network, np.clip(steps, network.input.lo, network.input.hi).astype(np.int64))


def ranks(y: Ints) -> list[int]:
    """The place of every output among its image's; -1 in all where images differ."""
    found = np.array([np.searchsorted(np.unique(row), row) for row in y])
    return found[0].tolist() if (found == found[0]).all() else [-1] * found.shape[1]


@pytest.mark.parametrize(
    ("chip", "hidden", "weight"),
    [
        pytest.param(c, h, w, marks=pytest.mark.slow if c is REFERENCE and w == 1.0 and h not in (-1.0, 0.0) else ())
        for c in (TINY, REFERENCE)
        for h in (-1.0, -0.8, -0.6, -0.1, 0.0, -1e3, -1e9, 1e-3)
        for w in (3.0, 1.0, 0.02)
    ],
    ids=lambda v: v.name if isinstance(v, Chip) else str(v),
)
def test_biases_keep_their_order_behind_a_dead_layer(chip: Chip, hidden: float, weight: float) -> None:
    module = chain()
    put(module[0], 0, hidden)
    put(module[2], weight, LAST)
    network, named = quantized(module, REAL, chip)
    assert named == ["layer layer0"]
    assert ranks(outputs(network, REAL)) == RANKS


@CHIPS
@pytest.mark.parametrize("hidden", [-1.0, -3.0, -1e4])
def test_a_relu_that_never_fires_on_calibration(chip: Chip, hidden: float) -> None:
    """Its weights are alive: an input unlike the calibration may still drive it."""
    module = chain()
    put(module[0], None, hidden)
    put(module[2], 3, LAST)
    network, named = quantized(module, REAL, chip)
    assert named == ["layer layer0"] and network.nodes[0].weight.any()
    assert ranks(outputs(network, REAL)) == RANKS


def test_the_program_of_a_dead_layer(recwarn: pytest.WarningsRecorder) -> None:
    """Passes, trims and placement keep what quantization saved; the warning tells the user's line."""
    module = chain()
    put(module[0], 0, -1.0)
    put(module[2], 3, LAST)
    program = codesign.compile(module, REAL, TINY)
    x = np.floor(REAL / program.network.step + 0.5).astype(int)
    assert ranks(program.run(x)) == RANKS
    (warning,) = recwarn.list
    assert warning.filename == __file__
    assert str(warning.message) == (
        "layer layer0: is dead, its outputs are the same for all 40 calibration inputs as in the module; train again, "
        "give typical inputs, or choose a chip with more levels or activation bits"
    )


@CHIPS
@pytest.mark.parametrize("relu", [True, False])
def test_dead_layers_in_a_row(chip: Chip, relu: bool) -> None:
    """Without bias nothing tells their steps but what comes last."""
    module = chain((12, 5, 6, 4, 3), relu)
    layers = [m for m in module if isinstance(m, nn.Linear)]
    for layer in layers[:-1]:
        put(layer, 0, 0)
    put(layers[-1], 3, (0.001, 0.004, 0.002))
    network, named = quantized(module, REAL, chip)
    assert named == ["layer layer0"]  # what follows reads the same for every image
    assert ranks(outputs(network, REAL)) == RANKS


@CHIPS
@pytest.mark.parametrize("bias", [LAST, (1e-6, 4e-6, 2e-6), (1e6, 4e6, 2e6), (-1.0, 1e9, 0.5), (-1e30, -1e28, -1e29)])
def test_a_last_layer_without_weights(chip: Chip, bias: tuple[float, ...]) -> None:
    module = chain()
    put(module[2], 0, bias)
    network, named = quantized(module, REAL, chip)
    assert named == ["layer layer2"]
    assert ranks(outputs(network, REAL)) == RANKS


@CHIPS
@pytest.mark.parametrize("weight", [1e-20, 1e-30, 1e-40])
@pytest.mark.parametrize("place", [0, 2])
def test_weights_too_small_to_be_seen(chip: Chip, weight: float, place: int) -> None:
    module = chain()
    put(module[0], None, 0.5)
    put(module[2], None, LAST)
    put(module[place], weight)
    network, named = quantized(module, REAL, chip)
    assert named == [f"layer layer{place}"]
    with torch.no_grad():
        exact = module(torch.from_numpy(REAL)).numpy()
    assert (outputs(network, REAL).argmax(1) == exact.argmax(1)).all()


def test_tiny_numbers_all_the_way() -> None:
    """Without biases only the ratios count, down to the end of float32 and below."""
    module = chain()
    for layer in (module[0], module[2]):
        put(layer, None, 0.0)
    plain, _ = quantized(module, REAL, TINY)
    small, named = quantized(module, REAL * np.float32(2.0**-60), TINY)
    assert named == [] and (outputs(plain, REAL) == outputs(small, REAL * np.float32(2.0**-60))).all()
    assert outputs(plain, REAL).std() > 0
    for k in (0, 2):
        with torch.no_grad():
            module[k].weight.mul_(2.0**-60)  # type: ignore[union-attr,operator]
    small, named = quantized(module, REAL * np.float32(2.0**-60), TINY)
    assert named == [] and (outputs(plain, REAL) == outputs(small, REAL * np.float32(2.0**-60))).all()


@CHIPS
def test_numbers_that_end_below_float32(chip: Chip) -> None:
    """Past float32 the module itself gives 0: a dead layer, and no step below the numbers that there are."""
    module = chain((12, 9, 9, 9, 9, 9, 3), relu=False)
    for layer in list(module)[:-1]:
        put(layer, None, 0.0)
        with torch.no_grad():
            layer.weight.mul_(2.0**-70)  # type: ignore[operator,union-attr]
    put(module[-1], None, LAST)
    network, named = quantized(module, REAL, chip)
    assert named[:1] == ["layer layer2"]
    assert ranks(outputs(network, REAL)) == RANKS


@CHIPS
def test_one_stuck_unit_leaves_the_others_their_precision(chip: Chip) -> None:
    """Columns share a shift: the bias of a unit that no input can wake must not take it all."""
    module = chain((12, 8, 3))
    plain, _ = quantized(module, REAL, chip)
    with torch.no_grad():
        module[0].weight[5] = 0  # type: ignore[index,operator,union-attr]
        module[0].bias[5] = -1  # type: ignore[index,operator,union-attr]
        without, _ = quantized(module, REAL, chip)
        module[0].bias[5] = -1e9  # type: ignore[index,operator,union-attr]
    stuck, named = quantized(module, REAL, chip)
    assert named == [] and outputs(plain, REAL).std() > 0
    assert (outputs(stuck, REAL) == outputs(without, REAL)).mean() > 0.9
    assert np.abs(stuck.nodes[0].requant.mult).max() >= 1 << 8  # type: ignore[union-attr]


@CHIPS
def test_a_bias_that_the_registers_cannot_tell_from_the_weights(chip: Chip) -> None:
    module = chain()
    put(module[2], None, (-1e9, 0.1, 0.2))
    with pytest.raises(InputError, match=r"^layer layer2: its bias of 1e\+09 is more than 2147483647 steps of its out"):
        quantized(module, REAL, chip)


@CHIPS
def test_weights_all_equal_and_biases_finer_than_a_step(chip: Chip) -> None:
    module = chain((12, 3))
    put(module[0], 100.0, (0.0001, 0.0004, 0.0002))
    network, named = quantized(module, REAL, chip)
    assert named == ["layer layer0"] and ranks(outputs(network, REAL)) != RANKS
    put(module[0], 0.01, LAST)  # or the warning meant nothing
    network, named = quantized(module, REAL, chip)
    assert named == [] and ranks(outputs(network, REAL)) == RANKS


@pytest.mark.parametrize("x", [np.full((9, 12), 0.5), np.zeros((9, 12), np.uint8), np.tile(REAL[0], (9, 1))])
def test_calibration_that_does_not_vary(x: np.ndarray) -> None:
    network, named = quantized(chain(), x, TINY)
    assert named == ["calibration"]
    assert network.outputs == 3


@CHIPS
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_no_false_alarms(chip: Chip, relu: bool, seed: int) -> None:
    module = chain((12, 16, 8, 5), relu, seed)
    network, named = quantized(module, REAL, chip)
    assert named == [] and outputs(network, REAL).std() > 0


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            REAL.astype(np.float64) * 1e300,
            r"calibration: its largest magnitude is 9.\d+e\+299, modules c",
        ),
        (REAL.astype(np.float64) * 1e-310, r"calibration: its largest magnitude is 9.\d+e-311, modules compute in f"),
        (np.full((3, 12), np.inf), r"calibration: image 0 value 0 is inf; remove NaN and infinity"),
        (np.full((3, 12), -np.inf), r"calibration: image 0 value 0 is -inf; remove NaN and infinity"),
        (np.full((3, 12), np.longdouble("1e4000")), r"calibration: image 0 value 0 is inf; remove NaN and infinity"),
        (np.full((3, 12), 1e38), r"calibration: layer layer0: reaches 1\.2e\+39, float32 ends at 3.4e\+38; rescale it"),
    ],
)
def test_numbers_beyond_float32(x: np.ndarray, message: str) -> None:
    module = chain()
    put(module[0], 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CodesignWarning)
        warnings.simplefilter("error", RuntimeWarning)  # numpy has nothing to say beside it
        with pytest.raises(InputError, match=message):
            codesign.compile(module, x, TINY)


@pytest.mark.parametrize("bias", [1e3, -1e3, 1e20, 3e38])
def test_a_trained_bias_beyond_the_registers(bias: float) -> None:
    """Quantized layers have their scales from training; a bias that these cannot say is refused, not wrapped."""
    model = mlp((12, 4, 3), TINY.device.weights, IntType(8), IntType(8))
    last = model.chain[-1]
    assert last.clip is not None
    with torch.no_grad():
        last.clip.fill_(1e-9)
        last.bias[1] = bias
    with pytest.raises(InputError, match=r"^layer fc2: its bias of -?[0-9.e+]+ output LSBs exceeds 32 bits; use sm"):
        codesign.compile(model, None, TINY)


@pytest.mark.parametrize("scale", [1e-300, 1e-46, 1e-42, 1e40, 1e300])
@pytest.mark.parametrize("name", ["2.weight", "2.bias"])
def test_doubles_that_float32_would_lose(scale: float, name: str) -> None:
    """All zero or infinite as float32: refused, where a network of zeros would look like the module's own."""
    module = chain((12, 6, 3)).double()
    with torch.no_grad():
        module.get_parameter(name).mul_(scale)
    with pytest.raises(
        InputError, match=rf"^model: {name} has the largest magnitude \S+, modules compute in float32, w"
    ):
        codesign.compile(module, REAL, TINY)


def test_doubles_that_float32_holds() -> None:
    module = chain((12, 6, 3)).double()
    with torch.no_grad():
        module.get_parameter("0.weight")[0, 0] = 1e-300  # lost beside the others, as it would be in any sum
    network, named = quantized(module, REAL, TINY)
    assert named == [] and outputs(network, REAL).std() > 0
