"""Dies from measurements: maps of stuck cells and of conductances, as CSV or npz, for any program of a chip."""

import math
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.devices.table import CellTable, Mistakes, read_table
from codesign.errors import InputError
from codesign.files import open_regular
from codesign.fixed import MAX_FRACTION

HEALTHY = -1
STATES = {  # what test floors write: the level, or the conductance, that a cell holds
    "ok": "healthy",
    "healthy": "healthy",
    "stuck_on": "on",
    "on": "on",
    "stuck_off": "off",
    "off": "off",
    "open": "open",
    "short": "short",
}
FINE = 256  # steps up to g_on, at least, where nobody says how fine a map counts
VALUE = "conductance_uS"
Floats = NDArray[np.float64]


class CellMap(NamedTuple):
    """What the cells of a chip hold, by array (rows, columns), in 2^-fraction of a conductance code; -1: healthy."""

    codes: dict[int, NDArray[np.int32]]
    fraction: int


class Scale(NamedTuple):
    """How a map counts conductances of a chip: g uS are `floor(g / g_on * top * 2^fraction + 0.5)`."""

    chip: Chip
    g_on: float | None  # uS of the highest level; None where only states are told
    fraction: int

    @property
    def one(self) -> int:
        """g_on as the map counts it."""
        return self.chip.device.codes[-1] << self.fraction

    @property
    def most(self) -> int:
        """The largest number of the map."""
        return (1 << self.chip.device.code_bits + self.fraction) - 1

    def problem(self, g: float) -> str | None:
        """Why no cell conducts so; None if one does."""
        if self.g_on is None:
            return "a conductance in uS needs --g-on, that of the highest level"
        if not math.isfinite(g) or g < 0:
            return f"conductances must be 0 uS or more, got {g:g}; a .csv leaves out cells that were not measured"
        if g > self.most / self.one * self.g_on:
            most = f"{self.most / self.one * self.g_on:.4g} uS, the most that {self.chip.name} can hold"
            return f"{g:g} uS exceed {most}; check --g-on, that of the highest level in uS"
        return None

    def codes(self, g: Floats) -> NDArray[np.int32]:
        """Conductances in uS as the map counts them: the nearest, halves up."""
        return np.minimum(np.floor(g / (self.g_on or 1.0) * self.one + 0.5), self.most).astype(np.int32)

    def state(self, text: str) -> int | None:
        """What a cell of a state holds; None for a word that is none."""
        word, codes = STATES.get(text.lower()), self.chip.device.codes
        if word is None:
            level = re.fullmatch(r"(?:level[ _]?)?(\d{1,3})", text.lower())
            found = level and int(level[1]) < len(codes)
            return codes[int(level[1])] << self.fraction if level and found else None
        held = {"healthy": HEALTHY, "on": self.one, "off": codes[0] << self.fraction, "open": 0, "short": self.most}
        return held[word]


def scale(chip: Chip, g_on: float | None, fraction: int | None) -> Scale:
    """How a map of this chip counts. fraction absent: fine enough for FINE steps up to g_on, if conductances are told.

    Raises InputError for numbers that cannot be.
    """
    if g_on is not None and not (math.isfinite(g_on) and g_on > 0):
        raise InputError(f"--g-on {g_on:g}: must be a conductance above 0, in uS")
    if fraction is None:
        steps = range(MAX_FRACTION + 1)
        fine = next((f for f in steps if chip.device.codes[-1] << f >= FINE), MAX_FRACTION)
        fraction = 0 if g_on is None else fine
    if not 0 <= fraction <= MAX_FRACTION:
        raise InputError(f"--fraction {fraction}: must be 0..{MAX_FRACTION}")
    return Scale(chip, g_on, fraction)


def import_map(path: Path, chip: Chip, g_on: float | None = None, fraction: int | None = None) -> CellMap:
    """What a file of a test floor tells: .csv with a cell a line (state, conductance_uS), or .npz of arrays in uS.

    Cells that it does not list are healthy: they hold what a program gives them. g_on: uS of the highest level.
    fraction: the map counts 2^-fraction of a conductance code. Raises InputError with every line that is wrong.
    """
    how = scale(chip, g_on, fraction)
    found = _npz(path, how) if path.suffix.lower() == ".npz" else _csv(path, how)
    return CellMap(healthy(chip) | found, how.fraction)


def healthy(chip: Chip) -> dict[int, NDArray[np.int32]]:
    """A map of nothing but healthy cells; its arrays share one cell and are read-only."""
    nothing = np.broadcast_to(np.int32(HEALTHY), (chip.arrays.rows, chip.arrays.columns))
    return dict.fromkeys(range(chip.arrays.count), nothing)


def _csv(path: Path, how: Scale) -> dict[int, NDArray[np.int32]]:
    table, mistakes = read_table(path, how.chip, [("state", VALUE)]), Mistakes(path)
    states, values = table.columns.get("state"), table.columns.get(VALUE)
    held = np.full(len(table.lines), HEALTHY, np.int32)
    for k, line in enumerate(table.lines.tolist()):
        state, value = states[k] if states else "", values[k] if values else ""
        if state:
            code = how.state(state)
            if code is None:
                words = ", ".join(STATES)
                mistakes.add(
                    line, f"state must be one of {words} or a level 0..{how.chip.device.levels - 1}, got {state[:20]!r}"
                )
                continue
            held[k] = code
            if code != HEALTHY:
                continue
        if value:
            held[k] = _measured(value, line, how, mistakes)
    mistakes.check()
    return dict(_by_array(table, held, how.chip))


def _measured(text: str, line: int, how: Scale, mistakes: Mistakes) -> int:
    try:
        g = float(text)
    except ValueError:
        mistakes.add(line, f"conductance_uS must be a number, got {text[:20]!r}")
        return HEALTHY
    if problem := how.problem(g):
        mistakes.add(line, problem)
        return HEALTHY
    return int(how.codes(np.array([g]))[0])


def _by_array(table: CellTable, held: NDArray[np.int32], chip: Chip) -> Iterator[tuple[int, NDArray[np.int32]]]:
    for array in np.unique(table.array).tolist():
        mine = table.array == array
        codes = np.full((chip.arrays.rows, chip.arrays.columns), HEALTHY, np.int32)
        codes[table.wordline[mine], table.bitline[mine]] = held[mine]
        yield array, codes


def _npz(path: Path, how: Scale) -> dict[int, NDArray[np.int32]]:
    found: dict[int, NDArray[np.int32]] = {}
    for name, g in arrays_of(path, how.chip, "array_"):
        if not (np.issubdtype(g.dtype, np.floating) or np.issubdtype(g.dtype, np.integer)):
            raise InputError(f"{path}: {name} must hold conductances in uS, got {g.dtype}")
        values = g.astype(np.float64)
        finite = np.isfinite(values)
        for bad in (~finite, finite & (values < 0), values > (how.most / how.one) * (how.g_on or 0.0)):
            if bad.any():
                wordline, bitline = np.argwhere(bad)[0].tolist()
                problem = how.problem(float(values[wordline, bitline]))
                raise InputError(f"{path}: {name}, wordline {wordline}, bitline {bitline}: {problem}")
        if how.g_on is None:
            raise InputError(f"{path}: {how.problem(0.0)}")
        found[int(name.removeprefix("array_"))] = how.codes(values)
    if not found:
        raise InputError(f"{path}: holds no array_0, array_1, ...; save one array of uS for each measured array")
    return found


def arrays_of(path: Path, chip: Chip, prefix: str) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """The arrays PREFIX<number> of an .npz file, each of a chip's array, one after another; others are left out.

    Raises InputError for other shapes, numbers that the chip does not have, and what numpy cannot read without pickle.
    """
    other = "give a map of this chip"
    size, shape = chip.arrays.rows * chip.arrays.columns, (chip.arrays.rows, chip.arrays.columns)
    try:
        with open_regular(path, (size * 16 + 4096) * (chip.arrays.count + 16)) as f, zipfile.ZipFile(f) as whole:
            form = re.compile(rf"({prefix}(\d{{1,5}}))\.npy")
            for info, match in [(i, m) for i in whole.infolist() if (m := form.fullmatch(i.filename))]:
                if int(match[2]) >= chip.arrays.count:
                    has = f"which has arrays 0..{chip.arrays.count - 1}"
                    raise InputError(f"{path}: {match[1]} is not on chip {chip.name}, {has}; {other}")
                if info.file_size > size * 16 + 4096:
                    raise InputError(f"{path}: {match[1]} is too large, an array of {chip.name} is {shape}; {other}")
                with whole.open(info) as part:
                    array = np.lib.format.read_array(part, allow_pickle=False)
                if array.shape != shape:
                    raise InputError(
                        f"{path}: {match[1]} has shape {array.shape}, an array of {chip.name} is {shape}; {other}"
                    )
                yield match[1], array
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror or e}); give a .npz file of arrays") from None
    except (ValueError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, KeyError) as e:
        raise InputError(f"{path}: is not a .npz file of numbers ({e}); save it with numpy.savez") from None
