"""Questions of convolutional networks: their axes, their prices, their trainings."""

from pathlib import Path
from typing import Any

import pytest
import torch

from codesign.chip.description import Chip
from codesign.compiler import compile
from codesign.errors import ConfigError
from codesign.flow import Flow
from codesign.report import Metrics
from codesign.search import load, optimize
from codesign.search.answer import scaled
from codesign.search.axes import Layers
from codesign.search.context import Context
from codesign.search.cost import Cost, Facts, Pricer
from codesign.search.describe import Limits
from codesign.search.run import Progress
from codesign.search.site import Site
from codesign.search.space import Candidate, space
from codesign.train.build import build
from codesign.train.export import export
from tests.report.example import example
from tests.search.toy import opened, toy

CNN = """\
name = "toy"
question = "Which?"
chip = "tiny"
set = { "chip.arrays.count" = 60, "chip.memory.loads" = 4096, "chip.memory.activation_words" = 64 }

[data]
dataset = "digits"

[network]
model = "cifar_lenet"

[free]
"network.channels" = { depth = [1, 2], widths = [3, 6, 9] }
"network.kernel" = [1, 3, 5]

[search]
validation = 300
"""
SHAPE = (2, 8, 8)


def pricer(folder: Path, *sets: str) -> Pricer:
    return Pricer(toy(folder, *sets, text=CNN).base(), Limits(), {1: Facts(SHAPE, 10), 2: Facts((2, 4, 4), 10)})


def candidate(*channels: int, kernel: int = 3, **more: Any) -> Candidate:
    settings = {"network.channels": channels, "network.kernel": kernel}
    return Candidate(tuple((settings | {k.replace("_", "."): v for k, v in more.items()}).items()))


class TestPrice:
    @pytest.mark.parametrize("objective", ["cycles", "arrays"])
    @pytest.mark.parametrize(
        ("model", "channels", "kernel", "hidden"),
        [
            ("lenet", (5,), 3, (7,)),
            ("lenet", (4,), 5, ()),
            ("cifar_lenet", (3,), 5, ()),
            ("cifar_lenet", (3, 9), 3, ()),
            ("cifar_lenet", (6, 3, 5), 1, (9,)),
        ],
    )
    @pytest.mark.parametrize("slices", [1, {"conv1": 2}, "free"], ids=str)
    def test_as_the_compiler_says(
        self,
        tmp_path: Path,
        model: str,
        channels: tuple[int, ...],
        kernel: int,
        hidden: tuple[int, ...],
        slices: Any,
        objective: str,
    ) -> None:
        price = pricer(tmp_path, f"network.model={model}", f"compile.objective={objective}")
        one = candidate(*channels, kernel=kernel, network_hidden=hidden, quantize_slices=slices)
        cost, recipe, chip = price(one), price.recipe(one), price.base.chip
        network = export(build(recipe, recipe.network.layers(10), SHAPE, chip, torch.Generator()), "net")
        program = compile(network, None, chip, objective=objective)
        assert cost.fits
        assert (cost.interval, cost.latency) == (program.cycles.interval, program.cycles.latency)
        assert cost.activation_words == program.mapping.plan.activation_words
        assert (cost.arrays, cost.lower_bound) == (program.arrays_used, program.arrays_lower_bound)

    @pytest.mark.parametrize("slices", [1, {"conv1": 2, "s1b1_conv2": 3}, "free"], ids=str)
    @pytest.mark.parametrize(("channels", "blocks"), [((3,), 1), ((3, 5), 2), ((2, 3, 4), 1)])
    def test_of_residual_networks(self, tmp_path: Path, channels: tuple[int, ...], blocks: int, slices: Any) -> None:
        chip = (
            "set.chip.arrays.count=200",
            "set.chip.memory={ activation_words = 1024, input_words = 512, loads = 4096 }",
        )
        question = toy(tmp_path, "network.model=resnet", *chip, text=CNN)
        price = Pricer(question.base(), Limits(), {1: Facts((2, 32, 32), 10)})
        one = candidate(*channels, network_blocks=blocks, quantize_slices=slices)
        cost, recipe, chip_of = price(one), price.recipe(one), price.base.chip
        network = export(build(recipe, recipe.network.layers(10), (2, 32, 32), chip_of, torch.Generator()), "net")
        program = compile(network, None, chip_of)
        assert (cost.fits, cost.misses) == (True, ())
        assert (cost.interval, cost.latency) == (program.cycles.interval, program.cycles.latency)
        assert (cost.arrays, cost.lower_bound) == (program.arrays_used, program.arrays_lower_bound)

    @pytest.mark.parametrize(
        ("shape", "channels", "why"),
        [
            ((1, 32, 32), 1023, None),
            ((1, 32, 32), 1024, None),  # its last pooling takes two steps
            (
                (1, 32, 65),
                1023,
                "layer s1b1_conv1: pads a picture, and a row of the picture has 66495 activations, a chip counts up to "
                "65535 there; make that smaller or do not pad",
            ),
        ],
    )
    def test_of_what_no_chip_counts(self, shape: tuple[int, ...], channels: int, why: str | None) -> None:
        wide = {"activation_words": 65535, "input_words": 4096, "loads": 4096, "constants": 4096, "tiles": 4096}
        chip = ["chip.arrays={ count = 900, rows = 256, columns = 256 }", "chip.memory.operands=256"]
        chip += [f"chip.memory.{key}={most}" for key, most in wide.items()]
        base = Flow.load("cifar_resnet20", ["network.blocks=1", *chip])
        cost = Pricer(base, Limits(), {1: Facts(shape, 10)})(candidate(channels))
        assert cost.fits is (why is None)
        assert [str(miss) for miss in cost.misses] == ([] if why is None else [why])

    def test_of_smaller_pictures(self, tmp_path: Path) -> None:
        price = pricer(tmp_path)
        large, small = price(candidate(6)), price(candidate(6, data_downsample=2))
        assert large.interval > 3.5 * small.interval > 0  # type: ignore[operator]

    @pytest.mark.parametrize(
        ("one", "expected"),
        [
            (
                candidate(3, 3, 3, 3),
                "layer conv4: a 1x1 image is too small for its 3x3 window and pooling by 2; use larger images or "
                "another model",
            ),
            (
                candidate(9, kernel=1),
                "layer conv1: its 144 activations need words 0..8, memory.activation_words is 8; raise it to 9 or "
                "narrow the layer",
            ),
            (candidate(3, kernel=2), "kernel: must be odd for a cifar_lenet, which pads by half of it, got 2"),
        ],
    )
    def test_what_cannot_be(self, tmp_path: Path, one: Candidate, expected: str) -> None:
        (miss,) = pricer(tmp_path, "set.chip.memory.activation_words=8")(one).misses
        assert (miss.limit, str(miss).removeprefix("Value error, ")) == ("placement", expected)


class TestSpace:
    def test_channels_depth_and_kernels(self, tmp_path: Path) -> None:
        found = space(toy(tmp_path, text=CNN))
        assert found.size == (3 + 9) * 3
        start = candidate(6, kernel=3)
        near = [c for _, c in found.beside(start)]
        assert near == [candidate(3), candidate(9), candidate(6, 6), candidate(6, kernel=1), candidate(6, kernel=5)]

    @pytest.mark.parametrize(
        ("kernels", "widths"),
        [
            ("free.network.kernel=[1]", (8, 16, 20)),  # 8 columns, 16 rows
            ("free.network.kernel=[3]", (1, 3, 5, 7, 8, 10, 12, 14, 16, 17, 19, 20)),  # 9 rows a channel
            ("free.network.kernel=[1, 5]", tuple(range(1, 21))),
        ],
    )
    def test_edges_count_the_kernels_rows(self, tmp_path: Path, kernels: str, widths: tuple[int, ...]) -> None:
        found = space(toy(tmp_path, "free.network.channels={ most = 20 }", kernels, text=CNN))
        assert found.axes[0] == Layers("network.channels", (1,), widths)

    def test_residual_networks(self, tmp_path: Path) -> None:
        """Kernels of 3 x 3 whatever `network.kernel` says; blocks are an axis beside the stages' channels."""
        sets = ("network.model=resnet", "free.network.channels={ depth = [1, 2], most = 20 }")
        question = toy(tmp_path, *sets, text=CNN.replace('"network.kernel" = [1, 3, 5]', '"network.blocks" = [1, 2]'))
        found = space(question)
        widths = (1, 3, 5, 7, 8, 10, 12, 14, 16, 17, 19, 20)
        assert found.axes[0] == Layers("network.channels", (1, 2), widths)
        start = Candidate((("network.channels", (8,)), ("network.blocks", 1)))
        assert Candidate((("network.channels", (8,)), ("network.blocks", 2))) in [c for _, c in found.beside(start)]

    def test_no_channels_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"network\.channels: a cifar_lenet needs at least one"):
            space(toy(tmp_path, "free.network.channels={ depth = [0, 1], widths = [4] }", text=CNN))


class TestUniform:
    def test_channels_and_hidden_layers_by_one_factor(self, tmp_path: Path) -> None:
        sets = ("uniform.channels=[2, 4]", "uniform.hidden=[8]", "uniform.set.network.kernel=1")
        context, _ = opened(toy(tmp_path, *sets, text=CNN), tmp_path / "out", arrays=12)
        found = scaled(context)
        assert found is not None
        (first, second), (hidden,) = found["network.channels"], found["network.hidden"]
        assert (first, second, found["network.kernel"]) == (round(hidden / 4), round(hidden / 2), 1)
        more = Candidate(tuple((k, tuple(w + 4 for w in v) if k != "network.kernel" else v) for k, v in found.settings))
        assert context.pricer(found).fits and not context.pricer(more).fits

    def test_of_no_layers_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            toy(tmp_path, "uniform.set.network.kernel=1", text=CNN)
        assert str(caught.value) == (
            f"{tmp_path}/toy.toml: uniform.hidden: has no layers to scale, and neither has channels; give one of "
            "them, or both"
        )


@pytest.mark.slow
def test_the_question_of_cifar_in_its_quick_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained for real; only the winner's simulation is left out."""
    built: list[Candidate] = []

    def build(context: Context, site: Site, winner: Candidate, home: Path, show: Progress) -> tuple[Metrics, str]:
        built.append(winner)
        home.mkdir(parents=True)
        return example(), "codesign run flow.toml --out DIR"

    monkeypatch.setattr("codesign.search.answer.build", build)
    (point,) = optimize(load("cifar", quick=True), tmp_path / "out")
    assert point.answer is not None and point.answer.uniform is not None
    found = point.answer.found
    assert found.fitting == 12 and len(found.tried) >= 3
    asked = [*(t.candidate for t in found.tried), *(s.candidate for s in found.finalists)]
    assert {len(c["network.channels"]) for c in asked} == {1, 2}
    assert built == [found.winner] and point.answer.winner.mean > 50
    cost: Cost = found.context.pricer(found.winner)
    assert cost.fits and cost.arrays <= 4 == found.context.base.chip.arrays.count
    assert Chip.of("cnn-128").arrays.count == 40


def test_the_question_of_cifar_holds_the_network_of_the_paper(tmp_path: Path) -> None:
    question = load("cifar")
    base = question.base([("chip.arrays.count", question.limits.arrays)])
    price = Pricer(base, question.limits, {1: Facts((3, 32, 32), 10)})
    one = candidate(32, 32, 64, kernel=5)
    assert one in set(space(question)) and price(one).fits
