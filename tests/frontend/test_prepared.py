"""A prepared module as a user meets it: states, modes, tails, wraps, and what is refused in words."""

import copy
import io
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import nn
from torch.nn import functional

import codesign
from codesign.devices import Cells
from codesign.errors import CodesignError, ConfigError, InputError
from codesign.fixed import IntType
from codesign.frontend.graph import INF, Clamp
from codesign.frontend.prepare import prepared_of
from codesign.frontend.prepared import Prepared, integers_of
from codesign.frontend.ranges import activation_of
from codesign.ir import run
from codesign.ir.real import to_integers, to_reals
from codesign.train.nets.quantized import mlp
from tests.frontend.small_graphs import TINY, TWO, graph, options, samples

torch.set_num_threads(1)

X = torch.from_numpy(samples("mlp")).float()
Y = torch.arange(len(X)) % 4


def made(name: str = "mlp", **changed: Any) -> Prepared:
    more = {k: changed.pop(k) for k in ("tail", "wrap", "offset") if k in changed}
    return prepared_of(graph(name, **more), samples(name), 8, options(**changed))


def small() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, 4))


def step(model: nn.Module, x: torch.Tensor = X) -> None:
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    functional.cross_entropy(model.train()(x), Y).backward()  # type: ignore[no-untyped-call]
    optimiser.step()


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("clamps", "torch"),
        ("clamps", "safetensors"),
        ("residual", "safetensors"),
        ("norms", "torch"),
        pytest.param("residual", "torch", marks=pytest.mark.slow),
        pytest.param("norms", "safetensors", marks=pytest.mark.slow),
    ],
)
def test_a_state_dict_carries_the_integers_to_a_module_prepared_with_other_inputs(name: str, how: str) -> None:
    g, x = graph(name), samples(name)
    first = made(name, converters=True)
    step(first, torch.from_numpy(x).float())
    if how == "torch":
        torch.save(first.state_dict(), file := io.BytesIO())
        state = torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    else:
        state = load(save(first.state_dict()))
    other = prepared_of(g, -0.01 * samples(name, seed=9), 8, options(converters=True))  # no clamp is reached
    assert other.step != first.step and other.net.input != first.net.input
    if name == "clamps":
        kinds = [[a.kind for a in m.activations] for m in (first, other)]
        assert kinds[0] != kinds[1]
        assert [a.clip.requires_grad for a in first.activations] != [a.clip.requires_grad for a in other.activations]
    assert (other.eval()(torch.from_numpy(x)) != first.eval()(torch.from_numpy(x))).any()
    other.load_state_dict(state)
    assert (other(torch.from_numpy(x)) == first(torch.from_numpy(x))).all()
    assert [p.requires_grad for p in other.parameters()] == [p.requires_grad for p in first.parameters()]
    assert integers_of(other, TWO, "n").step == first.step


def test_a_state_carries_offset_and_scales() -> None:
    first = made(offset=tuple(np.linspace(-0.5, 0.5, 20)))
    first.scales = tuple(np.linspace(1, 2, 20))
    network = integers_of(first, TWO, "n")
    x = samples("mlp")
    assert (to_integers(network, x) == first.quantize(torch.from_numpy(x)).numpy()).all()
    other = made()
    other.load_state_dict(first.state_dict())
    assert (other.offset, other.scales) == (first.offset, first.scales)
    assert (other.eval()(X) == first.eval()(X)).all()


def test_a_state_of_another_network_is_refused() -> None:
    with pytest.raises(InputError, match=r"^state dict: has 5 activations, the model 2; prepare the module that it"):
        made().set_extra_state(made("clamps").get_extra_state())


def test_copies_stand_on_their_own() -> None:
    first = made(cells=Cells(variation=0.1))
    twin = copy.deepcopy(first)
    before = first.eval()(X)
    step(twin)
    assert (first(X) == before).all() and (twin.eval()(X) != before).any()


def test_other_precisions_leave_the_numbers_alone() -> None:
    first = made("residual")
    x = torch.from_numpy(samples("residual"))
    before = first.eval()(x)
    assert (first.float().to("cpu")(x) == before).all()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (first(x) == before).all()
        inside = first.train()(x)
    assert inside.dtype == torch.float32 and (inside == first(x)).all()


def test_noise_is_drawn_from_the_seed_in_training_only() -> None:
    noisy = {"cells": Cells(variation=0.2, read_noise=0.1)}
    first, same, other = made(**noisy), made(**noisy), made(**noisy, seed=1)
    a, b, c = (m.train()(X) for m in (first, same, other))
    assert (a == b).all() and (a != c).any() and (first(X) != a).any()
    assert (first.eval()(X) == first(X)).all() and (first(X) == made().eval()(X)).all()


def test_the_users_loss_works_unchanged() -> None:
    logged = made(tail=(("log_softmax", {"dim": -1}),))
    for model in (logged.train(), logged.eval()):
        y = model(X)
        assert torch.allclose(y.exp().sum(1), torch.ones(len(X)))
        assert functional.nll_loss(y, Y) == pytest.approx(functional.cross_entropy(model.scores(X), Y).item(), rel=1e-5)
    wrapped = made(wrap=("out", 1, "logits"))
    inner = wrapped.train()(X)["out"]
    assert inner[0] is None and (inner[1]["logits"] == wrapped.scores(X)).all()
    last = made(tail=(("argmax", {"dim": 1}),))
    assert last.train()(X).shape == (len(X), 4)  # class numbers have no gradient
    assert (last.eval()(X) == last.scores(X).argmax(1)).all()


def test_scores_have_the_shape_that_the_module_gives_them() -> None:
    model = prepared_of(graph("mlp"), samples("mlp"), 8, options(), (2, 2))
    assert model.train()(X).shape == model.eval()(X).shape == (len(X), 2, 2)
    assert model(X[:0]).shape == (0, 2, 2)


def test_inputs_may_have_any_shape_and_dtype() -> None:
    model = made("cnn").eval()
    x = torch.from_numpy(samples("cnn"))
    flat = model(x.reshape(len(x), -1))
    assert (flat == model(x)).all() and flat.dtype == torch.float64
    assert model(x.half()).dtype == model(x.int()).dtype == torch.float32


def test_inputs_are_rounded_in_float64() -> None:
    """As the network rounds them: a float32 would put these on the other side of a half."""
    model = made(offset=(0.3,))
    network = integers_of(model, TWO, "n")
    half = model.offset[0] + model.step * (np.arange(-100, 100) + 0.5)
    x = np.concatenate([np.nextafter(half, side * np.inf) for side in (-1, 1)] * 2).reshape(-1, 20)
    q = to_integers(network, x)
    assert len(np.unique(q)) > 190
    assert (model.quantize(torch.from_numpy(x)).numpy() == q).all()


@pytest.mark.parametrize("x", [torch.zeros(3, 19), torch.zeros(20), torch.zeros(3, 4, 6), torch.zeros(0, 7)], ids=str)
def test_inputs_of_another_size_are_refused(x: torch.Tensor) -> None:
    with pytest.raises(InputError, match=r"^inputs: must be \(images, \.\.\.\) with 20 values an image \(20\), got"):
        made()(x)


def test_nan_is_refused_where_it_would_become_an_integer() -> None:
    x = X.clone()
    x[2, 5] = float("nan")
    model = made()
    assert model.train()(x)[2].isnan().all(), "training shows it in the loss, as torch does"
    with pytest.raises(InputError, match=r"^inputs: image 2 value 5 is nan; remove NaN$"):
        model.eval()(x)


BAD: list[tuple[dict[str, Any], type[CodesignError], str]] = [
    ({"model": 3}, InputError, "prepare: model must be an ordinary nn.Module, got a int; give the module that you"),
    ({"model": made()}, InputError, "prepare: model must be an ordinary nn.Module, got a prepared module; give the"),
    (
        {"model": nn.DataParallel(made())},
        InputError,
        "model: DataParallel holds a module that was prepared already, as",
    ),
    ({"converters": "no"}, ConfigError, "prepare: converters must be True or False, got 'no'"),
    ({"chip": None}, ConfigError, "prepare: the weights that cells can hold come from a chip; give its name, its file"),
    ({"chip": None, "converters": True}, ConfigError, "prepare: converters are those of a chip; give its name, its"),
    ({"chip": "none"}, ConfigError, "chip none: cannot be read"),
    ({"calibration": None}, InputError, "prepare: calibration is missing; give a few hundred typical inputs, as the"),
    ({"calibration": X[0]}, InputError, "calibration: must be numbers of shape (images, ...), got float32 (20,);"),
    ({"calibration": X[:0]}, InputError, "calibration: must be numbers of shape (images, ...), got float32 (0, 20);"),
    ({"calibration": [["a"]]}, InputError, "calibration: must be numbers of shape (images, ...), got <U1 (1, 1);"),
    ({"calibration": X / 0}, InputError, "calibration: image 0 value "),
    ({"calibration": X * 0}, InputError, "calibration: every value is 0, so no input scale can be chosen; give"),
    (
        {"calibration": (X * 400).int()},
        InputError,
        "calibration: integers must lie in 0..255 (u8 of chip reference-128), got",
    ),
    ({"activation_bits": 9}, ConfigError, "prepare: activation_bits must be 1..8 (activation.bits of chip"),
    ({"input_bits": 0}, ConfigError, "prepare: input_bits must be 1..8 (activation.bits of chip reference-128), got 0"),
    ({"input_bits": True}, ConfigError, "prepare: input_bits must be 1..8 (activation.bits of chip reference-128),"),
    ({"scale": "row"}, ConfigError, 'prepare: scale must be "column" or "layer", got \'row\''),
    ({"cells": 0.1}, ConfigError, "prepare: cells must be a codesign.Cells or None, got 0.1"),
    ({"seed": -1}, ConfigError, "prepare: seed must be a whole number of at least 0, got -1"),
]


@pytest.mark.parametrize(("changed", "error", "words"), BAD, ids=[w[:48] for *_, w in BAD])
def test_bad_input_is_refused_in_one_line(changed: dict[str, Any], error: type[CodesignError], words: str) -> None:
    given = {"model": small(), "chip": "reference-128", "calibration": X} | changed
    with pytest.raises(error) as caught:
        codesign.train.prepare(given.pop("model"), given.pop("chip"), given.pop("calibration"), **given)
    assert str(caught.value).startswith(words) and "\n" not in str(caught.value)


def test_from_a_module_to_a_program() -> None:
    module = small()
    before = copy.deepcopy(module.state_dict())
    model = codesign.train.prepare(module, TINY, X)
    step(model)
    assert all((v == before[k]).all() for k, v in module.state_dict().items()), "the user's module stays as it is"
    for calibration in (None, X):
        program = codesign.compile(model, calibration, TINY)
        x = samples("mlp", seed=5)
        y = run(program.network, to_integers(program.network, x))
        assert (to_reals(program.network, y) == model.eval()(torch.from_numpy(x)).numpy()).all()
    assert codesign.quantize(model, None, TINY, "mine").name == "mine"


def test_a_chip_that_cannot_hold_it_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"^model: trained for weights \[-3, .*\], chip reference-128 holds \[-1, 0, 1\]"
    ):
        codesign.quantize(codesign.train.prepare(small(), TINY, X), None, TWO)
    narrow = TWO.model_copy(update={"activation": TWO.activation.model_copy(update={"bits": 4})})
    with pytest.raises(
        InputError, match=r"^model: has 8-bit activations, chip reference-128 takes 4; train with fewer"
    ):
        codesign.quantize(made("residual"), None, narrow)
    with pytest.raises(InputError, match=r"^model: layer a was trained through 6-bit converters of 128 rows, chip re"):
        codesign.quantize(
            made(converters=True), None, TWO.model_copy(update={"adc": TWO.adc.model_copy(update={"bits": 5})})
        )
    assert integers_of(mlp((20, 4), (-1, 0, 1), IntType(8), IntType(8)), TWO, "n").features == 20


@pytest.mark.parametrize(
    ("act", "values", "kind", "clip", "learned"),
    [
        (Clamp(), (0.0, 2.0), IntType(4), 2.0, True),
        (Clamp(0.0, 6.0), (0.0, 6.0), IntType(4), 6.0, False),
        (Clamp(0.0, 6.0), (0.0, 2.0), IntType(4), 2.0, True),  # never reached
        (Clamp(-1.0, 1.0), (-1.0, 1.0), IntType(4, True, (-7, 7)), 1.0, False),
        (Clamp(-2.0, 6.0), (-2.0, 6.0), IntType(4, True, (-2, 7)), 6.0, False),
        (Clamp(-6.0, 2.0), (-6.0, 2.0), IntType(4, True, (-7, 2)), 6.0, False),
        (Clamp(-1.0, 1e6), (-1.0, 3.5), IntType(4, True, (-2, 7)), 3.5, False),
        (Clamp(0.5, 3.0), (0.5, 3.0), IntType(4, within=(2, 15)), 3.0, False),
        (Clamp(-INF, 0.0), (-4.0, 0.0), IntType(4, True, (-8, 0)), 4.0, True),
        (Clamp(-INF, INF), (-4.0, 3.0), IntType(4, True), 4.0, True),
        (Clamp(-1.0, 1.0), (-1.0, 1.0), IntType(1, True), 1.0, False),
        (Clamp(), (0.0, 0.0), IntType(4), 1.0, True),  # dead
    ],
    ids=str,
)
def test_ranges_end_where_the_clamp_does(
    act: Clamp, values: tuple[float, float], kind: IntType, clip: float, learned: bool
) -> None:
    found = activation_of(act, np.linspace(*values, kind.hi - kind.lo + 1), kind.bits)
    assert found.kind == kind and found.clip.requires_grad == learned
    assert found.clip.item() == pytest.approx(clip, rel=0.15 if learned or clip == 3.5 else 1e-6)


@pytest.mark.parametrize("calibration", [None, X])
def test_a_prepared_module_in_a_wrapper_is_named(calibration: torch.Tensor | None) -> None:
    average = torch.optim.swa_utils.AveragedModel(made())
    with pytest.raises(InputError) as caught:
        codesign.compile(average, calibration, TWO)
    assert (
        str(caught.value) == "model: AveragedModel holds a module that was prepared already, as module; give that one"
    )
    assert codesign.quantize(average.module, None, TWO).nodes
