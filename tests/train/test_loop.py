"""Training: determinism, the schedule, what is refused and measured."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from codesign.chip.description import Activation
from codesign.errors import ConfigError, InputError, ToolError
from codesign.train import phase
from codesign.train.loop import fit
from codesign.train.nets.quantized import QuantNet
from codesign.train.optimiser import rate
from codesign.train.recipe import Recipe, Training
from tests.train.small import CHIP, DATA, PAPER, SMALL, weights


@pytest.mark.parametrize("recipe", [SMALL, PAPER], ids=["lsq", "iscas2018"])
def test_same_seed_same_bytes_whatever_the_global_state(recipe: Recipe, tmp_path: Path) -> None:
    torch.manual_seed(1)
    a = fit(recipe, DATA, CHIP, tmp_path / "a")
    torch.manual_seed(2)
    before = torch.get_rng_state()
    b = fit(recipe, DATA, CHIP, tmp_path / "b")
    assert torch.equal(torch.get_rng_state(), before)
    assert weights(a) == weights(b)
    assert a.history == b.history
    for name in ("baseline", "quantized"):
        assert (tmp_path / "a" / f"{name}.safetensors").read_bytes() == (
            tmp_path / "b" / f"{name}.safetensors"
        ).read_bytes()
    assert weights(fit(recipe.changed({"train.seed": 4}), DATA, CHIP)) != weights(a)


def test_the_schedule_runs_over_all_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, int]] = []

    def record(train: Training, step: int, total: int, warm: int) -> float:
        seen.append((step, total, warm))
        return 1.0

    monkeypatch.setattr(phase, "rate", record)
    fit(SMALL.changed({"train.baseline": False}), DATA, CHIP)
    assert sorted(set(seen)) == [(k, 60, 7) for k in range(60)]  # 4 epochs of 15 steps


def test_a_real_divergence_stops() -> None:
    with pytest.raises(InputError, match=r"training: epoch \d+: loss is (nan|inf).*; lower lr \(now 1e\+30\)"):
        fit(SMALL.changed({"train.lr": 1e30, "train.baseline": False}), DATA, CHIP)


def test_bits_beyond_the_chip_are_refused() -> None:
    narrow = CHIP.model_copy(update={"activation": Activation(bits=4)})
    with pytest.raises(
        ConfigError,
        match=r"recipe: quantize\.input_bits must be at most 4 \(activation\.bits of chip reference-128\), got 8",
    ):
        fit(SMALL, DATA, narrow)


def test_rate_warms_up_then_falls_to_zero_or_stays() -> None:
    rates = [rate(SMALL.train, k, 100, 5) for k in range(100)]
    assert rates[0] == pytest.approx(0.2) and max(rates) == rates[4] and rates[-1] < 1e-3
    assert {rate(PAPER.train, k, 100, 5) for k in range(100)} == {1.0}


def test_held_out_images_are_tested_on_and_not_trained_on() -> None:
    recipe = SMALL.changed({"data.validation": 100, "train.epochs": 1})
    data = recipe.data.load()
    assert (len(data.x_train), len(data.x_test)) == (1437 - 100, 100)
    assert (data.x_test == DATA.x_train[-100:]).all()
    assert fit(recipe, data, CHIP).images == 100


def test_a_missing_gpu_is_told() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(ToolError, match=r'^machine\.device: "cuda" needs a GPU, torch finds none; use'):
        fit(SMALL.changed({"machine.device": "cuda"}), DATA, CHIP)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"network.model": "lenet"},
            "recipe: network.model = 'lenet' needs images, data set rows has rows of 64 numbers; give arrays",
        ),
        (
            {"train.shift": 1},
            "recipe: train.shift needs images, data set rows has rows of 64 numbers; give arrays of shape",
        ),
        ({"train.flip": True}, "recipe: train.flip needs images, data set rows has rows of 64 numbers"),
    ],
)
def test_rows_without_image_form_are_refused_where_images_are_needed(fields: dict[str, object], message: str) -> None:
    rows = replace(DATA, name="rows", shape=())
    with pytest.raises(ConfigError) as caught:
        fit(Recipe().changed(fields), rows, CHIP)
    assert str(caught.value).startswith(message)


def test_the_baseline_is_measured_and_optional() -> None:
    recipe = SMALL.changed({"train.epochs": 10, "train.baseline_lr": 1e-2})
    trained = fit(recipe, DATA, CHIP)
    assert trained.accuracy_baseline is not None and trained.accuracy_baseline > 85
    assert [e.phase for e in trained.history] == ["baseline"] * 10 + ["quantized"] * 10
    alone = fit(recipe.changed({"train.baseline": False}), DATA, CHIP)
    assert alone.baseline is None and alone.accuracy_baseline is None
    assert weights(alone) == weights(replace(trained, baseline=None))  # the baseline changes nothing
    assert isinstance(alone.model, QuantNet)
