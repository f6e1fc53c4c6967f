"""What quantization and converters cost: measured, kept, said when it is much; labels that do not fit."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import codesign
from codesign.data import digits
from codesign.errors import CodesignWarning, InputError
from codesign.fixed import Trim
from codesign.mapping.clipping import clipped
from codesign.mapping.run import layers
from tests.compiler.models import COARSE, REAL, SIZES, TINY, refused
from tests.hdl.programs import images, net

DATA = digits()
X, Y = DATA.x_train[:600] / 255.0, DATA.y_train[:600]


@pytest.fixture(scope="module")
def model() -> nn.Sequential:
    """A perceptron that knows the digits."""
    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 10))
    optimiser = torch.optim.Adam(made.parameters(), 5e-3)
    x, y = torch.from_numpy(DATA.x_train / 255).float(), torch.from_numpy(DATA.y_train).long()
    for _ in range(150):
        optimiser.zero_grad()
        nn.functional.cross_entropy(made(x), y).backward()
        optimiser.step()
    return made


def account(model: Any, chip: Any, **options: Any) -> tuple[Any, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        program = codesign.compile(model, X, chip, **options)
    assert {w.category for w in caught} <= {CodesignWarning}
    return program, [str(w.message) for w in caught]


def test_figures_are_those_of_the_reference(model: nn.Sequential) -> None:
    program, _ = account(model, "reference-128", labels=Y)
    found = program.account.quality
    with torch.no_grad():
        real = model(torch.from_numpy(X).float()).numpy().argmax(1)
    chosen = np.unique(np.linspace(0, len(X) - 1, 512).astype(int))
    q = codesign.ir.real.to_integers(program.network, X[chosen])
    exact, chip = (program.run(q, adc=adc).argmax(1) for adc in (False, True))
    assert found.images == 512
    assert found.agreement_network == 100 * (exact == real[chosen]).mean()
    assert found.agreement_chip == 100 * (chip == real[chosen]).mean()
    assert found.accuracy_float == 100 * (real == Y)[chosen].mean() and found.accuracy_float > 95
    assert found.accuracy_network == 100 * (exact == Y[chosen]).mean()
    assert found.accuracy_chip == 100 * (chip == Y[chosen]).mean()
    assert all(np.isfinite(layer.snr_db) and layer.converters is not None for layer in found.layers)


def test_a_loss_is_said_with_figures_and_advice(model: nn.Sequential) -> None:
    _, normal = account(model, "reference-128", labels=Y)
    program, high = account(model, "reference-128", labels=Y, effort="high")
    assert len(normal) == 1 and normal[0].startswith("model: agreement with it is ")
    assert normal[0].endswith('; try effort="high", or train it for this chip with codesign.train.prepare')
    assert "on 512 calibration inputs" in normal[0] and "accuracy " in normal[0]
    assert all(line.endswith("; train it for this chip with codesign.train.prepare") for line in high)
    quality = program.account.quality
    assert quality is not None and quality.agreement_network > 95


def test_high_effort_loses_less(model: nn.Sequential) -> None:
    found = [account(model, "reference-128", effort=e)[0].account.quality for e in ("normal", "high")]
    assert found[1].agreement_network > found[0].agreement_network
    assert found[1].layers[0].snr_db > found[0].layers[0].snr_db + 1
    words = [codesign.quantize(model, X, "tiny", effort="high").nodes[0].weight for _ in range(2)]
    assert (words[0] == words[1]).all()


def test_clipped_conversions_are_counted() -> None:
    """Every current of every bit plane, one after the other."""
    network = net([30, 11, 4], COARSE)
    network = replace(network, nodes=tuple(replace(node, trim=Trim()) for node in network.nodes))
    x = images(40, network)
    program = codesign.compile(network, None, COARSE)
    shares, outputs = clipped(program.mapping, x)
    edges = layers(program.mapping, x)
    assert (outputs == program.run(x)).all()
    below = above = 0
    for node, step in zip(program.network.nodes, program.mapping.steps, strict=True):
        source, ends, count = edges[node.source], [0, 0], 0
        trim = step.trim
        for piece in (p for u in program.mapping.arrays for p in u.pieces if p.layer == node.name):
            rows, held = slice(piece.row, piece.row + piece.rows), slice(piece.column, piece.column + piece.columns)
            w = node.weight[rows, held]
            for bit in range(step.input.bits):
                current = ((source[:, rows] >> bit) & 1) @ w
                code = (current * trim.gain + ((1 << trim.shift) >> 1)) >> trim.shift
                ends[0] += int((code < COARSE.code.lo).sum())
                ends[1] += int((code > COARSE.code.hi).sum())
                count += code.size
        assert shares[node.name] == sum(ends) / count
        below, above = below + ends[0], above + ends[1]
    assert below and above  # or the test shows less


@pytest.mark.parametrize("of_network", [False, True])
@pytest.mark.parametrize(
    "labels",
    [np.zeros(79, int), np.zeros((80, 2), int), np.full(80, 0.5), np.full(80, 4), np.full(80, -1), ["a"] * 80],
    ids=["short", "table", "real", "beyond", "negative", "text"],
)
def test_labels_that_do_not_fit(labels: Any, of_network: bool) -> None:
    model = net([20, 4], TINY) if of_network else nn.Sequential(nn.Linear(SIZES[0], SIZES[-1]))
    message = refused(model, REAL, labels=labels)
    assert message.startswith("labels: ") and "\n" not in message


def test_labels_without_inputs() -> None:
    assert refused(net([20, 4], TINY), None, labels=[1, 2]) == (
        "compile: labels belong to calibration inputs, and there are none; give both"
    )


def test_an_effort_that_does_not_exist() -> None:
    with pytest.raises(InputError, match=r'^compile: effort must be "normal" or "high", got \'highest\'$'):
        codesign.compile(nn.Sequential(nn.Linear(20, 4)), REAL, TINY, effort="highest")


def test_one_output_that_dwarfs_the_rest() -> None:
    last = nn.Linear(8, 4)
    module = nn.Sequential(nn.Linear(20, 8), nn.ReLU(), last)
    with torch.no_grad():
        last.weight[1] *= 1000
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        codesign.quantize(module, REAL, TINY)
    told = [str(w.message) for w in caught if "dwarfs" in str(w.message)]
    assert len(told) == 1 and told[0].startswith("layer layer2: output 1 dwarfs the rest: its largest weight is ")


def test_units_that_passes_remove_are_told_and_kept(tmp_path: Path) -> None:
    torch.manual_seed(1)
    first, last = nn.Linear(64, 8), nn.Linear(8, 10)
    with torch.no_grad():
        first.weight[3], first.bias[3] = 0, 0.5
        last.weight[:, 5] = 0
    program = codesign.compile(nn.Sequential(first, nn.ReLU(), last), X, "reference-128", effort="high", labels=Y)
    removed = program.account.removed
    assert {(r.layer, r.units, r.of, r.why) for r in removed} == {
        ("layer0", (3,), 8, "constant"),
        ("layer0", (5,), 8, "unread"),
    }
    assert all(f"removed: {r}" in program.summary() for r in removed)
    program.save(tmp_path / "p")
    assert codesign.Program.load(tmp_path / "p").account.removed == removed
