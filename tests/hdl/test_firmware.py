"""Firmware's view of the chip: refused images, bad frames, the same state whichever way it was programmed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.chip.layout import PROGRAM, STEPS, Layout
from codesign.errors import ImageError
from codesign.fixed import IntType, Trim
from codesign.image import Section, assemble, parse, render, sections
from codesign.mapping import in_memory, kept, layers
from codesign.program import Program
from codesign.sim.job import build
from codesign.sim.simulators import icarus
from tests.hdl.programs import images, program

TINY = Chip.load("tiny")
TOP = "tiny_top_sim"
SIZES = [30, 11, 5]


def bench(p: Program, name: str, folder: Path, only: str, plusargs: tuple[str, ...] = (), **job: object) -> None:
    """Run a bench on the chip; strings of `job` become environment, arrays job.npz."""
    folder.mkdir(exist_ok=True)
    arrays = {k: np.asarray(v) for k, v in job.items() if not isinstance(v, str)}
    np.savez(folder / "job.npz", words=np.array(p.words, np.uint32), **arrays)  # type: ignore[arg-type]
    env = {k: v for k, v in job.items() if isinstance(v, str)} | {"JOB": str(folder / "job.npz")}
    icarus.run(build(p), TOP, f"tests.hdl.{name}", folder, env, plusargs, filter=only)


def bad_images(p: Program) -> dict[str, tuple[str, list[int]]]:
    """name: (reason, words)."""
    parts = sections(p.mapping)
    words = p.words

    def flip(at: int) -> list[int]:
        return [w ^ (1 << 7 if k == at else 0) for k, w in enumerate(words)]

    other = TINY.model_copy(update={"adc": TINY.adc.model_copy(update={"bits": 5})})
    outside = Section(STEPS, 0, TINY.memory.steps * Layout.of(TINY).step - 1, (1, 2))
    first_payload = 5 + 3
    return {
        "magic": ("magic word is wrong", flip(0)),
        "format": ("format version is not this chip's", flip(1)),
        "chip": ("image is for another chip", assemble(other, parts)),
        "header": ("header CRC is wrong", flip(4)),
        "count": ("header CRC is wrong", flip(3)),
        "outside": ("a section lies outside the chip", assemble(TINY, (*parts, outside))),
        "array": ("a section lies outside the chip", assemble(TINY, (*parts, Section(6, TINY.arrays.count, 0, (1,))))),
        "kind": ("a section lies outside the chip", assemble(TINY, (*parts, Section(9, 0, 0, (1,))))),
        "payload": ("a section CRC is wrong", flip(first_payload)),
        "cells": ("a section CRC is wrong", flip(len(words) - 20)),
        "crc": ("image CRC is wrong", flip(len(words) - 1)),
        "program": ("image holds no program", assemble(TINY, tuple(s for s in parts if s.kind != PROGRAM))),
    }


@pytest.fixture(scope="module")
def p() -> Program:
    """With a range and converter offsets."""
    mapping, rng = program(SIZES, TINY, {"fc1": Trim(3, 2)}).mapping, np.random.default_rng(4)
    uses = tuple(replace(u, offset=rng.integers(-9, 0, TINY.columns)) for u in mapping.arrays)
    return Program(replace(mapping, arrays=uses))


FIRMWARE = ["no_image", "half_an_image", "power_cut", "bad_images", "bad_frames", "image_while_enabled", "activations"]


@pytest.mark.parametrize("only", FIRMWARE)
def test_firmware(only: str, p: Program, tmp_path: Path) -> None:
    x = images(2, p.network)
    bad = bad_images(p)
    found = layers(p.mapping, x)
    held = {f"kept_{k.first}": in_memory(found[k.edge]) for k in kept(p.mapping)}
    assert len(held) == 1 and any(np.unique(v).size > 2 for v in held.values())
    for name, (_, words) in bad.items():
        with pytest.raises(ImageError):  # the reference refuses what the chip refuses
            parse(np.array(words, dtype="<u4").tobytes(), TINY, name)
    bench(
        p,
        "bench_firmware",
        tmp_path,
        f"{only}$",
        images=(x & 0xFF).astype(np.uint8),
        expected=p.run(x),
        STREAM_BYTES=str(TINY.bus.stream_bytes),
        CHIP_ID=str(TINY.id),
        REASONS=json.dumps({name: reason for name, (reason, _) in bad.items()}),
        IMAGES=str(len(bad)),
        KEPT=str(sum(v.size for v in held.values())),
        **held,
        **{name: np.array(words, np.uint32) for name, (_, words) in bad.items()},
    )


@pytest.mark.parametrize("only", ["one_clock_reset", "disabled_in_every_cycle"])
def test_stopped_in_every_cycle(only: str, tmp_path: Path) -> None:
    p = program([9, 7, 3], TINY, kind=IntType(3), hidden=IntType(3))  # few cycles, each of which is tried
    x = images(2, p.network)
    assert (p.run(x)[0] != p.run(x)[1]).any()
    for name, data in render(p.mapping).items():
        (tmp_path / name).write_bytes(data)
    bench(
        p,
        "bench_firmware",
        tmp_path,
        f"{only}$",
        (f"+backdoor={tmp_path}", f"+image_crc={p.words[-1]:08x}"),
        images=(x & 0xFF).astype(np.uint8),
        expected=p.run(x),
        STREAM_BYTES=str(TINY.bus.stream_bytes),
        CYCLES=str(p.cycles.latency + p.cycles.interval + p.mapping.beats),
    )


def test_bus_and_backdoor_leave_the_same_state(p: Program, tmp_path: Path) -> None:
    for name, data in render(p.mapping).items():
        (tmp_path / name).write_bytes(data)
    states = {}
    for load in ("bus", "backdoor"):
        plusargs = (f"+backdoor={tmp_path}", f"+image_crc={p.words[-1]:08x}") if load == "backdoor" else ()
        out = tmp_path / f"{load}.json"
        job = {"LOAD": load, "ARRAYS": str(TINY.arrays.count), "STATE": str(out)}
        bench(p, "bench_state", tmp_path / load, "dump", plusargs, **job)
        states[load] = json.loads(out.read_text())
    assert states["bus"].keys() == states["backdoor"].keys()
    assert len(states["bus"]) == 4 + 2 * TINY.arrays.count + 1
    for name, entries in states["bus"].items():
        assert entries == states["backdoor"][name], name
    assert len(states["bus"]["steps"]) == TINY.memory.steps
    assert states["bus"]["array 0 trim"] == [f"{v & 0xFFFFFFFF:032b}" for v in p.mapping.arrays[0].offset.tolist()]
    assert any("1" in e for e in states["bus"]["array 3 level"])
    assert set(states["bus"]["array 5 level"]) == {"0" * 32}, "the sixth array is not used"
