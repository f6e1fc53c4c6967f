"""Random networks of convolutions, pooling and sums on Verilog: one small chip, and chips of any geometry."""

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.fixed import INT32, Ints, IntType
from codesign.ir import AvgPool, Conv, Linear, MaxPool, Network, Requant, verify
from codesign.mapping import place, stream
from codesign.mapping.pipeline import Core
from codesign.program import Program
from codesign.sim import simulate
from tests.hdl.random_chips import check, telling
from tests.hdl.random_pictures import FEATURES, features, random_picture_chip, random_pictures
from tests.tools import needs

SMALL = Chip.parse(
    """
    name = "small"
    arrays = {count = 12, rows = 14, columns = 10}
    device = {levels = 4, code_bits = 4}
    adc = {bits = 6, lanes = 3}
    activation = {bits = 5}
    memory = {word = 16, activation_words = 60, input_words = 32, loads = 256, operands = 2}
    bus = {stream_bytes = 2}
    """
)
SEEDS = [3, 21, 246, 277, 321, 352, 447, 523, 549, 578, 590, 683]
SEEDS += [736, 794, 806, 839, 918, 922, 970, 1098, 1168, 1183, 1238, 1285]


@cache
def made(seed: int) -> tuple[Program, Ints]:
    """A network for `SMALL` and two images."""
    return random_pictures(np.random.default_rng(seed), SMALL, 2, most=120)


def test_the_seeds_show_every_feature() -> None:
    seen = Counter(name for seed in SEEDS for name in features(made(seed)[0]))
    assert min(seen[name] for name in FEATURES) >= 5, seen


def compared(program: Program, x: Ints, simulator: str, load: str = "backdoor") -> None:
    """Words and cycles are those of the reference, which is the network where converters are left out."""
    where = f"{simulator}, {program.chip}, {program.network}"
    assert telling(program, x), "hardware that computes nothing would pass"
    assert (program.run(x, adc=False) == program.network.run(x)).all(), where
    result = simulate(program, x, simulator, load=load)
    assert result.mismatches == () and result.timing_errors == 0 and result.images == len(x), where


@pytest.mark.parametrize("seed", SEEDS)
def test_networks(seed: int) -> None:
    """All on one build."""
    compared(*made(seed), "icarus", load="bus" if seed == SEEDS[0] else "backdoor")


IN_PARTS = [4, 12, 65, 261]  # more seeds


def parts_of_vectors(program: Program) -> set[str]:
    """The kinds of layers without a matrix that take several steps; "padded", "rest" where one has that."""
    many = [n for n in program.mapping.layers if n.size.is_vector and n.size.part]
    found = {n.node.kind for n in many} | {"features" for n in many if len(n.source) == 1}
    found |= {"padded" for n in many if n.size.places and any(n.size.places.window.padding)}
    return found | {"rest" for n in many if n.size.outputs % program.chip.adc.lanes}


@pytest.fixture
def one_lane_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chips that combine no more channels in a step than they have lanes."""
    monkeypatch.setattr("codesign.mapping.parts.CHANNELS", SMALL.adc.lanes)


def test_more_channels_than_a_step_combines(one_lane_group: None) -> None:
    seen = Counter[str]()
    for seed in IN_PARTS:
        program, x = random_pictures(np.random.default_rng(seed), SMALL, 2, most=120)
        seen.update(parts_of_vectors(program))
        compared(program, x, "icarus")
    assert set(seen) == {"add", "avgpool", "maxpool", "features", "padded", "rest"}, seen


@pytest.mark.slow
def test_a_pooling_wider_than_an_entry_counts() -> None:
    """The real limit: 1,100 channels in two steps of 1,016 and 84."""
    rng, count = np.random.default_rng(0), 1100
    first = Requant(rng.integers(2, 9, count), rng.integers(-300, 300, count), 3, IntType(8))
    mean = Requant(rng.integers(60, 90, count), rng.integers(-99, 99, count), 8, IntType(8))
    raw = Requant(np.ones(4, np.int64), np.zeros(4, np.int64), 0, INT32)
    nodes = (
        Conv("conv", "input", rng.integers(-1, 2, (count, 3, 1, 1)).astype(np.int32), first),
        AvgPool("pool", "conv", 2, 2, mean),
        Linear("fc", "pool", rng.integers(-1, 2, (count, 4)).astype(np.int32), raw),
    )
    wide = Chip.load("reference-128").model_dump(mode="json")
    wide["arrays"]["count"] = 32
    wide["memory"] |= {"activation_words": 64, "tiles": 64, "constants": 1024}
    network = verify(Network("wide", 12, IntType(8), nodes, shape=(3, 2, 2)))
    program = Program(place(network, Chip.model_validate(wide)))
    assert [s.outputs for s in program.mapping.steps if s.is_vector] == [1016, 84]
    compared(program, rng.integers(0, 256, (2, 12)), "icarus")


def weights(rng: np.random.Generator, size: tuple[int, ...]) -> NDArray[np.int32]:
    return rng.choice(SMALL.device.weights, size).astype(np.int32)


def test_a_global_average_of_more_operands_than_places() -> None:
    """64 values of each channel; two lane groups of them wait at a time."""
    rng, ones = np.random.default_rng(0), np.ones(4, np.int64)
    first = Requant(np.array([2, 3, -2, 3]), 500 * ones, 5, IntType(5))
    raw = Requant(ones, 0 * ones, 0, INT32)
    nodes = (
        Conv("conv", "input", weights(rng, (4, 1, 1, 1)), first),
        AvgPool("pool", "conv", 8, 8, Requant(np.array([8, 9, 7, 8]), 5 * ones, 9, IntType(5))),
        Linear("fc", "pool", weights(rng, (4, 4)), raw),
    )
    network = verify(Network("global", 64, IntType(4), nodes, shape=(1, 8, 8)))
    program = Program(place(network, SMALL))
    assert [len(s.loads) for s in program.mapping.steps if s.is_vector] == [64]
    compared(program, rng.integers(0, 16, (2, 64)) // np.array([[1], [3]]), "icarus")


def test_blocks_of_the_input_wait_for_their_own_channels() -> None:
    """A kernel as large as its picture: each of four channels is loaded as soon as it has come, none with the first."""
    rng, ones = np.random.default_rng(0), np.ones(4, np.int64)
    nodes = (
        Conv("deep", "input", weights(rng, (4, 1, 4, 3)), Requant(ones, 300 * ones, 4, IntType(5)), groups=4),
        Linear("fc", "deep", weights(rng, (4, 3)), Requant(ones[:3], 0 * ones[:3], 0, INT32)),
    )
    program = Program(place(verify(Network("own", 48, IntType(4), nodes, shape=(4, 4, 3))), SMALL))
    assert [(s.walk.source, s.whole_input) for s in program.mapping.steps] == [(0, False), (36, False), (0, False)]
    compared(program, rng.integers(0, 16, (3, 48)), "icarus")


def test_converters_pass_over_vector_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """All layers read the first one, so that the loads of the last are early, and its converters wait."""
    rng, ones = np.random.default_rng(0), np.ones(3, np.int64)
    hidden, raw = Requant(np.array([2, 3, -2]), 500 * ones, 6, IntType(5)), Requant(ones, 0 * ones, 0, INT32)
    first = Conv("first", "input", weights(rng, (3, 8, 1, 1)), hidden)
    nodes = (
        first,
        replace(first, name="long", source="first", weight=weights(rng, (3, 3, 1, 1))),
        *(MaxPool(f"copy{k}", "first", 1, 1) for k in range(2)),
        Linear("fc", "first", weights(rng, (3, 3)), raw),
    )
    program = Program(place(verify(Network("early", 8, IntType(4), nodes, shape=(8, 1, 1))), SMALL))
    found = stream(program.mapping, 4)
    with monkeypatch.context() as other:
        other.setattr(Core, "skipped", Never(), raising=False)
        assert stream(program.mapping, 4) != found, "they need not wait"
    compared(program, rng.integers(0, 16, (3, 8)), "icarus")


class Never:
    """An attribute that stays 0."""

    def __get__(self, core: object, kind: type) -> int:
        return 0

    def __set__(self, core: object, value: int) -> None:
        pass


def several(seed: int, networks: int, simulator: str, patch: pytest.MonkeyPatch) -> None:
    """Networks on a random chip; the first one also with pauses and on a die. Some chips combine few channels."""
    rng = np.random.default_rng(seed)
    chip = random_picture_chip(rng)
    if seed % 3 == 0:
        patch.setattr("codesign.mapping.parts.CHANNELS", chip.adc.lanes * (1 + seed % 2))
    check(rng, *random_pictures(rng, chip, 3), simulator)
    for _ in range(networks - 1):
        compared(*random_pictures(rng, chip, 2), simulator)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200, 260))
def test_many(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    several(seed, 5, "icarus", monkeypatch)


@pytest.mark.slow
@needs("verilator")
@pytest.mark.parametrize("seed", range(200, 205))  # a build each
def test_in_verilator(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    several(seed, 10, "verilator", monkeypatch)
