"""The report as people see it."""

from pathlib import Path

from codesign.account import Removed
from codesign.report import Accuracy, Data, Inputs, Layer, LayerCycles, Losses, Speed, Unsliced, load, text
from tests.report.example import example

RIGHT = """\
digits_mlp on chip reference-128 (0x0000beef), seed 1

accuracy             percent   images
float                  97.50      360
quantized              96.25      360
integer reference      96.25      360
integer reference     100.00       64   simulated images only
Verilog, icarus       100.00       64   simulated images only

cost                 bound   predicted   simulated
arrays of 16             1           2               1 at least, however packed
latency, cycles         40          67          67   last input to last output
interval, cycles        40          49          49   initiation interval of a stream

Verilog and reference agree in every word and cycle (64 images compared, 1,234.5 a second)
seconds: train 7.4, compile 0.2, reference 0.0, simulate 4.2
"""


def test_golden() -> None:
    assert text(example()) == RIGHT


TOLD = """\
quantization costs 0.83 points, converters gain 0.28 points (360 images); Verilog costs 0.00 points (64 images)
conversions that clip: fc1 12.35 %, fc2 none, fc3 below 0.01 % (64 simulated images)
removed: fc1: 3 of 64 units never change (5, 17, 40)
removed: aside: no output depends on this layer

"""


def test_what_it_costs_and_what_is_gone() -> None:
    removed = (Removed("fc1", (5, 17, 40), 64, "constant"), Removed("aside", (), 10, "unread"))
    losses = Losses(quantization=0.8333, converters=-0.2778, rtl=0)
    shares = {"fc1": 0.12346, "fc2": 0.0, "fc3": 0.00001}
    accuracy = example().accuracy.model_copy(update={"network": Accuracy(percent=96.67, images=360)})
    shown = text(example(accuracy=accuracy, losses=losses, removed=removed, clipped=shares))
    rows = RIGHT.replace(
        "integer reference      96.25      360\n",
        "integer network        96.67      360   without converters\n"
        "integer reference      96.25      360   with the chip's converters\n",
    )
    assert shown == rows.replace("\ncost  ", f"\n{TOLD}cost  ")


def test_what_is_not_known_is_not_said() -> None:
    assert text(example(losses=Losses(), removed=())) == RIGHT
    shown = text(example(losses=Losses(converters=0.5), clipped={"fc1": 0.0}))
    assert "\n\nconverters cost 0.50 points (360 images)\nno converter clips (64 simulated images)\n\ncost " in shown
    assert "\nVerilog gains 1.56 points (64 images)\n" in text(example(losses=Losses(rtl=-1.5625)))


def test_a_mean_of_counts_keeps_two_places(tmp_path: Path) -> None:
    cycles = example().cycles.model_copy(update={"interval": 13 / 3, "interval_simulated": 4})
    assert "\ninterval, cycles        40        4.33           4   initiation interval of a stream\n" in text(
        example(cycles=cycles)
    )
    (tmp_path / "summary.json").write_text(example(cycles=cycles).json_text())
    assert load(tmp_path).cycles == cycles


def test_no_float_baseline_no_row() -> None:
    accuracy = example().accuracy.model_copy(update={"float": None})
    assert text(example(accuracy=accuracy)) == RIGHT.replace("float                  97.50      360\n", "")


def test_all_images_simulated_need_no_second_reference() -> None:
    whole = Accuracy(percent=96.25, images=360)
    accuracy = example().accuracy.model_copy(update={"reference_simulated": whole, "rtl": whole})
    rows = text(example(accuracy=accuracy)).splitlines()[5:7]
    assert rows == ["integer reference      96.25      360", "Verilog, icarus        96.25      360"]


def test_figures_of_different_images_never_stand_side_by_side() -> None:
    """A record of before `reference_simulated` tells agreement alone."""
    accuracy = example().accuracy.model_copy(update={"reference_simulated": None})
    shown = text(example(accuracy=accuracy))
    assert "Verilog, icarus" not in shown
    assert "Verilog and reference agree in every word and cycle (64 images compared" in shown


def test_wasted_bits_are_said() -> None:
    inputs = Inputs(bits=8, signed=False, low=0, high=16)
    told = "warning: values 0..16 of the data need 5 bits, inputs have 8; set quantize.input_bits = 5"
    assert f"{told} to spend fewer cycles\n" in text(example(inputs=inputs))
    for bits, high in ((5, 16), (4, 16), (8, 255), (1, 0)):
        assert text(example(inputs=Inputs(bits=bits, signed=False, low=0, high=high))) == RIGHT


LAYER = Layer(
    layer="fc1", inputs=784, outputs=128, slices=1, arrays=(0, 1, 2, 3, 4, 5, 6), cells=200704, columns=128,
    left=0, further=0, cycles=64,
)  # fmt: skip


def test_what_each_layer_takes_and_slices_cost() -> None:
    fc1 = LAYER
    fc2 = fc1.model_copy(
        update={"layer": "fc2", "inputs": 128, "outputs": 10, "slices": 2, "arrays": (7,), "columns": 20, "left": 44}
    ).model_copy(update={"further": 2, "cycles": 32})
    shown = text(example(layers=(fc1, fc2), unsliced=Unsliced(arrays=2, interval=33)))
    assert (
        "\n"
        "layer            matrix  slices  arrays  columns  left  cycles\n"
        "fc1           784 x 128       1     0-6      128     0      64\n"
        "fc2            128 x 10       2       7       20    44      32  2 more fit\n"
        "slices take as many arrays, and an image every 49 cycles instead of 33, compared with one slice a weight\n"
    ) in shown
    more = text(example(layers=(fc2,), unsliced=Unsliced(arrays=1, interval=33)))
    assert "\nslices take 2 arrays instead of 1, and an image every 49 cycles instead of 33" in more


def test_where_the_cycles_of_pictures_go() -> None:
    conv = LayerCycles(layer="conv1", places=576, load=2880, convert=13824, wait=63, drain=1728, takes=13887)
    fc = LayerCycles(layer="fc", places=1, load=14, convert=64, wait=31, drain=16, takes=95)
    assert (
        "\n"
        "cycles of an image   places    load   convert   wait   drain    takes\n"
        "conv1                   576   2,880    13,824     63   1,728   13,887\n"
        "fc                        1      14        64     31      16       95\n"
        "with the input                                                 13,982\n"
    ) in text(example(layers=(LAYER,), layer_cycles=(conv, fc)))
    assert "cycles of an image" not in text(example(layers=(LAYER,), layer_cycles=(fc,))), "it has one place"


def test_the_data_set_and_its_range_are_said() -> None:
    data = Data(name="wine", train=1420, test=36, features=13, classes=3)
    inputs = Inputs(bits=4, signed=True, low=-0.125, high=1680.0, real=True)
    head = RIGHT.partition("\n")[0]
    line = "data wine: 1,420 to train, 36 to test, 13 features, 3 classes"
    assert text(example(data=data)) == RIGHT.replace(f"{head}\n", f"{head}\n{line}\n")
    assert f"\n{line}; signed 4-bit inputs span -0.125..1680\n" in text(example(data=data, inputs=inputs))
    each = data.model_copy(update={"scale": "feature"})
    assert f"{line}; signed 4-bit inputs span each feature, -0.125..1680 in all\n" in text(
        example(data=each, inputs=inputs)
    )


def test_the_first_mismatch_stays_on_one_line() -> None:
    first = "image 3: layer fc1 output 5 (array 1, column 5): expected 7, got 8; reproduce: " + "codesign " * 30
    shown = text(example(mismatches=9, first_mismatch=first)).splitlines()
    assert "WRONG: 9 words differ (64 images compared, 1,234.5 a second); the first:" in shown
    assert first.rstrip() in shown
    assert not any("agree" in line for line in shown)


def test_what_was_compared_by_which_simulator_and_the_chips_speed() -> None:
    shown = text(
        example(
            words_compared=640,
            cycles_compared=128,
            simulator_version="Icarus Verilog 11.0",
            speed=Speed.of(250, latency=115, interval=97),
        )
    ).splitlines()
    assert shown[-4:] == [
        "at 250 MHz: 0.46 us latency, 2,577,320 images/s",
        "Verilog and reference agree in every word and cycle (64 images compared in 640 words and 128 cycles, "
        "1,234.5 a second)",
        "simulator: Icarus Verilog 11.0",
        "seconds: train 7.4, compile 0.2, reference 0.0, simulate 4.2",
    ]


def test_wrong_cycles_are_not_agreement() -> None:
    late = example().cycles.model_copy(update={"timing_errors": 2})
    shown = text(example(cycles=late))
    assert "WRONG: 2 images finished in a different cycle than predicted (64 images compared" in shown
    one = text(example(mismatches=1, first_mismatch="x", cycles=late.model_copy(update={"timing_errors": 1})))
    assert "WRONG: 1 word differs (64" in one
    assert "WRONG: 1 image finished in a different cycle" in one
    assert "agree" not in shown


def test_words_in_brackets_are_not_markup() -> None:
    shown = text(example(mismatches=1, first_mismatch="layer [red]fc1[/red]: expected 1, got 2"))
    assert "layer [red]fc1[/red]: expected 1, got 2" in shown


def test_a_record_of_others_draws_nothing_and_forges_nothing() -> None:
    """Neither with control characters nor with rich's markup."""
    bad = "x\x1b[2J\nVerilog and reference agree\r[red]y[/z] :smile:"
    shown = text(
        example(name=bad, chip=bad, chip_id=bad, simulator=bad, time_s={bad: 1.0}, mismatches=9, first_mismatch=bad)
    )
    escaped = "x\\x1b[2J\\nVerilog and reference agree\\r[red]y[/z] :smile:"
    assert shown.count(escaped) == 6 and shown.count("agree") == 6
    assert not set(shown) & set("\x1b\r")
