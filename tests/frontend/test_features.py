"""A scale for every input feature: tables of different units, rounded and trained, from real numbers to scores."""

from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import codesign
from codesign.data import wine
from codesign.errors import ConfigError, InputError, UnsupportedError
from codesign.frontend.features import scaled
from codesign.frontend.run import values
from codesign.ir import run
from codesign.ir.real import to_integers, to_reals
from tests.frontend.nets import drawn
from tests.frontend.small_graphs import TINY, graph, samples

TABLE = wine()
X, Y = TABLE.x_train.astype(np.float32), TABLE.y_train  # 13 columns: some below 1, one above 1,000


@pytest.fixture(scope="module")
def model() -> nn.Sequential:
    """A perceptron of the raw table, whose batch norm brings columns to one size."""
    torch.manual_seed(0)
    made = nn.Sequential(nn.BatchNorm1d(13), nn.Linear(13, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(made.parameters(), 1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(made(torch.from_numpy(X)), torch.from_numpy(Y)).backward()
        optimizer.step()
    return made.eval()


def agreement(program: codesign.Program, model: nn.Module) -> float:
    with torch.no_grad():
        real = model(torch.from_numpy(X)).numpy().argmax(1)
    return float((program.predict(X).argmax(1) == real).mean())


@pytest.mark.filterwarnings("ignore::codesign.errors.CodesignWarning")
def test_columns_of_other_units_count_as_well(model: nn.Sequential) -> None:
    one, each = (codesign.compile(model, X, "reference-128", input_scale=s, effort="high") for s in ("set", "feature"))
    assert one.network.scales == () and len(each.network.scales) == 13
    assert each.network.scales == pytest.approx(np.abs(X).max(0))
    assert agreement(each, model) > 0.95 > agreement(one, model)
    q = each.quantize(X)
    assert (q.max(0) == q.max()).all() and len(np.unique(one.quantize(X)[:, 10])) < len(np.unique(q[:, 10]))
    assert each.quantize(np.abs(X).max(0)[None]).tolist() == [[255] * 13]


def test_prepared_modules_take_the_table_as_it_is(model: nn.Sequential) -> None:
    prepared = codesign.train.prepare(model, "tiny", X, input_scale="feature")
    optimizer = torch.optim.Adam(prepared.parameters(), 1e-2)
    for _ in range(30):
        optimizer.zero_grad()
        nn.functional.cross_entropy(prepared(torch.from_numpy(X)), torch.from_numpy(Y)).backward()
        optimizer.step()
    with torch.no_grad():
        scores = prepared.eval()(torch.from_numpy(X).double()).numpy()
    program = codesign.compile(prepared, X, "tiny")
    network = program.network
    assert network.step * 255 * np.array(network.scales) == pytest.approx(np.abs(X).max(0))
    assert (network.run(program.quantize(X)) * network.output_step == scores).all()
    assert (scores.argmax(1) == Y).mean() > 0.95


def test_scales_follow_the_offset() -> None:
    x, plain = 3 * samples("mlp"), graph("mlp", offset=(2.0,))
    made = scaled(plain, x)
    assert made.scales == pytest.approx(np.abs(x - 2).max(0))
    one, other = values(plain, x), values(made, x)
    assert np.abs(other["input"]).max(0) == pytest.approx(1)
    assert other["c"] == pytest.approx(one["c"]) and other["c"].std() > 0.1


@pytest.mark.filterwarnings("ignore::codesign.errors.CodesignWarning")
def test_a_feature_that_is_always_zero() -> None:
    x = X.copy()
    x[:, 4] = 0
    torch.manual_seed(1)
    program = codesign.compile(nn.Linear(13, 3), x, "tiny", input_scale="feature")
    assert program.network.scales[4] == 1 and (program.quantize(x)[:, 4] == 0).all()


def test_what_is_refused() -> None:
    convolution = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(22, 3))
    with pytest.raises(UnsupportedError, match=r'^model: 0 reads the inputs with one scale, .* or use "set"$'):
        codesign.quantize(convolution, X[:, None], "tiny", input_scale="feature")
    with pytest.raises(InputError, match=r'^compile: input_scale must be "set" or "feature", got .each.$'):
        codesign.compile(nn.Linear(13, 3), X, "tiny", input_scale="each")
    with pytest.raises(ConfigError, match=r'^prepare: input_scale must be "set" or "feature", got .each.$'):
        codesign.train.prepare(nn.Linear(13, 3), "tiny", X, input_scale="each")


class Bytes(nn.Module):
    """Normalises bytes in forward, as people write it."""

    def __init__(self, mean: float, deviation: float) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation
        self.a, self.b = nn.Linear(16, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.b(torch.relu(self.a((x - self.mean) / self.deviation))))


@pytest.mark.parametrize(("deviation", "unit"), [(1.2, 1.0), (70.0, 64.0), (1e-4, 2.0**-13)])
@pytest.mark.parametrize("input_scale", ["set", "feature"])
def test_first_weights_keep_the_size_that_a_learning_rate_suits(
    deviation: float, unit: float, input_scale: str
) -> None:
    torch.manual_seed(2)
    x = 3 * deviation * drawn(80, 16)
    x[0] = 3 * deviation
    module = Bytes(deviation, deviation)
    made = codesign.train.prepare(module, TINY, x, input_scale=input_scale)
    ratio = made.net.chain[0].weight.abs().max() / module.a.weight.abs().max()
    assert 0.4 < ratio < 2.2
    if input_scale == "set":
        assert made.scales == ((unit,) if unit != 1 else ())
    network = codesign.quantize(made, None, TINY)
    assert (to_integers(network, x.double()) == made.quantize(x).numpy()).all()
    scores = made.eval()(x.double()).numpy()
    assert (to_reals(network, run(network, to_integers(network, x.double()))) == scores).all()
    other = codesign.train.prepare(Bytes(0.0, 1.0), TINY, drawn(80, 16), input_scale=input_scale)
    other.load_state_dict(made.state_dict())
    assert (other.eval()(x.double()).numpy() == scores).all()
