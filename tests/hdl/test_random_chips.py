"""Random chips, each running random networks: the Verilog is right for any geometry, not just the presets."""

import numpy as np
import pytest

from tests.hdl.random_chips import check, random_chip, random_program
from tests.tools import needs


def run(seed: int, networks: int, simulator: str) -> None:
    rng = np.random.default_rng(seed)
    chip = random_chip(rng)
    for _ in range(networks):
        check(rng, *random_program(rng, chip, 4), simulator)


@pytest.mark.parametrize("seed", [8, 103, 131])  # with hidden layers; 2, 2 and 6 units in a word
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
