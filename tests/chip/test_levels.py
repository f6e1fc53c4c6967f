"""What rounding to codes makes of levels: by hand, at its bounds, and when it is warned of."""

import pytest

from codesign.chip.description import Chip, presets
from codesign.chip.device import Device
from codesign.chip.levels import LIMIT, Level, advice, levels, worst

MEASURED = (1.2, 14.8, 33.1, 50.4)  # microsiemens


def measured(**fields: float) -> Device:
    return Device.model_validate({"levels": 4, "spacing": "table", "table": MEASURED} | fields)


def test_measured_levels_in_two_bits() -> None:
    """By hand: a code is 50.4 / 3 = 16.8, so -1.2, 16.8 - 14.8, 33.6 - 33.1 of 50.4."""
    assert levels(measured(code_bits=2)) == (
        Level(0, 1.2, 0, 0.0, -2.380952381),
        Level(1, 14.8, 1, 16.8, 3.968253968),
        Level(2, 33.1, 2, 33.6, 0.992063492),
        Level(3, 50.4, 3, 50.4, 0.0),
    )


@pytest.mark.parametrize("name", presets())
def test_presets_are_exact(name: str) -> None:
    device = Chip.load(name).device
    assert [at.error for at in levels(device)] == [0.0] * device.levels
    assert advice(device) is None


def test_headroom_takes_codes_from_the_levels() -> None:
    """127 codes instead of 255: the same table is off by twice as much at most."""
    plain, roomy = measured(code_bits=8), measured(code_bits=8, headroom=1.0)
    assert (levels(plain)[-1].code, levels(roomy)[-1].code) == (255, 127)
    assert levels(roomy)[-1].represented == 50.4
    assert abs(worst(plain).error) < 50 / 255 < abs(worst(roomy).error) < 50 / 127


def test_advice_names_the_fewest_bits_that_do() -> None:
    assert advice(measured(code_bits=2)) == (
        "device.code_bits: with 2 bits level 1 is 4 % of full scale above its conductance, more than 1 %; "
        "with 6 bits no level is off by more than 0.79 %"
    )
    errors = {bits: abs(worst(measured(code_bits=bits)).error) for bits in range(2, 13)}
    assert errors[5] > LIMIT >= errors[6]
    assert [advice(measured(code_bits=b)) is None for b in errors] == [e <= LIMIT for e in errors.values()]
    below = Device(levels=2, spacing="table", table=(1.4, 100.0), code_bits=4)
    assert (advice(below) or "").startswith("device.code_bits: with 4 bits level 0 is 1.4 % of full scale below")


def test_the_most_bits_do_on_any_device() -> None:
    """What `advice` counts on, with the largest headroom: half a code of 255."""
    assert abs(worst(measured(code_bits=12, headroom=15.0)).error) <= 50 / 255 < LIMIT
