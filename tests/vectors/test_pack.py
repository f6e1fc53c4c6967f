"""The pack proves itself in simulation, and each fault is reported at its place: by the player and the C programs."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from codesign import vectors
from codesign.chip.registers import field
from codesign.program import Program
from flows.benchmarks.bringup.programs import flipped
from tests.tools import needs
from tests.vectors.packs import (
    PROGRAMS,
    inputs,
    lines_of,
    make,
    perceptron,
    play,
    with_die,
    with_line,
    written,
)

pytestmark = [needs("iverilog"), needs("make"), needs("cc")]
Made = tuple[Program, Path]


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    """A program by name, and its pack, whose benches have run."""

    @cache
    def made(name: str) -> Made:
        program = PROGRAMS[name]()
        pack = written(program, tmp_path_factory.mktemp(name) / "pack")
        status, said = make(pack / "tb")
        assert status == 0 and "TESTS=4 PASS=4 FAIL=0 SKIP=0" in said, said
        status, said = make(pack / "tb", "player")
        assert status == 0 and re.search(r"^PASS \d+ operations$", said, re.M), said
        return program, pack

    return made


@pytest.fixture(params=["perceptron", pytest.param("picture", marks=pytest.mark.slow)])
def made(request: pytest.FixtureRequest, packs: Callable[[str], Made]) -> Made:
    return packs(request.param)


@pytest.fixture
def one(packs: Callable[[str], Made]) -> Made:
    return packs("perceptron")


def test_a_flipped_word(made: Made) -> None:
    """Of the last layer: reported in its line, with its unit, array and column."""
    program, pack = made
    given = (pack / "transcript.txt").read_text()
    last = vectors.answers(program, inputs(program)).layers[-1]
    words = lines_of(given, "m")
    assert len(words) == 3 * program.network.outputs
    for at in (words[0], words[-2], words[-1]):
        told = play(pack / "tb", with_line(given, at, 2, 0x40))
        place = last.place(words.index(at) % program.network.outputs)
        got, expected = (int(w, 16) for w in re.findall(r"0x([0-9a-f]{8})", told)[::-1])
        assert told.startswith(f"FAIL line {at + 1}: {place}: expected ") and got ^ expected == 0x40


def test_a_flipped_activation(made: Made) -> None:
    """The byte tells which of the four that a word shows."""
    _, pack = made
    given = (pack / "transcript.txt").read_text()
    reads = [k for k in lines_of(given, "x") if "," in given.splitlines()[k]]
    for at in (reads[0], reads[-1]):
        names = given.splitlines()[at].split()[5].split(",")
        for byte, name in enumerate(names):
            told = play(pack / "tb", with_line(given, at, 2, 1 << 8 * byte))
            assert told.startswith(f"FAIL line {at + 1}: {name}: expected "), told


def test_a_wrong_register(made: Made) -> None:
    """It ends the play: nothing behind it can be judged."""
    _, pack = made
    given = (pack / "transcript.txt").read_text()
    names = {line.split()[5]: k for k, line in enumerate(given.splitlines()) if line.startswith("x ")}
    compared = 0
    for name in ("ID", "CHIP_ID", "STATUS.IMAGE_STATE", "IMAGE_CRC", "STATUS.IDLE", "IMAGES", "IRQ_STATUS.DONE"):
        told = play(pack / "tb", with_line(given, names[name], 2, int(given.splitlines()[names[name]].split()[3], 16)))
        assert told.startswith(f"FAIL line {names[name] + 1}: {name}: expected 0x"), told
        compared += 1
    image = lines_of(given, "w")
    told = play(pack / "tb", with_line(given, image[len(image) // 2], 2, 1))
    assert re.match(r"FAIL line \d+: STATUS.IMAGE_STATE: expected 0x00000002, got 0x00000[1-8]03", told), told
    later = lines_of(given, "t")[1]
    told = play(pack / "tb", given.replace(given.splitlines()[later], "t 1", 2))
    assert re.fullmatch(r"FAIL line \d+: \d+ cycles from the last beat to the last word, expected 1", told), told
    assert compared == 7


@pytest.mark.slow
def test_a_flipped_cell(made: Made) -> None:
    """In any layer: reported with its layer, arrays and column, by the player and by known_answer.c."""
    program, pack = made
    layers = [n.name for n in program.mapping.layers]
    for layer in layers:
        die, place, image = flipped(program, layer, inputs(program))
        plusarg = with_die(die, program, pack / "tb")
        told = play(pack / "tb", None, plusarg)
        assert re.match(rf"FAIL line \d+: {re.escape(str(place))}: expected 0x", told), (layer, told)
        if layer != layers[0]:
            continue
        status, said = make(pack / "tb", "COCOTB_TESTCASE=known_answer", f"COCOTB_PLUSARGS={plusarg}")
        first, last = place.arrays or (0, 0)
        arrays = f"array {last}" if first == last else f"arrays {first} to {last}"
        found = re.search(r"FAIL image (\d+): layer (\S+), output (\d+)(?: at pixel \d+)?, (.*), column (\d+):", said)
        assert status != 0 and found is not None, said
        assert found.groups() == (str(image), layer, str(place.number), arrays, str(place.column))


@pytest.mark.slow
def test_faults_in_the_c_program(one: Made) -> None:
    """A wrong word in its table, another chip's id, a changed image: each is said."""
    program, pack = one
    header, driver = pack / "c" / "vectors.h", pack / "rtl" / "tiny_driver.h"
    kept = {p: p.read_text() for p in (header, driver)}
    words = re.search(r"vectors_words\[\d+\] = \{\n    (0x[0-9a-f]{8})u", kept[header])
    image = re.search(r"vectors_program\[\d+\] = \{\n.*\n    (0x[0-9a-f]{8})u", kept[header])
    ident = re.search(r"CHIP_ID_VALUE (0x[0-9a-f]{8})u", kept[driver])
    assert words and image and ident
    place = vectors.answers(program, inputs(program)).layers[-1].place(0)
    cases = [
        (
            header,
            words,
            rf"FAIL image 0: layer {place.layer}, output 0, arrays? .*, column {place.column}: expected",
        ),
        (header, image, r"FAIL program: the chip refused the image \(STATUS 0x00000[0-9a-f]03\)"),
        (driver, ident, r"FAIL chip: another chip answers \(STATUS 0x00000000\)"),
    ]
    for path, match, told in cases:
        changed = f"0x{int(match[1], 16) ^ 0x100:08x}"
        path.write_text(kept[path][: match.start(1)] + changed + kept[path][match.end(1) :])
        status, said = make(pack / "tb", "COCOTB_TESTCASE=known_answer")
        assert status != 0 and re.search(told, said), said
        path.write_text(kept[path])
    status, said = make(pack / "tb", "COCOTB_TESTCASE=known_answer")
    assert status == 0 and "PASS=1" in said


@pytest.mark.slow
def test_a_transcript_cut_off(one: Made) -> None:
    """Anywhere: the player says so, and so does the C program."""
    _, pack = one
    lines = (pack / "transcript.txt").read_text().splitlines(keepends=True)
    for cut in (1, 9, len(lines) - 2, len(lines) - 1):
        assert "the transcript was cut off; copy it again" in play(pack / "tb", "".join(lines[:cut]))
        if cut == 9:
            status, said = make(pack / "tb", "COCOTB_TESTCASE=c_transcript", "TRANSCRIPT=changed.txt")
            assert status != 0 and "FAIL line 9: the transcript was cut off; copy it again" in said, said
    lost = "".join(lines[:7] + lines[8:])  # a word of the image
    assert "FAIL line" in play(pack / "tb", lost)
    other = "".join(lines).replace("codesign-", "another-")
    assert play(pack / "tb", other) == "FAIL changed.txt: is no transcript for this chip; make it again"
    assert "is no operation of a transcript" in play(pack / "tb", "".join([*lines[:3], "z 1 2\n", *lines[3:]]))


def test_a_power_cut_while_programming(one: Made) -> None:
    """At any word: the chip says that its image is incomplete, and the same transcript passes from its first line."""
    program, pack = one
    head, *lines = (pack / "transcript.txt").read_text().splitlines()
    lines = [line for line in lines if not line.startswith(("#", "end"))]
    first = next(k for k, line in enumerate(lines) if line.startswith("w 040 "))
    state = next(line for line in lines if line.endswith("STATUS.IMAGE_STATE")).split()
    state[2] = f"{1 << field('STATUS', 'IMAGE_STATE').low:08x}"
    words = len(program.words)
    for sent in (1, 2, 6, words // 2, words - 1):
        cut = [*lines[: first + sent], " ".join(state)]
        again = [*cut, *lines]
        told = play(pack / "tb", "\n".join([head, *again, f"end {len(again)}", ""]))
        assert told == f"PASS {len(again)} operations", (sent, told)
        without = [*cut, *lines[:first][:-1], *lines[first:]]  # the clear that begins it is what makes it so
        told = play(pack / "tb", "\n".join([head, *without, f"end {len(without)}", ""]))
        assert told.startswith("FAIL line ") and "STATUS.IMAGE_STATE: expected 0x00000002" in told, (sent, told)


@pytest.mark.slow
@needs("verilator")
def test_the_player_in_verilator(one: Made) -> None:
    program, pack = one
    status, said = make(pack / "tb", "player", "SIM=verilator")
    assert status == 0 and re.search(r"^PASS \d+ operations$", said, re.M), said
    die, place, _ = flipped(program, program.mapping.layers[0].name, inputs(program))
    told = play(pack / "tb", None, with_die(die, program, pack / "tb"), simulator="verilator")
    assert re.match(rf"FAIL line \d+: {re.escape(str(place))}: expected 0x", told), told


@needs("verilator")
def test_the_bench_in_verilator(one: Made) -> None:
    """It passes and tells a wrong word, as in Icarus; or an old Verilator is told."""
    _, pack = one
    status, said = make(pack / "tb", "SIM=verilator")
    if status and "cocotb needs" in said:
        assert re.search(r"verilator: is 5\.0\d\d, cocotb needs 5.036 or newer; use SIM=icarus, or make player", said)
        return
    assert status == 0 and "TESTS=4 PASS=4 FAIL=0 SKIP=0" in said, said
    given = (pack / "transcript.txt").read_text()
    at = lines_of(given, "m")[3]
    (pack / "tb" / "changed.txt").write_text(with_line(given, at, 2, 0x40))
    status, said = make(pack / "tb", "SIM=verilator", "TRANSCRIPT=changed.txt")
    assert status != 0 and len(re.findall(rf"(?:Wrong:|FAIL) line {at + 1}: fc3\[3\]/\S+: expected", said)) >= 2
    assert "TESTS=4 PASS=2 FAIL=2 SKIP=0" in said


def test_a_verilator_without_a_version_is_told(one: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "verilator"
    fake.write_text("#!/bin/sh\necho ' rev vUNKNOWN'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    status, said = make(one[1] / "tb", "SIM=verilator")
    told = "verilator: is not on PATH or tells no version, cocotb needs 5.036 or newer; use SIM=icarus, or make player"
    assert status != 0 and told in said


def test_the_same_bytes_again_and_a_digest_of_each(tmp_path: Path) -> None:
    program = perceptron()
    first, second = (vectors.render(program, inputs(program), True) for _ in range(2))
    scripts = {Path(name).stem for name in first if name.endswith(".py")}
    assert scripts and not scripts & sys.stdlib_module_names  # else no Python would start in their folder
    assert first == second
    record = json.loads(first["vectors.json"])
    assert record["files"] == {n: sha256(d).hexdigest() for n, d in sorted(first.items()) if n != "vectors.json"}
    assert record["cycles"]["latency"] == program.cycles.latency
    assert record["cycles"]["load"] == 2 * len(program.words)


def test_tables_hold_what_the_reference_computes(tmp_path: Path) -> None:
    """CSV and $readmemh files against `Program.run`, in the order of the network and of the stream."""
    for made in PROGRAMS.values():
        program = made()
        x = inputs(program)
        files = vectors.render(program, x)
        table = np.array([line.split(",")[1:] for line in files["words.csv"].decode().splitlines()[1:]], np.int64)
        assert np.array_equal(table, program.run(x))  # a linear layer: both orders are one
        hexes = [int(line, 16) for line in files["words.hex"].split()]
        assert hexes == [v & 0xFFFFFFFF for v in program.run(x).ravel().tolist()]
        table = np.array([line.split(",")[1:] for line in files["inputs.csv"].decode().splitlines()[1:]], np.int64)
        assert np.array_equal(table, x)
        beats = files["inputs.hex"].decode().split()
        assert len(beats) == len(x) * program.mapping.beats
        assert int(beats[program.mapping.beats][-2:], 16) == int(x[1, 0]) & 0xFF


def test_c_compiles_without_a_warning(tmp_path: Path) -> None:
    """Both programs, with the pack's board and with one that maps the chip into memory."""
    pack = written(perceptron(), tmp_path / "pack")
    board = tmp_path / "own" / "board.h"
    board.parent.mkdir()
    board.write_text(
        "#include <stddef.h>\n#include <stdint.h>\n#define CODESIGN_BASE 0x40000000u\n"
        "static void my_send(const uint8_t *bytes, size_t count, int last) { (void)bytes, (void)count, (void)last; }\n"
        "static uint32_t my_take(int *last) { *last = 1; return 0; }\n"
        "#define CODESIGN_SEND(bytes, count, last) my_send(bytes, count, last)\n"
        "#define CODESIGN_TAKE(last) my_take(last)\n"
    )
    strict = ["-std=c99", "-Wall", "-Wextra", "-Wno-unused-const-variable", "-pedantic", "-Werror", "-O2"]
    compiled = 0
    for name in ("known_answer.c", "play.c"):
        source = tmp_path / name
        source.write_text((pack / "c" / name).read_text())  # away from the pack's board.h
        for first in (pack / "c", board.parent):
            folders = [f"-I{first}", f"-I{pack / 'c'}", f"-I{pack / 'rtl'}"]
            done = subprocess.run(["cc", *strict, *folders, "-c", "-o", "/dev/null", source], capture_output=True)
            assert (done.returncode, done.stderr) == (0, b"")
            compiled += 1
    assert compiled == 4
