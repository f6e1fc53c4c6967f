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


@dataclass(frozen=True)
class Work:
    """What one image makes a step do: conversions, reads of a cell, drives of a wordline."""

    layer: str
    conversions: int
    reads: int
    drives: int

    def energy_nj(self, bits: int) -> dict[str, tuple[float, float]]:
        """(low, high) energy by what takes it, for converters of so many bits."""
        adc = converter_pj(bits)
        return {
            "converters": (self.conversions * adc[0] / 1000, self.conversions * adc[1] / 1000),
            "cells": (self.reads * CELL_PJ[0] / 1000, self.reads * CELL_PJ[1] / 1000),
            "wordline drivers": (self.drives * DRIVER_PJ / 1000,) * 2,
        }


def converter_pj(bits: int) -> tuple[float, float]:
    """(low, high) energy of a conversion. Below 4 and above 8 bits, the figures of 4 and 8 bits are used."""
    return float(np.interp(bits, ADC_BITS, ADC_LOW_PJ)), float(np.interp(bits, ADC_BITS, ADC_HIGH_PJ))


def work(plan: Plan) -> tuple[Work, ...]:
    """What one image makes every step that has a matrix do."""
    found = []
    for step in plan.steps:
        if step.is_vector:
            continue
        bits = step.input.bits * step.instances
        conversions = reads = 0
        for tile in step.tiles:
            for term in tile.terms:
                held = step.blocks[term.block].spans
                conversions += bits * tile.columns * len(held)
                reads += bits * 2 * tile.columns * sum(s.rows for s in held)
        drives = bits * sum(s.rows for b in step.blocks for s in b.spans)
        found.append(Work(step.layer, conversions, reads, drives))
    return tuple(found)


def estimate(plan: Plan) -> Estimate:
    """What a plan is likely to cost."""
    done = work(plan)
    conversions, reads, drives = (sum(getattr(w, k) for w in done) for k in ("conversions", "reads", "drives"))
    both = [
        (conversions * adc + reads * cell + drives * DRIVER_PJ) / 1000
        for adc, cell in zip(converter_pj(plan.chip.adc.bits), CELL_PJ, strict=True)
    ]
    return Estimate(both[0], both[1], plan.outline.cells * PROGRAMMING_S)
