"""A depthwise-separable network, as MobileNets are made of, from an nn.Module or its ONNX file to Verilog."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import codesign
from codesign.chip.description import Chip
from codesign.errors import CapacityError
from codesign.ir import Conv

CHIP = Chip.parse(
    """
    name = "mobile"
    arrays = {count = 24, rows = 32, columns = 32}
    device = {levels = 8, code_bits = 3}
    adc = {bits = 9, lanes = 4}
    memory = {word = 16, activation_words = 64, input_words = 32, loads = 256, steps = 24, tiles = 64, constants = 64}
    """
)
SHAPE = (3, 8, 8)
TYPICAL = np.random.default_rng(0).random((80, *SHAPE)).astype(np.float32)


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


def mobile() -> nn.Module:
    """A convolution, two depthwise-separable blocks of 6 and 12 channels, a mean; batch norms have seen data."""
    torch.manual_seed(3)
    model = nn.Sequential(
        convolution(3, 6, 3, stride=2),
        convolution(6, 6, 3, groups=6),
        convolution(6, 12, 1),
        convolution(12, 12, 3, stride=2, groups=12),
        convolution(12, 10, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(10, 4),
    )
    with torch.no_grad():
        for _ in range(30):
            model(torch.from_numpy(TYPICAL))
    return model.eval()


def exported(model: nn.Module, folder: Path) -> Path:
    file, path = io.BytesIO(), folder / "mobile.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (torch.zeros(1, *SHAPE),), file, dynamo=False, input_names=["x"])
    path.write_bytes(file.getvalue())
    return path


@pytest.mark.parametrize("form", ["module", "file"])
def test_a_depthwise_separable_network_in_verilog(form: str, tmp_path: Path) -> None:
    """Words and cycles are those of the reference, which is close to the module's floats."""
    model = mobile()
    program = codesign.compile(model if form == "module" else exported(model, tmp_path), TYPICAL, CHIP)
    convs = [n for n in program.network.nodes if isinstance(n, Conv)]
    assert [n.groups for n in convs] == [1, 6, 1, 12, 1]
    layers = [s.layer for s in program.mapping.steps]
    assert [layers.count(n.name) for n in convs] == [1, 2, 1, 3, 1]
    x = program.quantize(TYPICAL)
    outputs = program.run(x)
    assert (program.run(x, adc=False) == program.network.run(x)).all()
    with torch.no_grad():
        floats = model(torch.from_numpy(TYPICAL)).numpy()
    assert np.corrcoef(outputs.ravel(), floats.ravel())[0, 1] > 0.9
    if form == "file":
        return  # the chip does not know where its network came from
    result = codesign.simulate(program, x[:2])
    assert not result.mismatches and not result.timing_errors and result.cycles_compared == 4
    assert (result.outputs == outputs[:2]).all() and (outputs[0] != outputs[1]).any()


def test_it_is_saved_and_loaded(tmp_path: Path) -> None:
    program = codesign.compile(mobile(), TYPICAL, CHIP)
    program.save(tmp_path / "program")
    again = codesign.Program.load(tmp_path / "program")
    x = program.quantize(TYPICAL[:3])
    assert (again.run(x) == program.run(x)).all() and again.mapping.plan.spots == program.mapping.plan.spots


def test_a_chip_with_too_few_steps_is_told_why() -> None:
    few = CHIP.model_copy(update={"memory": CHIP.memory.model_copy(update={"steps": 8})})
    with pytest.raises(CapacityError) as caught:
        codesign.compile(mobile(), TYPICAL, few)
    assert str(caught.value) == (
        "network network: needs memory.steps >= 10, chip mobile has 8 (layer1_0 takes 2, one for every 4 of its 6 "
        "groups, layer3_0 takes 3, one for every 4 of its 12 groups); raise memory.steps or shrink the network"
    )
