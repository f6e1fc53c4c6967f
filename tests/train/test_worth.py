"""Trained networks keep what their inputs and outputs are worth, in the units of the data they were trained on."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import codesign
from codesign.data import Dataset
from codesign.fixed import IntType
from codesign.ir.real import to_integers, to_reals

RNG = np.random.default_rng(3)
Y = np.arange(60) % 3
BYTES = (RNG.integers(3, 90, (60, 12)) + 40 * (Y[:, None] == np.arange(12) % 3)).astype(np.uint8)
SIGNED = RNG.normal(size=(60, 12)) * 10.0 ** np.arange(-4, 8) + 5 * (Y[:, None] == np.arange(12) % 3)
RECIPE = codesign.Recipe(
    network={"hidden": (6,)},
    quantize={"input_bits": 5, "activation_bits": 4},
    train={"epochs": 2, "batch": 20},
)


def data(x: Any, **more: Any) -> Dataset:
    return Dataset("mine", x, Y, x[::2], Y[::2], 3, **more)


@pytest.mark.parametrize(
    ("dataset", "kind"),
    [
        (data(BYTES), IntType(5)),
        (data(SIGNED), IntType(5, True)),
        (data(SIGNED, scale="feature"), IntType(5, True)),
        (data(np.abs(SIGNED), scale="feature"), IntType(5)),
    ],
    ids=["bytes", "signed", "features", "features above 0"],
)
def test_raw_data_become_the_integers_of_training(dataset: Dataset, kind: IntType) -> None:
    found = codesign.train.fit(RECIPE, dataset, "tiny")
    network = found.network
    assert network.input == kind
    x = dataset.test_inputs(RECIPE.quantize.input)
    assert len(np.unique(x)) > 10 and (x.min() < 0) == kind.signed
    assert (to_integers(network, dataset.x_test) == x).all()
    assert (found.model.quantize(dataset.x_test) == x).all()
    again = 100 * float((network.run(to_integers(network, dataset.x_test)).argmax(1) == dataset.y_test).mean())
    assert again == found.accuracy_quantized
    assert codesign.compile(found.model, None, "tiny").network.offset == network.offset


@pytest.mark.parametrize("converters", [False, True])
def test_outputs_are_the_logits_of_training(converters: bool) -> None:
    recipe = RECIPE.changed({"quantize.converters": converters})
    found = codesign.train.fit(recipe, data(BYTES), "tiny")
    x = data(BYTES).test_inputs(recipe.quantize.input)
    program = codesign.compile(found.network, None, "tiny")
    logits = found.model.logits(torch.from_numpy(x)).detach().numpy()
    scores = to_reals(found.network, program.run(x))
    step = found.network.output_step
    assert step != 1.0 and np.abs(logits).max() > 4 * step
    assert np.abs(scores - logits).max() <= step  # the bias is rounded, and so are activations half way


def test_what_inputs_are_worth_changes_no_integer() -> None:
    """Half of every number and of the range: the same integers, so the same network."""
    one, two = (codesign.train.fit(RECIPE, data(x), "tiny").network for x in (SIGNED, SIGNED / 2))
    assert two.step == one.step / 2 and two.offset == tuple(o / 2 for o in one.offset)
    assert str(replace(two, step=one.step, offset=one.offset)) == str(one)
