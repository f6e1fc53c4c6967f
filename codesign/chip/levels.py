"""The levels of a device after rounding to conductance codes."""

from dataclasses import dataclass

from codesign.chip.device import Device

# Percent of g_on. Six code bits stay below it on any device. Above it, the codes that training sees differ from the
# measured conductances by more than a tenth of the variation (10 % of g_on) under which trained networks were tested,
# and in the same way on every die.
LIMIT = 1.0


@dataclass(frozen=True)
class Level:
    """A level and the conductance that its code represents. Conductances are in the unit of the table, or of g_on."""

    level: int
    nominal: float
    code: int
    represented: float
    error: float  # represented less nominal, percent of full scale, which is g_on


def levels(device: Device) -> tuple[Level, ...]:
    """Every level of a device, rising. One code is g_on / (code of g_on), so that g_on itself has no error."""
    nominal, codes = device.conductances, device.codes
    on, top = nominal[-1], codes[-1]
    return tuple(
        Level(k, g, code, code * on / top, round(100 * (code / top - g / on), 9) + 0.0)  # + 0.0: no -0.0
        for k, (g, code) in enumerate(zip(nominal, codes, strict=True))
    )


def worst(device: Device) -> Level:
    """The level that rounding moves furthest; the lowest of them."""
    return max(levels(device), key=lambda at: abs(at.error))


def advice(device: Device) -> str | None:
    """A line that says how to bring the rounding error below LIMIT; None if it is."""
    at = worst(device)
    if abs(at.error) <= LIMIT:
        return None
    sides = "above" if at.error > 0 else "below"
    enough, left = next(
        (bits, off)
        for bits in range(device.code_bits + 1, 13)  # at 12, the most, it is below 0.2 % on any device
        if (off := abs(worst(device.model_copy(update={"code_bits": bits})).error)) <= LIMIT
    )
    return (
        f"device.code_bits: with {device.code_bits} bits level {at.level} is {abs(at.error):.2g} % of full scale "
        f"{sides} its conductance, more than {LIMIT:g} %; with {enough} bits no level is off by more than {left:.2g} %"
    )
