"""The report as people see it."""

from codesign.report import Accuracy, Inputs, text
from report.example import example

RIGHT = """\
digits_mlp on chip reference-128 (0x0000beef), seed 1

accuracy             percent   images
float                  97.50      360
quantized              96.25      360
integer reference      96.25      360
Verilog, icarus       agrees       64

cost                 bound   predicted   simulated
arrays of 16             1           2
latency, cycles         40          67          67   last input to last output
interval, cycles        40          49          49   between images of a stream

Verilog and reference agree in every word and cycle (64 images compared, 1,234.5 a second)
seconds: train 7.4, compile 0.2, reference 0.0, simulate 4.2
"""


def test_golden() -> None:
    assert text(example()) == RIGHT


def test_no_float_baseline_no_row() -> None:
    accuracy = example().accuracy.model_copy(update={"float": None})
    assert text(example(accuracy=accuracy)) == RIGHT.replace("float                  97.50      360\n", "")


def test_wasted_bits_are_said() -> None:
    inputs = Inputs(bits=8, signed=False, low=0, high=16)
    told = "warning: values 0..16 of the data need 5 bits, inputs have 8; set train.input_bits = 5"
    assert f"{told} to spend fewer cycles\n" in text(example(inputs=inputs))
    for bits, high in ((5, 16), (4, 16), (8, 255), (1, 0)):
        assert text(example(inputs=Inputs(bits=bits, signed=False, low=0, high=high))) == RIGHT


def test_percentages_are_of_the_same_images() -> None:
    """96.25 of 360 images beside 100.00 of 64 looked like a chip that is better than its network."""
    few = example(mismatches=1, first_mismatch="image 0")
    assert "Verilog, icarus      differs       64\n" in text(few)
    assert "100.00" not in text(few) + text(example())
    every = example().accuracy.model_copy(update={"rtl": Accuracy(percent=96.25, images=360)})
    assert "Verilog, icarus        96.25      360\n" in text(example(accuracy=every))


def test_the_first_mismatch_stays_on_one_line() -> None:
    first = "image 3: layer fc1 output 5 (array 1, column 5): expected 7, got 8; reproduce: " + "codesign " * 30
    shown = text(example(mismatches=9, first_mismatch=first)).splitlines()
    assert "WRONG: 9 words differ (64 images compared, 1,234.5 a second); the first:" in shown
    assert first.rstrip() in shown
    assert not any("agree" in line for line in shown)


def test_wrong_cycles_are_not_agreement() -> None:
    late = example().cycles.model_copy(update={"wrong_images": 2})
    shown = text(example(cycles=late))
    assert "WRONG: 2 images came in another cycle than predicted (64 images compared" in shown
    assert "agree in every" not in shown


def test_words_in_brackets_are_not_markup() -> None:
    shown = text(example(mismatches=1, first_mismatch="layer [red]fc1[/red]: expected 1, got 2"))
    assert "layer [red]fc1[/red]: expected 1, got 2" in shown
