"""What training can produce, in Verilog: every kind of perceptron the trainer makes runs on the chip word for word."""

from pathlib import Path

import pytest

from codesign import flow, report

NETS = {
    "converters of 4 bits, learned trims": ["quantize.converters=true", "chip.adc.bits=4", "train.epochs=4"],
    "scale per column, bias on the grid": ["quantize.scale=column", "quantize.bias=grid"],
    "the paper's method, four levels": [
        "train.method=iscas2018",
        "quantize.bias=grid",
        "chip.device.levels=4",
        "chip.device.code_bits=2",
    ],
    "direct, signed inputs": ["train.method=direct", "quantize.input_signed=true"],
    "noise-trained, codes of 4 bits": ["chip.device.code_bits=4", "quantize.cells={variation=0.1}"],
}


# Their integers are those of their training, see tests/train/test_export.py, and differ in nothing that the chip sees.
LATER = ("scale per column, bias on the grid", "noise-trained, codes of 4 bits")


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in LATER else ()) for n in NETS])
def test_no_word_differs(name: str, tmp_path: Path) -> None:
    sets = ["network.hidden=[16]", "train.epochs=2", "simulate.images=6", "simulate.load=backdoor", *NETS[name]]
    described = flow.Flow.load("digits_mlp", sets)
    flow.run(described, tmp_path / "run")
    metrics = report.load(tmp_path / "run")
    assert metrics.is_right and metrics.accuracy.rtl.images == 6
    if described.quantize.converters:  # training's own evaluation is the chip's, converters included
        assert metrics.accuracy.reference.percent == metrics.accuracy.quantized.percent
