"""Random chips, each running random networks: the Verilog is right for any geometry, not just the presets."""

import numpy as np
import pytest

from tests.hdl.random_chips import check, features, random_chip, random_program
from tests.tools import needs


def run(seed: int, networks: int, simulator: str) -> None:
    rng = np.random.default_rng(seed)
    chip = random_chip(rng)
    for _ in range(networks):
        check(rng, *random_program(rng, chip, 4), simulator)


FEW = (5, 37, 50)


def test_a_few_show_every_feature() -> None:
    found = []
    for seed in FEW:
        rng = np.random.default_rng(seed)
        found.append(features(random_program(rng, random_chip(rng), 4)[0]))
    assert len(set.union(*found)) == 9 and min(map(len, found)) >= 5, found


@pytest.mark.parametrize("seed", [s if s == 37 else pytest.param(s, marks=pytest.mark.slow) for s in FEW])
def test_a_few(seed: int) -> None:
    run(seed, 1, "icarus")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_many(seed: int) -> None:
    run(seed, 2, "icarus")


@pytest.mark.slow
@needs("verilator")
@pytest.mark.parametrize("seed", range(100, 112))  # a build each
def test_in_verilator(seed: int) -> None:
    run(seed, 4, "verilator")
