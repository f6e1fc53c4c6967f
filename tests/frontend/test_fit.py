"""Training for those who have no loop: a user's module and a data set, or arrays."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import codesign
import codesign.frontend.fit
import codesign.frontend.prepare
from codesign import frontend
from codesign.data import Dataset, digits
from codesign.errors import CodesignError, ConfigError, InputError, UnsupportedError
from codesign.ir import run
from codesign.ir.real import to_integers, to_reals
from codesign.train import Epoch, Fitted, Recipe, Trained, fit
from codesign.train.recipe import Net, Training
from tests.frontend.small_graphs import TINY

DIGITS = digits()
torch.set_num_threads(1)


def few(count: int = 200) -> Dataset:
    d = DIGITS
    return Dataset("few", d.x_train[:count], d.y_train[:count], d.x_test, d.y_test, 10, d.shape)


def module(**more: nn.Module) -> nn.Sequential:
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10), *more.values())


def test_a_module_on_a_data_set() -> None:
    given = module()
    epochs: list[Epoch] = []
    before = copy.deepcopy(given.state_dict())
    fitted = fit(given, few(), "tiny", progress=epochs.append, epochs=12, float_epochs=15, batch=20, lr=2e-2, seed=3)
    assert isinstance(fitted, Fitted) and fitted.history == tuple(epochs)
    assert [(e.phase, e.epoch) for e in epochs] == [
        *(("baseline", k + 1) for k in range(15)),
        *(("quantized", k + 1) for k in range(12)),
    ]
    assert all(isinstance(e, Epoch) for e in epochs) and epochs[-1].loss < epochs[15].loss
    assert fitted.accuracy_quantized > 70 and fitted.accuracy_baseline > 75 and fitted.images == 360
    assert f"{fitted.accuracy_quantized:.2f} % of 360 test images" in repr(fitted)
    assert all((v == before[k]).all() for k, v in given.state_dict().items())
    x = DIGITS.x_test / 255.0
    scores = to_reals(fitted.network, run(fitted.network, to_integers(fitted.network, x.astype(np.float32))))
    found = fitted.model(torch.from_numpy(x).float()).numpy()
    assert (found == scores.astype(np.float32)).all()
    assert fitted.accuracy_quantized == 100 * (scores.argmax(1) == DIGITS.y_test).mean()


def test_equal_seeds_equal_networks_whatever_the_global_one() -> None:
    made = []
    for seed, world in ((3, 1), (3, 2), (4, 1)):
        given = module(last=nn.Dropout(0.2))
        torch.manual_seed(world)
        made.append(fit(given, few(100), TINY, epochs=1, seed=seed).network)
    assert str(made[0]) == str(made[1]) != str(made[2])
    assert torch.initial_seed() == 1, "the global generator is as it was"


def test_arrays_hold_a_fifth_out() -> None:
    x, y = DIGITS.x_train[:150] / 16.0, DIGITS.y_train[:150]
    fitted = fit(module(), (x, y), TINY, epochs=1, float_epochs=0, activation_bits=4)
    assert fitted.images == 30 and {e.phase for e in fitted.history} == {"quantized"}
    assert {str(fitted.network.type_of(n.name)) for n in fitted.network.nodes} == {"u4", "i32"}
    whole = fit(module(), (DIGITS.x_train[:150], torch.from_numpy(y)), TINY, epochs=1, float_epochs=0)
    assert whole.network.step == 1.0, "integers are taken as they are"


def test_what_comes_behind_the_scores_is_known_to_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probabilities in a tuple train as the logits that they come from; class numbers do not train."""

    class Probable(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = module()

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x)

    def traced(tail: tuple[tuple[str, dict[str, Any]], ...], wrap: tuple[int, ...]) -> Any:
        graph = frontend.prepare.traced(module(), DIGITS.x_train[:20] / 255)[0]
        return lambda *_: (replace(graph, tail=tail, wrap=wrap), ())

    probable = Probable()
    for part in (frontend.fit, frontend.prepare):
        monkeypatch.setattr(part, "traced", traced((("softmax", {"dim": 1}),), (0,)))
    probable.register_forward_hook(lambda _m, _x, y: (y.softmax(1),))
    fitted = fit(probable, few(), TINY, epochs=1, float_epochs=10, batch=20, lr=2e-2)
    assert fitted.accuracy_baseline > 60 and fitted.history[-2].loss < 1.5
    (y,) = fitted.model(torch.rand(3, 64))
    assert torch.allclose(y.sum(1), torch.ones(3))
    monkeypatch.setattr(frontend.fit, "traced", traced((("argmax", {"dim": 1}),), ()))
    with pytest.raises(
        UnsupportedError, match=r"^fit: the module ends in argmax, through which nothing trains; return"
    ):
        fit(module(), few(), TINY, epochs=1)


class Flat(nn.Module):
    """Takes images."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.flatten(1))


def test_images_come_in_their_shape_and_can_be_shifted() -> None:
    fitted = fit(Flat(), few(100), TINY, epochs=2, shift=1, flip=True)
    assert fitted.model.net.features == 64
    with pytest.raises(
        InputError, match=r"^fit: shift and flip need images \(channels, height, width\), got inputs \("
    ):
        fit(module(), few(100), TINY, epochs=2, shift=1)


def test_a_recipe_stays_what_it_was() -> None:
    recipe = Recipe(network=Net(hidden=(6,)), train=Training(epochs=1))
    assert isinstance(fit(recipe, few(100), "tiny"), Trained)
    with pytest.raises(InputError, match=r"^fit: a recipe takes no converters; set it in the recipe$"):
        fit(recipe, few(100), "tiny", converters=True)


BAD: list[tuple[dict[str, Any], type[CodesignError], str]] = [
    ({"model": "mlp"}, InputError, "fit: model must be a Recipe or an ordinary nn.Module, got a str"),
    ({"data": 3}, InputError, "fit: data must be a codesign.Dataset or arrays (x, labels), got a int"),
    (
        {"data": (np.zeros((3, 64)), [1, 2, 3])},
        InputError,
        "fit: x must be numbers (images, ...), 5 images or more, got",
    ),
    ({"data": (np.full((9, 64), np.nan), range(9))}, InputError, "fit: x holds 576 values that are NaN or infinite"),
    (
        {"data": (np.ones((9, 64)), range(8))},
        InputError,
        "fit: labels must be one class number of at least 0 per image",
    ),
    (
        {"data": (DIGITS.x_train[:50] / 255, DIGITS.y_train[:50] + 3)},
        InputError,
        "fit: labels must lie in 0..9, outputs of the module, got 12; number the classes from 0, or give the module",
    ),
    ({"data": (np.ones((9, 64)), [0.5] * 9)}, InputError, "fit: labels must be one class number of at least 0 per"),
    ({"model": nn.Linear(63, 10)}, InputError, "fit: the module takes neither images of data set few nor rows: "),
    ({"folder": "x"}, InputError, "fit: folder keeps the state of recipes only; leave it out for an nn.Module"),
    ({"epochs": 0}, ConfigError, "fit: epochs: "),
    ({"lr": float("nan")}, ConfigError, "fit: lr: "),
    ({"float_epochs": -1}, InputError, "fit: float_epochs must be a whole number of at least 0, got -1"),
    ({"lr": 1e30}, InputError, "fit: epoch 1 of baseline: loss is "),
    ({"activation_bits": 9, "float_epochs": 0}, ConfigError, "prepare: activation_bits must be 1..8"),
]


@pytest.mark.parametrize(("changed", "error", "words"), BAD, ids=[w[:40] for *_, w in BAD])
def test_bad_input_is_refused_in_one_line(changed: dict[str, Any], error: type[CodesignError], words: str) -> None:
    given = {"model": module(), "data": few(100), "epochs": 2} | changed
    with pytest.raises(error) as caught:
        fit(given.pop("model"), given.pop("data"), TINY, **given)
    assert str(caught.value).startswith(words) and "\n" not in str(caught.value)


def test_the_usual_lines() -> None:
    """prepare, train, compile: as README shows them."""
    x, y = torch.from_numpy(DIGITS.x_train[:300] / 255).float(), torch.from_numpy(DIGITS.y_train[:300])
    model = codesign.train.prepare(nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10)), "tiny", x)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    losses = []
    for _ in range(15):
        for i in torch.randperm(len(x), generator=torch.Generator().manual_seed(0)).split(50):
            loss = nn.functional.cross_entropy(model(x[i]), y[i])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    program = codesign.compile(model.eval(), x, "tiny")
    q = to_integers(program.network, DIGITS.x_test / 255.0)
    assert (program.run(q).argmax(1) == DIGITS.y_test).mean() > 0.7
