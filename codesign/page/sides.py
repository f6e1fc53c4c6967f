"""One side of a comparison: what a folder or a chip gives to be laid beside others."""

from dataclasses import dataclass
from pathlib import Path

from codesign import report
from codesign.brief import Brief
from codesign.chip.description import Chip
from codesign.errors import CodesignError, InputError
from codesign.files import RECORD, read_text
from codesign.folders import kind_of
from codesign.mapping.energy import estimate
from codesign.page.blocks import Cell
from codesign.page.folder import FLOW
from codesign.page.parts.chip import flat
from codesign.page.records import label, records
from codesign.page.search import won
from codesign.page.study import named
from codesign.program import Program
from codesign.settings import parsed


@dataclass(frozen=True)
class Side(Brief):
    """One of the things compared: its name, figures by name, and everything that it was made from, by dotted key."""

    name: str
    kind: str
    figures: dict[str, Cell]
    inputs: dict[str, str]
    layers: tuple[tuple[Cell, ...], ...] = ()  # layer, matrix, arrays, cycles


def side(source: str, name: str) -> Side:
    """What is compared of a folder, a chip file or a preset of a chip."""
    folder = Path(source)
    kind = kind_of(folder)
    if kind == "run":
        return _run(folder, name)
    if kind == "program":
        return _program(folder, name)
    if kind == "search":
        return _search(folder, name)
    if kind == "study":
        return _study(folder, name)
    try:
        chip = Chip.load(source)
    except CodesignError as e:
        if folder.is_dir():
            raise InputError(f"{folder}: is no folder of codesign; give that of a run, a study or a search") from None
        raise InputError(str(e)) from None
    return _chip(chip)


def _run(folder: Path, name: str) -> Side:
    m = report.load(folder)
    program = Program.load(next(iter(sorted(folder.glob("[0-9][0-9]_compile"))), folder) / "program")
    energy = estimate(program.mapping.plan)
    a, c = m.accuracy, m.cycles
    figures: dict[str, Cell] = {
        "accuracy, percent": a.reference.percent,
        "float accuracy, percent": a.float.percent if a.float else None,
        "test images": a.reference.images,
        "words that differ in Verilog": m.mismatches,
        "arrays": m.arrays.used,
        "arrays of the chip": m.arrays.budget,
        "latency, cycles": c.predicted,
        "initiation interval, cycles": c.interval,
        "converter bound, cycles": c.bound,
        "latency, microseconds": m.speed.latency_us if m.speed else None,
        "images a second": m.speed.images_per_second if m.speed else None,
        "energy of an image, low, nJ": energy.energy_low_nj,
        "energy of an image, high, nJ": energy.energy_high_nj,
    }
    layers = tuple((u.layer, f"{u.inputs} x {u.outputs}", len(u.arrays), u.slices, u.cycles) for u in m.layers)
    flow = parsed(read_text(folder / FLOW, RECORD), FLOW)
    return Side(name, "run", figures, {k: str(v) for k, v in flat(flow)}, layers)


def _program(folder: Path, name: str) -> Side:
    program = Program.load(folder)
    c, energy = program.cycles, estimate(program.mapping.plan)
    figures: dict[str, Cell] = {
        "arrays": program.arrays_used,
        "arrays of the chip": program.chip.arrays.count,
        "latency, cycles": c.latency,
        "initiation interval, cycles": c.interval,
        "converter bound, cycles": c.bound,
        "energy of an image, low, nJ": energy.energy_low_nj,
        "energy of an image, high, nJ": energy.energy_high_nj,
    }
    return Side(name, "program", figures, {f"chip.{k}": v for k, v in _sizes(program.chip).items()})


def _search(folder: Path, name: str) -> Side:
    figures: dict[str, Cell] = {}
    inputs: dict[str, str] = {}
    for record in records(folder, "codesign-search/1"):
        for w in won(record):
            c = w["certificate"]
            on = f" on {c['arrays']['budget']} arrays"
            figures[f"accuracy{on}, percent"] = c["test"]["mean"]
            figures[f"arrays{on}"] = c["arrays"]["used"]
            figures[f"interval{on}, cycles"] = c["quantities"]["interval"]["value"]
            figures[f"energy{on}, high, nJ"] = c["energy_nj"]["high"]
            figures[f"candidates trained{on}"] = c["search"]["trained"]
            inputs[f"winner{on}"] = label(c["winner"])
        inputs["question"] = record.get("question", "")
        inputs["command"] = record.get("command", "")
    return Side(name, "search", figures, inputs)


def _study(folder: Path, name: str) -> Side:
    figures: dict[str, Cell] = {}
    inputs: dict[str, str] = {}
    for study in records(folder, "codesign-study/1"):
        for row in study["rows"]:
            figures[f"{study['name']}: {named(row)}, percent"] = row["quantized_mean"]
            if row["drop_mean"] is not None:
                figures[f"{study['name']}: {named(row)}, points below float"] = row["drop_mean"]
        inputs[f"{study['name']}: seeds"] = ", ".join(map(str, study["rows"][0]["seeds"]))
        inputs[f"{study['name']}: command"] = study.get("command", "")
    return Side(name, "study", figures, inputs)


def _chip(chip: Chip) -> Side:
    cells = chip.arrays.count * chip.arrays.rows * chip.arrays.columns
    figures: dict[str, Cell] = {
        "arrays": chip.arrays.count,
        "cells": cells,
        "signed weights of one slice": cells // 2,
        "converters": chip.arrays.count * chip.adc.lanes,
        "column groups of an array": chip.groups,
        "bits of an accumulator": chip.acc_bits,
        "clock, MHz": chip.clock_mhz,
        "id": f"0x{chip.id:08x}",
    }
    return Side(chip.name, "chip", figures, _sizes(chip))


def _sizes(chip: Chip) -> dict[str, str]:
    return {k: str(v) for k, v in flat(chip.model_dump(mode="json", exclude_none=True))}
