"""Every flow that travels with codesign fits its chip, at the cost that its README tells."""

import re
from pathlib import Path

import pytest

from codesign import resources
from codesign.errors import ConfigError
from codesign.flow import Flow, presets
from codesign.mapping import Plan, plan, predict
from codesign.train.outline import outline_of

README = Path(__file__).parents[1] / "flows" / "README.md"
SHAPES = {"digits": (1, 8, 8), "mnist": (1, 28, 28), "cifar10": (3, 32, 32)}  # ten classes each


def planned(name: str, objective: str = "cycles", *sets: str) -> Plan:
    flow = Flow.load(name, sets)
    network = outline_of(flow, flow.network.layers(10), SHAPES[flow.data.dataset], flow.chip)
    return plan(network, flow.chip, objective)


@pytest.mark.parametrize("name", presets())
def test_it_fits_on_as_many_arrays_as_are_told(name: str) -> None:
    found = planned(name)
    told = re.search(rf"^\| `{name}\.toml` \|.* (\d+) of (\d+) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert told is not None and (found.arrays, found.chip.arrays.count) == (int(told[1]), int(told[2]))


@pytest.mark.parametrize(("name", "most"), [("mnist_lenet", 18), ("cifar_lenet", 15), ("cifar_resnet20", 34)])
def test_convolutional_networks_share_arrays_and_wait_for_converters(name: str, most: int) -> None:
    assert planned(name, "arrays", "quantize.slices=1").arrays <= most
    cycles = predict(planned(name))
    assert cycles.bound < cycles.interval <= 1.02 * cycles.bound


@pytest.mark.parametrize(
    ("source", "end"),
    [
        ("digits_mpl", "mnist_mlp, my_die; did you mean digits_mlp?"),
        ("flows/digits_mlp.toml", "mnist_mlp, my_die; did you mean digits_mlp?"),  # outside a checkout
        ("Digits_MLP", "mnist_mlp, my_die; did you mean digits_mlp?"),
        ("thesis", "mnist_mlp, my_die"),
    ],
)
def test_a_slip_names_the_preset_it_resembles(
    source: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as e:
        resources.read("flow", source)
    assert str(e.value).endswith(end)
