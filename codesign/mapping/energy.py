"""Estimates of a plan's energy and programming time, each between two sources, for ranking and rough limits.

The analog macro is not simulated, so these are not exact as arrays and cycles are. Sources, all at 32 nm:

* converters: `low` as a SAR converter of NeuroSim (SarADC.cpp, LSTP), `high` as ISAAC's (Shafiee et al., ISCA 2016)
  scaled by resolution in CiMLoop's component library. They differ by a factor of seven.
* cells: `low` 1.8 fJ a cell and read (ISAAC's array, 0.3 mW at 128 x 128 and 100 ns), `high` 0.1 pJ (40 uS read at
  0.5 V for 10 ns, as NeuRRAM's: Wan et al., Nature 608, 504, 2022). Every cell of a tile counts, on or off.
* wordline drivers: 0.417 pJ a drive (ISAAC's one-bit DAC in the same library). Digital parts are not counted.
* programming: 8.52 pulses of 1 us a cell on average (NeuRRAM's write-verify), one cell after another.
"""

from dataclasses import dataclass

import numpy as np

from codesign.mapping import Plan

ADC_BITS = (4, 5, 6, 7, 8)
ADC_LOW_PJ = (0.11, 0.14, 0.17, 0.205, 0.24)  # 7 bits: between 6 and 8
ADC_HIGH_PJ = (0.79, 0.99, 1.20, 1.42, 1.67)
CELL_PJ = (0.0018, 0.1)
DRIVER_PJ = 0.417
PROGRAMMING_S = 8.52e-6  # a cell


@dataclass(frozen=True)
class Estimate:
    """Energy of one image in nJ between two sources, and seconds to program all cells."""

    energy_low_nj: float
    energy_high_nj: float
    programming_s: float


def estimate(plan: Plan) -> Estimate:
    """What a plan is likely to cost. Below 4 and above 8 converter bits, the figures of 4 and 8 bits are used."""
    drives = conversions = reads = 0
    for step in plan.steps:
        bits = step.input.bits * step.instances
        drives += bits * sum(s.rows for b in step.blocks for s in b.spans)
        for tile in step.tiles:
            for term in tile.terms:
                held = step.blocks[term.block].spans
                conversions += bits * tile.columns * len(held)
                reads += bits * 2 * tile.columns * sum(s.rows for s in held)
    low, high = (float(np.interp(plan.chip.adc.bits, ADC_BITS, pj)) for pj in (ADC_LOW_PJ, ADC_HIGH_PJ))
    both = [
        (conversions * adc + reads * cell + drives * DRIVER_PJ) / 1000
        for adc, cell in zip((low, high), CELL_PJ, strict=True)
    ]
    return Estimate(both[0], both[1], plan.outline.cells * PROGRAMMING_S)
