"""codesign.compile: quantized nets and integer networks, chips, and what is none of them."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import codesign
from codesign import ir, passes
from codesign.errors import CapacityError, UnsupportedError
from codesign.fixed import IntType, Trim
from codesign.ir import MaxPool
from codesign.mapping.trim import choose_trims
from codesign.sim import simulate
from codesign.train import float_mlp, mlp, quantized
from codesign.train.export import export
from codesign.train.layers.converters import Converters
from codesign.train.layers.grid import Grid
from codesign.train.nets import architecture
from tests.compiler.models import COARSE, FINE, REAL, REFERENCE, SIZES, TINY, refused
from tests.hdl.programs import images, net
from tests.ir.networks import raw, residual


class TestQuantNet:
    def trained(self) -> Any:
        return mlp(SIZES, TINY.device.weights, IntType(4), IntType(6), seed=2)

    def test_its_integers_are_taken_as_they_are(self) -> None:
        model = self.trained()
        p = codesign.compile(model, None, TINY)
        assert p.network.input == IntType(6)
        assert ir.show(p.network) == ir.show(passes.rewrite(export(model, "network")))
        x = images(50, p.network)
        with torch.no_grad():
            assert (p.run(x, adc=False) == model.eval()(torch.from_numpy(x)).numpy()).all()

    def test_without_calibration_nothing_clips(self) -> None:
        p = codesign.compile(self.trained(), None, TINY)
        wide = TINY.model_copy(update={"adc": TINY.adc.model_copy(update={"bits": 12})})
        trims = {s.layer: s.trim for s in p.mapping.steps}
        assert trims == choose_trims(p.network, p.mapping.plan, None)
        x = images(200, p.network, zeros=0.1)
        assert (p.run(x) == codesign.mapping.run(codesign.mapping.place(p.network, wide, trims), x)).all()

    def test_calibration_changes_nothing_but_the_trims(self) -> None:
        model = self.trained()
        x = images(50, export(model, "n"), zeros=0.9)
        first, second = (codesign.compile(model, c, TINY) for c in (None, x))
        assert ir.show(first.network) == ir.show(second.network)
        assert {s.layer: s.trim for s in second.mapping.steps} == choose_trims(second.network, second.mapping.plan, x)

    def test_trained_for_another_device(self) -> None:
        assert refused(self.trained(), None, REFERENCE) == (
            "model: trained for weights [-3, -2, -1, 0, 1, 2, 3], chip reference-128 holds [-1, 0, 1]; "
            "train for this chip"
        )

    def test_trained_for_wider_activations(self) -> None:
        narrow = TINY.model_copy(update={"activation": TINY.activation.model_copy(update={"bits": 4})})
        assert refused(self.trained(), None, narrow) == (
            "model: has 6-bit activations, chip tiny takes 4; train with fewer bits"
        )

    @pytest.mark.parametrize("bad", [float("nan"), float("inf")])
    def test_weights_that_are_no_numbers(self, bad: float) -> None:
        model = self.trained()
        with torch.no_grad():
            model.chain[1].weight[0, 0] = bad
        assert refused(model, None) == (
            "layer fc2: weights, bias and scale must be finite, got NaN or infinity; "
            "train again with a lower lr or load an earlier checkpoint"
        )


class TestNetwork:
    def test_runs_as_it_is(self) -> None:
        network = net([30, 11, 4], TINY)
        before = ir.show(network)
        p = codesign.compile(network, None, TINY)
        x = images(40, network)
        assert (p.run(x, adc=False) == ir.run(network, x)).all()
        assert ir.show(network) == before

    def test_goes_through_the_passes(self) -> None:
        network = net([20, 8, 4], TINY)
        network.nodes[1].weight[5] = 0
        p = codesign.compile(network, None, TINY)
        assert p.network.nodes[0].outputs == 7
        assert (p.run(images(40, network), adc=False) == ir.run(network, images(40, network))).all()

    @pytest.mark.parametrize("calibration", [None, np.zeros((2, 7))], ids=["none", "unfit"])
    def test_what_no_chip_takes_is_refused_before_anything_else(self, calibration: np.ndarray | None) -> None:
        conv1, *_, fc = residual().nodes
        pool, last = MaxPool("pool", "input", 2, 2), replace(fc, source="pool", weight=np.ones((8, 3), np.int32))
        network = residual(nodes=(conv1, pool, last))
        assert refused(network, calibration, kind=UnsupportedError) == (
            "layer pool: the compiler cannot map max pooling of the network's input, which comes channel by channel, "
            "to a chip yet; run the network with codesign.ir.run, or train one without"
        )

    @pytest.mark.parametrize("calibrated", [False, True])
    def test_convolutions_pooling_and_sums(self, calibrated: bool) -> None:
        """The sum takes the accumulators of the second convolution, in groups; on a chip that need not clip."""
        conv1, depthwise, *rest = residual().nodes
        network = residual(nodes=(conv1, replace(depthwise, requant=raw(4)), *rest))
        x = images(30, network)
        p = codesign.compile(network, x if calibrated else None, FINE)
        assert [s.layer for s in p.mapping.steps] == ["conv1", "conv2", "pool", "conv3", "avg", "fc"]
        expected = ir.run(network, x)
        assert (p.run(x, adc=False) == expected).all() and len(np.unique(expected, axis=0)) > 8
        assert np.corrcoef(p.run(x).ravel(), expected.ravel())[0, 1] > 0.9

    def test_layers_keep_the_cuts_they_were_trained_with(self) -> None:
        network = net([30, 7, 4], TINY)
        fc1, fc2 = network.nodes
        cut = replace(network, nodes=(replace(fc1, trim=Trim(1, 1), cut=5), fc2))  # type: ignore[arg-type]
        p = codesign.compile(cut, None, TINY)
        first = p.mapping.steps[0].blocks[0].spans
        assert [(s.wordline, s.rows) for s in first] == [(5, 11), (0, 16), (0, 3)]
        assert simulate(p, images(3, network), load="backdoor").mismatches == ()
        beyond = replace(network, nodes=(replace(fc1, trim=Trim(1, 1), cut=20), fc2))  # type: ignore[arg-type]
        assert refused(beyond, None, kind=CapacityError) == (
            "layer fc1: was trained through converters with its first row on wordline 20, arrays of chip tiny have 16; "
            "train it for this chip, or choose the chip of its training"
        )

    def test_slices_whose_multipliers_do_not_fit(self) -> None:
        network = net([30, 7, 4], TINY)
        fc1, fc2 = network.nodes
        q = fc1.requant  # type: ignore[union-attr]
        large = replace(q, mult=np.full_like(q.mult, 9000))
        sliced = replace(network, nodes=(replace(fc1, requant=large, slices=2), fc2))  # type: ignore[arg-type]
        assert refused(sliced, None, kind=CapacityError) == (
            "layer fc1: multiplier 9000 times 4, for its highest slice, exceeds 16 bits; train it with these "
            "slices, or use fewer"
        )

    @pytest.mark.parametrize("calibrated", [False, True])
    def test_layers_keep_the_trims_they_were_trained_with(self, calibrated: bool, tmp_path: Path) -> None:
        network = net([30, 11, 4], TINY)
        own = replace(network, nodes=(replace(network.nodes[0], trim=Trim(3, 4)), network.nodes[1]))
        p = codesign.compile(own, images(40, network) if calibrated else None, TINY)
        assert p.mapping.steps[0].trim == Trim(3, 4)
        p.save(tmp_path / "p")
        again = codesign.Program.load(tmp_path / "p")
        assert ir.show(again.network) == ir.show(p.network) and again.words == p.words

    def test_a_weight_no_pair_of_cells_holds(self) -> None:
        network = net([20, 8, 4], TINY)
        network.nodes[1].weight[5, 2] = 4
        assert refused(network, None) == (
            "layer fc2: weight 4 is not a difference of two cells; this device holds -3, -2, -1, 0, 1, 2, 3; "
            "train for this chip"
        )

    def test_integer_and_real_samples(self) -> None:
        """A real sample counts in steps of the input: rounded, and clamped to its type."""
        network = replace(net([20, 4], TINY), step=0.25)
        network.nodes[0].weight[:] = 3
        integers = np.zeros((3, 20), int)
        integers[1:, :2] = 1
        integers[2, 0] = 255
        real = integers * 0.25 - 0.1
        real[2, 0] = 1e9
        for calibration in (integers, real, real.astype(np.float32), integers.reshape(3, 4, 5).astype(np.uint8)):
            p = codesign.compile(network, calibration, COARSE)
            assert {s.trim for s in p.mapping.steps} == {Trim(1, 1)}  # currents of 3 and 6, codes up to 3
        assert {s.trim for s in codesign.compile(network, None, COARSE).mapping.steps} == {Trim(1, 4)}

    @pytest.mark.parametrize(
        ("x", "expected"),
        [
            (np.full((2, 20), np.nan), "samples must be finite, got NaN or infinity; clean the data"),
            (np.full((2, 20), -np.inf), "samples must be finite, got NaN or infinity; clean the data"),
            (
                np.zeros((0, 20), int),
                "must be samples of shape (images, 20), got (0, 20); pass at least one, or None",
            ),
            (np.zeros((0, 20)), "must be samples of shape (images, 20), got (0, 20); pass at least one, or None"),
            (np.array(5), "must be samples of shape (images, 20), got (); pass at least one, or None"),
            (
                np.zeros((2, 19), int),
                "inputs of network net0: shape must be (images, 20), got (2, 19); flatten each image to one row",
            ),
            (
                np.full((2, 20), 256),
                "inputs of network net0: values must lie in 0..255 (u8), got 256..256; clip or rescale them",
            ),
            (
                np.full((2, 20), True),
                "inputs of network net0: dtype must be an integer, got bool; quantize real numbers first: "
                "network.quantize(x), program.quantize(x), or --real on the command line",
            ),
        ],
    )
    def test_unfit_samples(self, x: np.ndarray, expected: str) -> None:
        assert refused(net([20, 4], TINY), x) == f"calibration: {expected}"

    def test_torch_stays_at_home(self) -> None:
        """Compiling a Network and refusing what is no model must not wait for torch."""
        code = (
            "import sys, numpy as np, codesign\n"
            "from codesign.errors import UnsupportedError\n"
            "from tests.hdl.programs import net\n"
            "chip = codesign.Chip.load('tiny')\n"
            "network = net([20, 4], chip)\n"
            "program = codesign.compile(network, np.ones((3, 20), int), chip)\n"
            "program.run(np.ones((1, 20), int))\n"
            "try:\n"
            "    codesign.compile('net.safetensors', None, chip)\n"
            "except UnsupportedError:\n"
            "    print('torch' in sys.modules)\n"
        )
        here = Path(__file__).parents[1]
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=here,
            env={"PYTHONPATH": f"{here}:{here.parent}"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.parametrize(
    "model",
    [b"net.onnx", None, np.zeros((2, 2)), nn.Linear, torch.optim.SGD([nn.Parameter(torch.zeros(1))])],
    ids=["bytes", "NoneType", "ndarray", "type", "SGD"],
)
def test_not_a_model(model: object) -> None:
    assert refused(model, REAL, kind=UnsupportedError) == (
        f"compile: cannot take a {type(model).__name__}; give an nn.Module, a Network or an .onnx file"
    )


def test_the_example_of_the_public_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("chip.toml").write_text(
        'name = "mine"\n[arrays]\ncount = 4\nrows = 32\ncolumns = 32\n'
        "[device]\nlevels = 4\ncode_bits = 2\n[adc]\nbits = 6\nlanes = 8\n"
    )
    model, calibration = float_mlp(SIZES, seed=4), REAL
    chip = codesign.Chip.load("chip.toml")
    program = codesign.compile(model, calibration, chip)
    x = images(30, program.network)
    y = program.run(x)
    program.save("build/")
    again = codesign.Program.load("build/")
    assert isinstance(program, codesign.Program) and isinstance(y, np.ndarray)
    assert y.shape == (30, 4) and y.dtype == np.int64 and len(np.unique(y)) > 30
    assert (again.run(x) == y).all()
    assert (program.run(x, die=codesign.Die.ideal(program.mapping)) == y).all()


def test_converters_of_another_chip_are_refused() -> None:
    """Ranges learned for other arrays or codes would mean nothing."""
    layers = architecture.mlp((5,), 3)

    def converters(name: str, last: bool) -> Converters:
        return Converters(16, 4, last, TINY.device.codes[-1])

    grid, u8 = Grid(TINY.device.weights), IntType(8)
    model = quantized(layers, (20,), grid, u8, u8, converters=converters)
    assert refused(model, None) == (
        "model: layer fc1 was trained through 4-bit converters of 16 rows, chip tiny has 6 bits and 16 rows; "
        "train for this chip"
    )
    four = TINY.model_copy(update={"adc": TINY.adc.model_copy(update={"bits": 4})})
    assert codesign.compile(model, None, four).arrays_used > 0


def test_calibration_of_a_network_beyond_its_range() -> None:
    """The largest double and the least one: no warning of numpy's, the nearest inputs."""
    network = replace(net([20, 4], TINY), step=1e-20)
    extreme = np.tile([1e300, 5e-324], (3, 10))
    expected = codesign.compile(network, np.tile([255, 0], (3, 10)), COARSE)
    assert codesign.compile(network, extreme, COARSE).words == expected.words
