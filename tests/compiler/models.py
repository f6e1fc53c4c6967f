"""What the compiler is tried with."""

from typing import Any

import numpy as np
import pytest

import codesign
from codesign.chip.description import Chip
from codesign.errors import CodesignError, InputError

TINY, REFERENCE = Chip.load("tiny"), Chip.load("reference-128")


SIZES = (20, 8, 4)


COARSE = TINY.model_copy(update={"adc": TINY.adc.model_copy(update={"bits": 3})})


REAL = np.random.default_rng(0).random((80, 20)).astype(np.float32)


FINE = Chip.parse(
    """
    name = "fine"
    arrays = {count = 8, rows = 32, columns = 32}
    device = {levels = 64, code_bits = 6}
    adc = {bits = 12, lanes = 8}
    """
)


def refused(
    model: Any, calibration: Any, chip: Chip = TINY, kind: type[CodesignError] = InputError, **options: Any
) -> str:
    with pytest.raises(CodesignError) as caught:
        codesign.compile(model, calibration, chip, **options)
    assert type(caught.value) is kind
    return str(caught.value)
