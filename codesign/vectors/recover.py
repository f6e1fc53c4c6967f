"""From the words of a characterization to a die: differences of pairs, offsets of columns, what they leave unsaid."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.brief import Brief, counted
from codesign.chip.description import Chip
from codesign.devices.measured import healthy
from codesign.devices.table import Mistakes
from codesign.errors import InputError, plain
from codesign.files import read_text
from codesign.fixed import Ints, Trim, convert
from codesign.mapping import Die, Mapping
from codesign.mapping.cells import to_codes, to_weights
from codesign.program import Program
from codesign.vectors.characterize import FOLDER, stimuli

LARGEST = 1 << 30  # bytes of a file of words


@dataclass(frozen=True, eq=False)
class Recovered(Brief):
    """What the words of a chip tell.

    die is canonical (see `canonical`); arrays without words are healthy. offsets[array] is (signed columns,), in the
    unit of `fixed.Trim`'s. at_end counts pairs whose code is the lowest or the highest, so that they may differ by
    more. checked words come from several wordlines at once; those that no sum of these differences gives, whatever
    rounding hides, are unexplained, by array, pattern and column.
    """

    die: Die
    offsets: dict[int, Ints]
    at_end: int
    checked: int
    unexplained: tuple[tuple[int, str, int], ...]


def load(folder: str | Path) -> dict[int, Program]:
    """The programs of a characterization by array. Raises InputError when they are none, ImageError for damage."""
    found = [p for p in Path(folder).glob(f"{FOLDER}*") if p.name.removeprefix(FOLDER).isdecimal()]
    made = {int(p.name.removeprefix(FOLDER)): Program.load(p) for p in found}
    kinds = {(p.chip.id, *(s.trim for s in p.mapping.steps)) for p in made.values()}
    if len(kinds) != 1 or any([u.array for u in p.mapping.arrays] != [a] for a, p in made.items()):
        raise InputError(f"{folder}: holds no characterization; make one with codesign characterize")
    return dict(sorted(made.items()))


def read_words(path: Path, made: dict[int, Program]) -> dict[int, Ints]:
    """Converter codes (vectors, columns) by array from a .csv file of words; several of a vector: their mean, rounded.

    Raises InputError with every line that is wrong, or the first vector that is missing.
    """
    chip = next(iter(made.values())).chip
    try:
        rows = csv.reader(read_text(path, LARGEST).splitlines())
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror}); give a .csv file of words") from None
    names, width = list(stimuli(chip.arrays.rows)), chip.columns
    head = ["array", "vector", *(f"column_{c}" for c in range(width))]
    if [cell.strip() for cell in next(rows, [])] != head:
        raise InputError(f"{path}: its first line must be array,vector,column_0 to column_{width - 1}, as expected.csv")
    total = {a: np.zeros((len(names), width), np.int64) for a in made}
    count = {a: np.zeros((len(names), 1), np.int64) for a in made}
    mistakes = Mistakes(path)
    for line, row in enumerate(rows, 2):
        if not row:
            continue
        try:
            array, vector, *words = (int(cell) for cell in row)
        except ValueError:
            mistakes.add(line, f"must hold whole numbers, got {plain(','.join(row)[:40])!r}")
            continue
        if problem := _problem(array, vector, words, made, len(names)):
            mistakes.add(line, problem)
            continue
        total[array][vector] += np.array(words) // _worth(made[array])
        count[array][vector] += 1
    mistakes.check()
    told = {a: n for a, n in count.items() if n.any()}
    if not told:
        raise InputError(f"{path}: holds no words; give a line for each array and vector, as in expected.csv")
    for array, n in told.items():
        if not n.all():
            lacks = int(np.argmin(n))
            raise InputError(f"{path}: array {array} lacks vector {lacks} ({names[lacks]}); measure all {len(names)}")
    return {a: (2 * total[a] + n) // (2 * n) for a, n in told.items()}


def _problem(array: int, vector: int, words: list[int], made: dict[int, Program], vectors: int) -> str | None:
    """Why a line of words cannot be; None if it can."""
    if array not in made:
        return f"array {array} is not characterized, only {', '.join(map(str, made))}"
    if not 0 <= vector < vectors:
        return f"vector {vector} is not in the plan, which has 0..{vectors - 1}"
    chip, worth = made[array].chip, _worth(made[array])
    if len(words) != chip.columns:
        return f"has {counted(len(words), 'word')}, an array has {chip.columns} signed columns"
    lo, hi = chip.code.lo * worth, chip.code.hi * worth
    bad = next((w for w in words if not lo <= w <= hi or w % worth), None)
    if bad is None:
        return None
    steps = "" if worth == 1 else f" in steps of {worth}"
    return f"{bad} is no word of a {chip.adc.bits}-bit converter, which gives {lo}..{hi}{steps}"


def recover(made: dict[int, Program], codes: dict[int, Ints]) -> Recovered:
    """The die that gives these codes (vectors, columns), by array, of the programs `made`."""
    chip = next(iter(made.values())).chip
    found, offsets, ends, checked = healthy(chip), dict[int, Ints](), 0, 0
    fraction, unexplained = 0, list[tuple[int, str, int]]()
    driven = stimuli(chip.arrays.rows)
    wordlines = np.array([row.sum() for row in driven.values()])
    alone, several = wordlines == 1, wordlines > 1
    for array, code in codes.items():
        mapping = made[array].mapping
        trim = mapping.steps[0].trim
        fraction = _fraction(trim)
        top = (1 << chip.device.code_bits + fraction) - 1
        zero = code[list(driven).index("zero")]
        difference = code[alone] - zero << trim.shift  # (wordlines, columns)
        at_end = (code[alone] == chip.code.lo) | (code[alone] == chip.code.hi) | (np.abs(difference) > top)
        difference = np.clip(difference, -top, top)
        ends += int(at_end.sum())
        found[array] = _settled(difference, mapping.arrays[0].levels, chip, fraction)
        offsets[array] = zero << trim.shift
        lowest, highest = _several(difference, offsets[array], mapping)
        wrong = (code[several] < lowest) | (code[several] > highest)
        checked += wrong.size
        names = np.array(list(driven))[several].tolist()
        unexplained += [(array, names[k], c) for k, c in np.argwhere(wrong).tolist()]
    return Recovered(Die(found, fraction), offsets, ends, checked, tuple(unexplained))


def _several(difference: Ints, offset: Ints, mapping: Mapping) -> tuple[Ints, Ints]:
    """The least and the largest codes (vectors, columns) of several wordlines that the pairs' differences allow.

    Each is within half a step of a code; where a trim has a shift, the offset's own rounding adds as much.
    """
    trim, kind = mapping.steps[0].trim, mapping.chip.code
    driven = np.stack([row for row in stimuli(len(difference)).values() if row.sum() > 1])
    current, wordlines = driven @ difference, driven.sum(axis=1, keepdims=True)
    slack = wordlines << trim.shift if trim.shift else (wordlines + 1) // 2
    least, most = (convert(current + s, trim, offset, kind, _fraction(trim)) for s in (-slack, slack))
    return least, most


def _fraction(trim: Trim) -> int:
    """Bits by which codes are finer than conductance codes."""
    return trim.gain.bit_length() - 1


def canonical(die: Die, mapping: Mapping) -> Die:
    """A die of the same pair differences, as far as converters can tell dies apart.

    The smaller cell of a pair holds the code of the lower level that the pair is programmed to, or less where the
    other one would exceed the map.
    """
    held = die.on(mapping)
    settled = {
        u.array: _settled(to_weights(held.codes[u.array]), u.levels, mapping.chip, die.fraction) for u in mapping.arrays
    }
    return Die(settled, die.fraction)


def _settled(
    difference: NDArray[np.integer], levels: NDArray[np.uint8], chip: Chip, fraction: int
) -> NDArray[np.int32]:
    codes = to_codes(levels, chip.device) << fraction
    top = (1 << chip.device.code_bits + fraction) - 1
    least = np.minimum(np.minimum(codes[:, 0::2], codes[:, 1::2]), top - np.abs(difference))
    cells = np.empty_like(codes)
    cells[:, 0::2] = least + np.maximum(difference, 0)
    cells[:, 1::2] = least + np.maximum(-difference, 0)
    return cells


def offsets_csv(offsets: dict[int, Ints]) -> Iterator[str]:
    """A line for each signed column: its array, its number, its offset."""
    yield "array,column,offset\n"
    for array, found in offsets.items():
        for column, offset in enumerate(found.tolist()):
            yield f"{array},{column},{offset}\n"


def _worth(program: Program) -> int:
    """A word's worth of one code."""
    return int(program.mapping.steps[0].mult[0])
