"""What a training depends on: every field of chip and recipe is changed in turn, and the networks compared."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import BaseModel
from safetensors.torch import save, save_file

from codesign.chip.description import Chip
from codesign.data import Dataset
from codesign.devices import Cells
from codesign.errors import InputError
from codesign.train.identity import identity
from codesign.train.loop import fit
from codesign.train.recipe import Recipe

RNG = np.random.default_rng(5)
X, Y = RNG.integers(0, 256, (60, 20), np.uint8), np.arange(60) % 3
DATA = Dataset("small", X, Y, X[:6], Y[:6], 3, (1, 4, 5))
RECIPE = {
    "network.hidden": [6],
    "quantize.input_bits": 4,
    "quantize.activation_bits": 4,
    "train.epochs": 1,
    "train.batch": 20,
    "train.baseline": False,
}
CHIP = Chip.load("tiny").model_dump(mode="json", exclude_none=True) | {
    "arrays": {"count": 4, "rows": 8, "columns": 16},
    "device": {"levels": 4, "code_bits": 5, "headroom": 0.25},
    "adc": {"bits": 5, "lanes": 4},
    "bus": {"stream_bytes": 4},
}

# Another value of each field, and what must change with it.
CHIPS: dict[str, dict[str, Any]] = {
    "name": {"name": "other"},
    "arrays.count": {"arrays.count": 5},
    "arrays.rows": {"arrays.rows": 16},
    "arrays.columns": {"arrays.columns": 8},
    "device.levels": {"device.levels": 3},
    "device.spacing": {"device.spacing": "resistance", "device.on_off_ratio": 10.0},
    "device.on_off_ratio": {"device.on_off_ratio": 10.0},
    "device.table": {"device.spacing": "table", "device.table": [0, 1, 2, 5]},
    "device.code_bits": {"device.code_bits": 6},
    "device.headroom": {"device.headroom": 0.0},
    "adc.bits": {"adc.bits": 2},
    "adc.lanes": {"adc.lanes": 8},
    "activation.bits": {"activation.bits": 7},
    "memory.input_words": {"memory.input_words": 9},
    "memory.activation_words": {"memory.activation_words": 9},
    "memory.word": {"memory.word": 16},
    "memory.walks": {"memory.walks": 9},
    "memory.operands": {"memory.operands": 9},
    "memory.pools": {"memory.pools": 9},
    "memory.steps": {"memory.steps": 9},
    "memory.loads": {"memory.loads": 9},
    "memory.tiles": {"memory.tiles": 9},
    "memory.constants": {"memory.constants": 9},
    "bus.stream_bytes": {"bus.stream_bytes": 2},
    "clock_mhz": {"clock_mhz": 100.0},
}
NEVER = {"name", "arrays.count", "adc.lanes", "activation.bits", "bus.stream_bytes", "clock_mhz"} | {
    k for k in CHIPS if k.startswith("memory.")
}
# Where the compiler's plan cuts rows depends on these; mostly nowhere else, but no training can tell.
PLAN = {"arrays.count", "adc.lanes"}
# Recipes, and fields of the chip that their networks show for sure.
BASES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "ideal": ({}, {"device.levels", "device.table"}),
    "read noise": ({"quantize.cells": {"read_noise": 1.0}}, {"arrays.rows"}),
    "wires": ({"quantize.cells": {"wire": 0.05}}, {"arrays.rows", "arrays.columns"}),
    "variation": ({"quantize.cells": {"variation": 0.3}}, {"device.headroom"}),
    "converters": ({"quantize.converters": True}, {"arrays.rows", "adc.bits"}),
    "stuck map": ({"quantize.stuck_map": "map.safetensors"}, {"device.levels"}),
    "free slices": ({"quantize.slices": "free"}, {"device.levels", "arrays.columns", "adc.lanes"}),
    "slices of a layer": ({"quantize.slices": {"fc2": 2}}, {"device.levels"}),
    "free slices of a layer": ({"quantize.slices": {"fc2": "free"}}, {"arrays.columns", "adc.lanes"}),
}
RECIPES: dict[str, Any] = {
    "data.dataset": "mnist",
    "data.label": "kind",
    "data.test": 0.5,
    "data.scale": "feature",
    "data.downsample": 2,
    "data.validation": 5,
    "network.model": "lenet",
    "network.hidden": [7],
    "network.channels": [4],
    "network.kernel": 3,
    "network.blocks": 2,
    "network.norm": True,
    "quantize.activation_bits": 3,
    "quantize.activation_signed": True,
    "quantize.activation_clip": 6.0,
    "quantize.activation_range": [0, 7],
    "quantize.input_bits": 3,
    "quantize.input_signed": True,
    "train.method": "regularized",
    "quantize.layers": "linear",
    "quantize.scale": "column",
    "quantize.slices": 2,
    "quantize.bias": "grid",
    "quantize.converters": True,
    "quantize.cells": {"variation": 0.1},
    "quantize.stuck_map": "map.safetensors",
    "train.epochs": 2,
    "train.batch": 10,
    "train.lr": 0.1,
    "train.weight_decay": 0.1,
    "train.shift": 1,
    "train.flip": True,
    "train.smoothing": 0.1,
    "train.distill": 0.1,
    "train.grid_max": 0.2,
    "train.reject": True,
    "train.patience": 1,
    "train.strength": 2.0,
    "train.seed": 1,
    "train.baseline": True,
    "train.baseline_lr": 0.1,
    "train.baseline_weight_decay": 0.1,
    "machine.threads": 2,
    "machine.device": "cuda",
}
CELLS: dict[str, Any] = {
    "variation": 0.1,
    "distribution": "lognormal",
    "stuck_on": 0.1,
    "stuck_off": 0.1,
    "read_noise": 0.1,
    "wire": 0.1,
}


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from leaves(kind, f"{prefix}{name}.")
        else:
            yield prefix + name


def chip(changes: dict[str, Any]) -> Chip:
    made: dict[str, Any] = {k: dict(v) if isinstance(v, dict) else v for k, v in CHIP.items()}
    for key, value in changes.items():
        *path, last = key.split(".")
        (made.setdefault(path[0], {}) if path else made)[last] = value
    return Chip.model_validate(made)


@pytest.fixture
def maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """map.safetensors in the current folder."""
    monkeypatch.chdir(tmp_path)
    stuck = torch.full((6, 20, 2), -1, dtype=torch.int8)
    stuck[0, :5] = 2
    save_file({"fc1": stuck}, "map.safetensors")


def trained(recipe: Recipe, on: Chip) -> bytes:
    found = fit(recipe, DATA, on)
    return save({k: v.contiguous() for k, v in found.model.state_dict().items()})


def test_the_tables_know_every_field() -> None:
    """A new field needs another value here, and a thought whether training sees it."""
    assert set(leaves(Chip)) == set(CHIPS)
    recipes = {*RECIPES, "compile.objective"}
    assert set(leaves(Recipe)) - {f"quantize.cells.{k}" for k in CELLS} | {"quantize.cells"} == recipes
    assert set(Cells.model_fields) == set(CELLS)


@pytest.mark.parametrize("base", BASES)
def test_what_changes_the_network_changes_the_identity(base: str, maps: None) -> None:
    more, seen = BASES[base]
    never = NEVER - seen - (PLAN if "quantize.converters" in more else set())
    recipe, first = Recipe().changed({**RECIPE, **more}), chip({})
    network, known = trained(recipe, first), identity(recipe, first, DATA.identity)
    assert trained(recipe, first) == network
    changed = set()
    for key, changes in CHIPS.items():
        other = chip(changes)
        if trained(recipe, other) != network:
            changed.add(key)
            assert identity(recipe, other, DATA.identity) != known, f"{key} changes the network, not its identity"
        if key in never:
            assert identity(recipe, other, DATA.identity) == known, f"{key} would train the same network again"
    assert seen <= changed
    assert not changed & never


@pytest.mark.parametrize("key", RECIPES)
def test_every_field_of_every_table_counts(key: str, maps: None) -> None:
    first, on = Recipe().changed(RECIPE), chip({})
    table, field = key.split(".")
    value = Cells(**RECIPES[key]) if field == "cells" else RECIPES[key]
    value = tuple(value) if isinstance(value, list) else value

    def having(it: object) -> Recipe:
        part = getattr(first, table).model_copy(update={field: it})  # also what would be refused beside the others
        return first.model_copy(update={table: part})

    own = getattr(getattr(first, table), field)
    assert own != value
    assert identity(having(own), on, "x") == identity(first, on, "x")
    assert identity(having(value), on, "x") != identity(first, on, "x")


def test_the_layout_counts_for_trainings_through_converters() -> None:
    """It decides where rows are cut, which only converters see."""
    on = chip({})
    for converters in (False, True):
        recipe = Recipe().changed({**RECIPE, "quantize.converters": converters})
        other = recipe.changed({"compile.objective": "arrays"})
        assert (identity(recipe, on, "x") != identity(other, on, "x")) == converters


def test_of_slices_every_layers_count() -> None:
    on, first = chip({}), Recipe().changed(RECIPE)
    every = [1, 2, "free", {"fc1": 2}, {"fc2": 2}, {"fc1": 2, "fc2": 2}, {"fc1": "free"}]
    found = [identity(first.changed({"quantize.slices": slices}), on, "x") for slices in every]
    assert all(a != b for k, a in enumerate(found) for b in found[:k])


@pytest.mark.parametrize("field", CELLS)
def test_every_imperfection_counts_in_training_and_on_dies(field: str) -> None:
    on, ideal = chip({}), Cells(variation=0.2)
    other = ideal.model_copy(update={field: CELLS[field]})
    assert identity(Recipe().changed({"quantize.cells": other}), on, "x") != identity(
        Recipe().changed({"quantize.cells": ideal}), on, "x"
    )
    assert identity(Recipe(), on, "x", [other]) != identity(Recipe(), on, "x", [ideal])
    for key in ("arrays.rows", "arrays.columns", "device.headroom"):
        assert identity(Recipe(), chip(CHIPS[key]), "x", [other]) != identity(Recipe(), on, "x", [other])


def test_of_a_stuck_map_the_contents_count(maps: None) -> None:
    on, path = chip({}), Path("map.safetensors")
    first = identity(Recipe().changed({"quantize.stuck_map": "map.safetensors"}), on, "x")
    path.rename("moved.safetensors")
    assert identity(Recipe().changed({"quantize.stuck_map": "moved.safetensors"}), on, "x") == first
    path.write_bytes(b"other")
    assert identity(Recipe().changed({"quantize.stuck_map": "map.safetensors"}), on, "x") != first
    path.unlink()
    with pytest.raises(InputError) as caught:
        identity(Recipe().changed({"quantize.stuck_map": "map.safetensors"}), on, "x")
    assert str(caught.value) == (
        "map.safetensors: cannot be read (No such file or directory); give a .safetensors file of stuck cells"
    )


def test_the_data_count_with_their_shape() -> None:
    """Networks of one recipe on these bytes differ: convolutions, shifts and mirrors see how an image lies."""
    shapes = ((), (1, 4, 5), (1, 5, 4))
    sets = [Dataset("small", X, Y, X[:6], Y[:6], 3, shape) for shape in shapes]
    halves = [Dataset("small", X[:k], Y[:k], X[:6], Y[:6], 3) for k in (30, 60)]
    assert len({d.identity for d in [*sets, *halves]}) == 4
