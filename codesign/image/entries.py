"""The contents of an image entry by entry: steps, loads and tiles as records, and as tables for people."""

from collections.abc import Iterator, Mapping

from codesign.brief import runs
from codesign.chip.description import Chip
from codesign.chip.fields import Record
from codesign.chip.layout import LOAD, LOADS, STEP, STEPS, TILE, TILES, Layout
from codesign.image.tables import entry_words, memories
from codesign.image.words import Image

TABLES = {"steps": (STEP, STEPS), "loads": (LOAD, LOADS), "tiles": (TILE, TILES)}

Entries = Mapping[str, Mapping[int, Record]]


def entries(image: Image, chip: Chip) -> Entries:
    """Every whole entry of each table that the image writes, by its number."""
    held, layout = memories(image, chip), Layout.of(chip)
    found: dict[str, dict[int, Record]] = {}
    for (name, (entry, kind)), width in zip(TABLES.items(), (layout.step, layout.load, layout.tile), strict=True):
        words = {k: entry_words(held, kind, k, width) for k in range(len(held.get((kind, 0), ())) // width)}
        found[name] = {k: entry.decode(w, layout.mask) for k, w in words.items() if w is not None}
    return found


def plain_entries(found: Entries) -> dict[str, list[dict[str, int | tuple[int, ...]]]]:
    """The entries for programs: number, then the fields by the names of `codesign.chip.layout`."""
    return {
        name: [{"entry": k, **record.numbers, **record.arrays} for k, record in records.items()]
        for name, records in found.items()
    }


def show_entries(found: Entries) -> str:
    """The entries for people: a table each, an entry a line."""
    return "\n".join(line for name, records in found.items() for line in _table(name, records))


def _table(name: str, records: Mapping[int, Record]) -> Iterator[str]:
    entry, _ = TABLES[name]
    shown = [f for f in entry.fields if not f.later]  # the others are 0
    rows = [[name, *(f.name for f in shown), *(m.name for m in entry.masks)]]
    for k, r in records.items():
        numbers = [str(r[f.name]) for f in shown]
        rows.append([str(k), *numbers, *(runs(r.arrays[m.name]) for m in entry.masks)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield ""
    for row in rows:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
