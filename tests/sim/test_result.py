"""What a simulation returns, without simulating."""

from inspect import signature

import numpy as np
import pytest

from codesign.errors import InputError
from codesign.sim import Mismatch, Pauses, Result, simulate

WRONG = Mismatch(3, "fc1", 5, 1, 5, 7, 8)
RESULT = Result(np.zeros((4, 2), np.int64), [67, 80, 93, 106], 49, (WRONG,), 0, 0.5)


def test_latency_is_the_first_images() -> None:
    assert RESULT.latency == RESULT.cycles == 67


def test_mismatches_name_the_command_that_shows_them_again() -> None:
    plain = "image 3: layer fc1 output 5 (array 1, column 5): expected 7, got 8"
    assert str(RESULT.mismatches[0]) == plain
    named = RESULT.reproduced_by("codesign simulate build")
    assert str(named.mismatches[0]) == f"{plain}; reproduce: codesign simulate build --image 3"
    assert str(RESULT.mismatches[0]) == plain
    assert named.outputs is RESULT.outputs


def test_pauses() -> None:
    assert not Pauses().any and not Pauses(seed=3).any
    assert Pauses(input=0.1).any and Pauses(output=0.1).any
    with pytest.raises(InputError) as caught:
        Pauses(0.5, 0.95)
    assert str(caught.value) == ("simulate: pauses must lie in 0..0.9, got 0.5 and 0.95; give shares of idle cycles")


def test_the_signature_holds_nothing_of_the_command_line() -> None:
    names = list(signature(simulate).parameters)
    assert names[:3] == ["program", "x", "simulator"]
    assert len(names) <= 10 and "reproduce" not in names
