"""What cells hold after programming, as conductance codes.

Order: a cell gets its level's conductance with a deviation of its own, may then be stuck, is seen through the wires,
and finally becomes a code. Training (`codesign.train.layers.noise`) and dies (`codesign.Die.draw`) keep the same order.

Sources, and sizes to start from:

* `normal`: the same deviation at every level, as CrossSim's NormalIndependentDevice (sandialabs/cross-sim:
  simulator/devices/generic_device.py). NeuRRAM measured 0.7 to 2.3 uS one second after programming and up to 3.9 uS
  a day later, of 40 uS (Wan et al., Nature 608, 504, 2022): variation 0.02 to 0.1.
* `lognormal`: what filamentary cells show, above all in their high-resistance state (Karpov and Niraula, Log-normal
  Statistics in Filamentary RRAM Devices and Related Systems, IEEE Electron Device Letters, 2017).
* stuck cells: about 10 % in a first 4-Mb HfO2 chip (Chen et al., IEEE Transactions on Computers 64, 180, 2015);
  MNSIM assumes 0.1 % of either kind.
* read noise: about 1 % of g_on per cell and read (IBM/aihwkit), so 0.01 times the square root of the cells that
  conduct; add the converter's own.
* wires: 2.8 ohm a cell (MNSIM).
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from codesign.brief import Brief
from codesign.chip.device import Device
from codesign.errors import InputError

Share = Annotated[float, Field(ge=0, le=1)]
DRAWS = 2  # the rule by which seeds become deviations; what was measured by another one is not reused
CODES_PER_LEVEL = 8  # codes between neighbouring levels, on average, needed to represent a deviation
MAX_CODE = (1 << 12) - 1  # finest codes a device can have


class Cells(Brief, BaseModel):
    """Imperfections of cells and reads. All zero: ideal.

    `normal` variation adds a deviation of the same size to every cell, off cells too; no conductance falls below 0.
    `lognormal` multiplies: the median stays at the level, and cells that conduct nothing stay at 0. Read noise
    belongs to a conversion, not to a die.

    Usage:

    >>> import codesign
    >>> codesign.Cells(variation=0.1, stuck_off=0.01)
    Cells(variation=0.1, stuck_off=0.01)
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    variation: Annotated[float, Field(ge=0, le=2)] = Field(
        0.0, description="standard deviation of a cell: share of g_on (normal), or of ln g (lognormal)"
    )
    distribution: Literal["normal", "lognormal"] = Field("normal", description="how cells deviate from their level")
    stuck_on: Share = Field(0.0, description="share of cells that always conduct g_on")
    stuck_off: Share = Field(0.0, description="share of cells that always conduct what the lowest level does")
    read_noise: Annotated[float, Field(ge=0, le=100)] = Field(
        0.0, description="standard deviation of one conversion's current, in currents of one on cell"
    )
    wire: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="resistance of one cell's length of wire times g_on (2.8 ohm at 40 uS: 1.1e-4)"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.stuck_on + self.stuck_off > 1:
            raise ValueError(
                f"stuck_on + stuck_off: must be at most 1, got {self.stuck_on} + {self.stuck_off}; lower one of them"
            )
        return self

    @property
    def is_ideal(self) -> bool:
        """Whether nothing deviates."""
        return not (self.variation or self.stuck_on or self.stuck_off or self.read_noise or self.wire)


def check(cells: Cells, device: Device) -> None:
    """Raises InputError when codes of `device` are too coarse for the deviations of `cells`.

    Variation and wires need CODES_PER_LEVEL codes per level, variation also a code no larger than its deviation.
    """
    if cells.read_noise:
        raise InputError(
            f"cells: read_noise must be 0 for a die, got {cells.read_noise:g}: it changes with every conversion, "
            "so no cell can hold it; set read_noise = 0"
        )
    if not cells.variation and not cells.wire:
        return
    need = CODES_PER_LEVEL * (device.levels - 1)
    if cells.variation:
        need = max(need, math.ceil(min(MAX_CODE, 1 / cells.variation)))
    if device.codes[-1] < need:
        need = math.ceil(need * (1 + device.headroom))
        what = f"variation {cells.variation:g}" if cells.variation else f"wire {cells.wire:g}"
        raise InputError(
            f"cells: {device.code_bits}-bit conductance codes are too coarse for {what} between {device.levels} "
            f"levels; raise chip.device.code_bits to {need.bit_length()} or more"
        )


def seen_through_wires(g: NDArray[np.float64], wire: float) -> NDArray[np.float64]:
    """Conductances (.., rows, bitlines) of whole arrays as shares of g_on, with the voltage lost in wires folded in.

    Wordlines are driven from the side of bitline 0, idle ones at 0 V; bitlines end at virtual ground below the last
    row. A cell loses what its wordline drops before it and its bitline behind it, and every length of wire carries
    the currents of all cells that it serves. Exact to first order in `wire`, for any input. Beyond that it is neither
    an upper nor a lower bound: drops reduce the currents that cause them, and sneak paths add current to off cells. The
    loss is never less than that of a cell alone on its wires, g / (1 + wire * g * lengths).
    """
    wordline = np.cumsum(_onwards(g, -1), -1)  # current in each length, then the drop up to each cell
    bitline = _onwards(np.cumsum(g, -2), -2)
    return g / (1.0 + wire * (wordline + bitline))


def _onwards(a: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Sum from each element to the end."""
    return np.flip(np.cumsum(np.flip(a, axis), axis), axis)


def draw(
    levels: NDArray[np.integer], device: Device, cells: Cells, seed: int | Sequence[int], array: int
) -> NDArray[np.int32]:
    """Conductance codes (.., rows, bitlines) of one array whose cells are programmed to `levels`, on the die of `seed`.

    array: its number. How a cell deviates depends on the seed, the array, its wordline and its bitline, in arrays of as
    many bitlines: not on levels, nor on other arrays. Stuck cells are the same whether or not the others deviate. No
    cell holds more than the largest unsigned code of `code_bits`: where that is g_on, as on most devices, on cells
    deviate downwards only. Raises InputError as `check`, and on a seed that is no integer of at least 0, or several.
    """
    check(cells, device)
    codes = np.asarray(device.codes, dtype=np.float64)
    top = codes[-1]
    g: NDArray[np.float64] = codes[levels] / top
    if cells.variation:
        z = _stream(seed, array, 0).standard_normal(g.shape)
        normal = cells.distribution == "normal"
        g = np.maximum(g + cells.variation * z, 0.0) if normal else g * np.exp(cells.variation * z)
    if cells.stuck_on or cells.stuck_off:
        u = _stream(seed, array, 1).random(g.shape)
        g = np.where(u < cells.stuck_on, 1.0, np.where(u >= 1.0 - cells.stuck_off, codes[0] / top, g))
    if cells.wire:
        g = seen_through_wires(g, cells.wire)
    held: NDArray[np.float64] = np.clip(np.floor(g * top + 0.5), 0, (1 << device.code_bits) - 1)
    return held.astype(np.int32)


def _stream(seed: int | Sequence[int], array: int, which: int) -> np.random.Generator:
    """The numbers of one kind of deviation, wordline by wordline, of an array of a die."""
    numbers = seed if isinstance(seed, Sequence) else [seed]
    if not numbers or not all(isinstance(n, int | np.integer) and n >= 0 for n in numbers):
        raise InputError(f"die: seed must be an integer of at least 0, or several, got {seed!r}; give one, such as 0")
    entropy = [int(n) for n in numbers]
    return np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(array, which)))
