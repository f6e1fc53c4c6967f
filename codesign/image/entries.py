"""The contents of an image entry by entry: steps, loads, tiles and walks as records, and as tables for people."""

from collections.abc import Iterator, Mapping

from codesign.brief import runs
from codesign.chip.description import Chip
from codesign.chip.fields import Record
from codesign.chip.layout import LOAD, LOADS, STEP, STEPS, TILE, TILES, WALK, WALKS, Layout
from codesign.image.tables import entry_words, memories
from codesign.image.words import Image

TABLES = {"steps": (STEP, STEPS), "loads": (LOAD, LOADS), "tiles": (TILE, TILES), "walks": (WALK, WALKS)}

Entries = Mapping[str, Mapping[int, Record]]


def entries(image: Image, chip: Chip) -> Entries:
    """Every whole entry of each table that the image writes, by its number."""
    held, layout = memories(image, chip), Layout.of(chip)
    found: dict[str, dict[int, Record]] = {}
    sizes = layout.step, layout.load, layout.tile, WALK.words
    for (name, (entry, kind)), width in zip(TABLES.items(), sizes, strict=True):
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
    """The entries for people: a table each, if there are any, and an entry a line; without fields that are 0 in all."""
    return "\n".join(line for name, records in found.items() if records for line in _table(name, records))


def _table(name: str, records: Mapping[int, Record]) -> Iterator[str]:
    entry, _ = TABLES[name]
    shown = [f for f in entry.fields if any(r[f.name] for r in records.values())]
    rows = [[name, *(f.name for f in shown), *(m.name for m in entry.masks)]]
    for k, r in records.items():
        numbers = [str(r[f.name]) for f in shown]
        rows.append([str(k), *numbers, *(runs(r.arrays[m.name]) for m in entry.masks)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield ""
    for row in rows:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
