"""The five stages of a run: what they depend on, and what they refuse before training."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codesign.errors import InputError, ToolError, UnsupportedError
from codesign.flow import Context, Flow, run, runner, stages
from codesign.flow.stages import unplaced
from codesign.mapping.run import layers
from codesign.program import Program
from tests.cli.calls import Call
from tests.test_flow import TOY, message

RESIDUAL = """
name = "residual"
chip = "cnn-128"
[data]
dataset = "colours.npz"
[network]
model = "resnet"
channels = [4, 6]
blocks = 1
[quantize]
input_signed = true
[train]
epochs = 6
batch = 20
lr = 0.01
baseline = false
"""


def test_the_stages_promised() -> None:
    assert [s.name for s in stages.STAGES] == ["train", "compile", "reference", "simulate", "report"]


def test_a_missing_simulator_is_told_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(context: Context, folder: Path) -> None:
        raise AssertionError("trained first")

    monkeypatch.setattr(stages, "STAGES", (replace(stages.STAGES[0], work=train), *stages.STAGES[1:]))
    monkeypatch.setenv("PATH", str(tmp_path))
    text = message(run, Flow.parse(TOY, "my.toml"), tmp_path / "out", kind=ToolError)
    assert text.startswith("iverilog: not found on PATH; simulation needs Icarus Verilog 11 or newer, install it")
    assert not (tmp_path / "out").exists()
    with pytest.raises(AssertionError, match="trained first"):
        run(Flow.parse(TOY, "my.toml"), tmp_path / "out", None, "compile")


def training_inputs(out: Path, data: Path | None, *sets: str) -> str:
    """What the first stage would be started with."""
    context = Context(Flow.parse(TOY, "my.toml", sets), out, data, lambda *_: None, ("train",))
    return runner._inputs(stages.STAGES[0], context)


def test_inputs_of_training_follow_the_users_data(tmp_path: Path) -> None:
    (tmp_path / "mine.npz").write_bytes(b"one")
    before = training_inputs(tmp_path, tmp_path, "data.dataset=mine.npz")
    assert json.loads(before)["settings"]["train"]["epochs"] == 3
    assert training_inputs(tmp_path, tmp_path, "data.dataset=mine.npz") == before
    (tmp_path / "mine.npz").write_bytes(b"two")
    assert training_inputs(tmp_path, tmp_path, "data.dataset=mine.npz") != before


def test_and_files_directly_in_data_and_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{p}-{k}-ubyte.gz" for p in ("train", "t10k") for k in ("images-idx3", "labels-idx1")]
    for folder in ("a", "b/mnist", "c/mnist"):
        (tmp_path / folder).mkdir(parents=True)
        for name in names:
            (tmp_path / folder / name).write_text(f"{name} of {folder[:1]}" if "labels" in name else name)
    mnist = "data.dataset=mnist"
    first = training_inputs(tmp_path, tmp_path / "a", mnist)
    (tmp_path / "a" / names[1]).write_text("changed")
    assert training_inputs(tmp_path, tmp_path / "a", mnist) != first
    found = []
    for home in ("b", "c"):
        monkeypatch.setenv("CODESIGN_DATA", str(tmp_path / home))
        found.append(training_inputs(tmp_path, None, mnist))
    assert found[0] != found[1]
    assert training_inputs(tmp_path, tmp_path / "c", mnist) == found[1]  # wherever they lie, the same files


def test_noise_of_reads_sees_the_height_of_an_array(tmp_path: Path) -> None:
    noisy = "quantize.cells={read_noise=1.0}"
    first = training_inputs(tmp_path, None, noisy)
    assert training_inputs(tmp_path, None, noisy, "chip.arrays.count=5") == first
    assert training_inputs(tmp_path, None, noisy, "chip.arrays.rows=32") != first


def test_absent_data_lose_no_training(tmp_path: Path) -> None:
    x, y = np.zeros((4, 4), np.uint8), np.array([0, 1, 0, 1])
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    flow = Flow.parse(TOY, "my.toml", ["data.dataset=mine.npz", "train.epochs=1", "quantize.input_bits=1"])
    assert run(flow, tmp_path / "out", None, "train", tmp_path) == ("train",)
    (tmp_path / "mine.npz").rename(tmp_path / "away.npz")
    assert message(run, flow, tmp_path / "out", None, "train", tmp_path, kind=InputError) == (
        f"{tmp_path}/mine.npz: cannot be read (No such file or directory); data set mine.npz needs it"
    )
    (tmp_path / "away.npz").rename(tmp_path / "mine.npz")
    assert run(flow, tmp_path / "out", None, "train", tmp_path) == ()


def test_wasted_bits_are_a_line_on_stderr(tmp_path: Path, call: Call) -> None:
    x, y = np.arange(64, dtype=np.uint8).reshape(8, 8) % 17, np.arange(8) % 2
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    (tmp_path / "my.toml").write_text(TOY)
    argv = ["run", tmp_path / "my.toml", "--until", "train", "--data", tmp_path, "--set", "data.dataset=mine.npz"]
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        found = call(*argv, "--out", tmp_path / "out")
    assert (found[0], found[2]) == (
        0,
        "warning: data set mine: its values 0..16 need 5 bits, inputs have 8; "
        "set quantize.input_bits = 5 to spend fewer cycles\n",
    )
    assert json.loads((tmp_path / "out" / "01_train" / "train.json").read_text())["inputs"] == {
        "bits": 8, "signed": False, "low": 0, "high": 16, "step": 17 / 256, "offset": 17 / 512, "real": False
    }  # fmt: skip
    assert call(*argv, "--set", "quantize.input_bits=5", "--out", tmp_path / "five")[2] == ""


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (
            ["quantize.layers=linear"],
            "quantize.layers: the compiler cannot map real weights to a chip yet, got 'linear'; ",
        ),
    ],
)
def test_what_chips_do_not_take_is_refused_before_training(sets: list[str], message: str, tmp_path: Path) -> None:
    x, y = np.arange(8 * 1024).reshape(8, 32, 32).astype(np.uint8), np.arange(8) % 2
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    few = [f"data.dataset={tmp_path}/mine.npz", "network.hidden=[8]", *sets, "train.epochs=1"]
    described = Flow.load("digits_mlp", few)
    with pytest.raises(UnsupportedError) as caught:
        run(described, tmp_path / "run")
    assert str(caught.value) == message + "train it alone with --until train"
    assert not (tmp_path / "run").exists()
    assert run(described, tmp_path / "run", last="train") == ("train",)


@pytest.mark.parametrize("model", ["lenet", "cifar_lenet"])
def test_convolutional_networks_are_taken(model: str, tmp_path: Path) -> None:
    sets = [f"network.model={model}", "network.channels=[3]", "network.hidden=[]", "network.kernel=3", "train.epochs=1"]
    described = Flow.load("digits_mlp", [*sets, "chip.memory.activation_words=64"])
    assert unplaced(described) is None
    assert run(described, tmp_path / "run", last="compile") == ("train", "compile")
    program = Program.load(tmp_path / "run" / "02_compile" / "program")
    assert [n.kind for n in program.network.nodes] == ["conv", "maxpool", "linear"]


def test_a_residual_network_is_taken(tmp_path: Path) -> None:
    """Trained, compiled, and run by the chip's reference; every edge of its network varies."""
    rng, y = np.random.default_rng(0), np.arange(160) % 3
    x = rng.integers(0, 100, (160, 3, 32, 32)).astype(np.uint8)
    x[np.arange(160), y] += 100
    np.savez(tmp_path / "colours.npz", x_train=x[:120], y_train=y[:120], x_test=x[120:], y_test=y[120:])
    described = Flow.parse(RESIDUAL, "my.toml")
    assert run(described, tmp_path / "out", None, "reference", tmp_path) == ("train", "compile", "reference")
    program, inputs = Program.load(tmp_path / "out" / "02_compile" / "program"), tmp_path / "out/01_train/inputs.npy"
    assert {n.kind for n in program.network.nodes} == {"conv", "add", "avgpool", "linear"}
    assert [s.layer for s in program.mapping.steps if s.tiles[0].operands] == ["s1b1_conv2", "s2b1_conv2", "pool"]
    x = np.load(inputs)
    for name, edge in layers(program.mapping, x).items():
        assert (edge != edge[0]).any(axis=0).mean() > 0.5, name
    reference = json.loads((tmp_path / "out" / "03_reference" / "reference.json").read_text())
    assert reference["images"] == 40 and reference["percent"] > 90


def test_a_table_of_ones_is_one_slice_everywhere() -> None:
    assert unplaced(Flow.load("digits_mlp", ["quantize.slices={fc1=1}"])) is None
