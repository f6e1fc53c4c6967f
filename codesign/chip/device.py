"""The cell: its levels and the conductance code of each."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from codesign.checked import rule, rules
from codesign.chip.part import Part
from codesign.fixed import clog2
from codesign.settings import Int


class Device(Part):
    """One cell: its levels and the conductance code of each. g_on is the conductance of the highest level."""

    levels: Annotated[Int, Field(ge=2, le=256)] = Field(description="levels a cell can be programmed to")
    spacing: Literal["conductance", "resistance", "table"] = Field(
        "conductance",
        description="where the levels lie: conductance, evenly from g_off to g_on; resistance, evenly in 1/g; "
        "table, as measured",
    )
    on_off_ratio: Annotated[float, Field(gt=1)] | None = Field(
        None,
        description="g_on / g_off, a ratio; absent: an off cell conducts nothing. Required with resistance, "
        "not allowed with table",
    )
    table: tuple[Annotated[float, Field(ge=0)], ...] | None = Field(
        None,
        description="measured conductance of each level, rising, in any unit (only ratios matter); "
        "required with spacing = table, not allowed otherwise",
    )
    code_bits: Annotated[Int, Field(ge=1, le=12)] = Field(
        description="bits of a conductance code, the unsigned integer that stands for a level's conductance; "
        "without headroom g_on is the largest code. `codesign chip check` shows what rounding to codes costs"
    )
    headroom: Annotated[float, Field(ge=0, le=15)] = Field(
        0.0,
        description="codes kept free above g_on, as a share of g_on: room for cells that conduct more than their level",
    )

    @rule
    def _table_or_formula(self) -> str | None:
        told = 'table: required with spacing = "table", not allowed otherwise'
        return told if (self.spacing == "table") != (self.table is not None) else None

    @rule
    def _ratio_once(self) -> str | None:
        twice = self.table is not None and self.on_off_ratio is not None
        return "on_off_ratio: the table says it already; remove one of them" if twice else None

    @rule
    def _conductance_of_every_level(self) -> str | None:
        if self.table is None or len(self.table) == self.levels:
            return None
        return f"table: must list {self.levels} conductances (levels), got {len(self.table)}"

    @rule
    def _conductances_rise(self) -> str | None:
        if self.table is None or list(self.table) == sorted(set(self.table)):
            return None
        return "table: conductances must rise from level to level"

    @rule
    def _resistance_of_an_off_cell(self) -> str | None:
        lacks = self.spacing == "resistance" and self.on_off_ratio is None
        return 'on_off_ratio: required when spacing = "resistance"' if lacks else None

    @rule
    def _levels_differ(self) -> str | None:
        if any(judge(self) for judge in rules(Device) if judge is not Device._levels_differ):
            return None  # no codes follow from such a device
        if len(set(self.codes)) == self.levels:
            return None
        return (
            f"code_bits: {self.code_bits} bits cannot tell {self.levels} levels apart, "
            f"codes would be {list(self.codes)}, raise code_bits"
        )

    @property
    def conductances(self) -> tuple[float, ...]:
        """Nominal conductance of each level, rising: as the table says, otherwise in units of g_on."""
        if self.table is not None:
            return self.table
        off = 1.0 / self.on_off_ratio if self.on_off_ratio else 0.0
        if self.spacing == "conductance":
            return tuple(np.linspace(off, 1.0, self.levels).tolist())
        return tuple((1.0 / np.linspace(1.0 / off if off else np.inf, 1.0, self.levels)).tolist())

    @property
    def codes(self) -> tuple[int, ...]:
        """Conductance code of each level, rising; unsigned, of `code_bits` bits."""
        g = np.asarray(self.conductances)
        top = int(((1 << self.code_bits) - 1) / (1 + self.headroom))
        if self.spacing == "conductance" and self.on_off_ratio is None:
            unit = max(1, top // (self.levels - 1))  # keeps an ideal device exactly uniform
            return tuple(min(top, unit * k) for k in range(self.levels))
        return tuple(int(c) for c in np.rint(g / g[-1] * top))

    @property
    def level_bits(self) -> int:
        """Bits of a stored level."""
        return clog2(self.levels)

    @property
    def pairs(self) -> dict[int, tuple[int, int]]:
        """Levels (+, -) of every weight a differential pair can hold, rising; the pair that conducts least wins."""
        table: dict[int, tuple[int, int]] = {}
        codes = self.codes
        for plus in range(self.levels):
            for minus in range(self.levels):
                weight = codes[plus] - codes[minus]
                best = table.get(weight)
                if best is None or codes[plus] + codes[minus] < codes[best[0]] + codes[best[1]]:
                    table[weight] = (plus, minus)
        return dict(sorted(table.items()))

    @property
    def weights(self) -> tuple[int, ...]:
        """Every weight a differential pair can hold: all differences of two codes, rising."""
        return tuple(self.pairs)
