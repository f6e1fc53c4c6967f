"""Reading a transcript: every kind of damage has its words; and what the codes of marching patterns are."""

from pathlib import Path

import numpy as np
import pytest

from codesign import vectors
from codesign.errors import ImageError, InputError
from codesign.fixed import Trim
from codesign.mapping import place
from codesign.program import Program
from codesign.vectors import patterns, transcript
from codesign.vectors.answers import name_of
from tests.damage import mutations
from tests.hdl.programs import net
from tests.vectors.packs import PROGRAMS, TINY, inputs, perceptron

AGAIN = "make it again with codesign vectors"


@pytest.fixture(scope="module")
def text() -> str:
    program = perceptron()
    return "\n".join(transcript.text(vectors.answers(program, inputs(program)))) + "\n"


def told(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ImageError) as caught:
        vectors.read(path)
    return str(caught.value).removeprefix(f"{path}: ")


def test_what_is_written_is_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(text)
    found = vectors.read(tmp_path / "t.txt")
    lines = [line for line in text.splitlines()[1:-1] if not line.startswith("#")]
    assert [f"{line.op} {' '.join(line.fields)}" for line in found.lines] == lines
    assert [text.splitlines()[line.number - 1] for line in found.lines] == lines
    assert found.stream_bytes == TINY.bus.stream_bytes and len(lines) > 400


def test_damage(text: str, tmp_path: Path) -> None:
    path, lines = tmp_path / "t.txt", text.splitlines(keepends=True)
    cut = f"ends without its last line `end`, it was cut off; copy it again, or {AGAIN}"
    for k in (1, 5, len(lines) - 1):
        assert told(path, "".join(lines[:k])) == cut
    assert (
        told(path, "")
        == told(path, text[3:])
        == (f"line 1: must be `codesign-transcript 1 BYTES PATIENCE`, is not a transcript; {AGAIN}")
    )
    assert told(path, b"\xff" + text.encode()) == f"is no transcript, it holds other than plain characters; {AGAIN}"
    end = lines[-1].strip()
    lost = "".join([*lines[:8], *lines[9:]])
    assert told(path, lost) == (
        f"line {len(lines) - 1}: `{end}` must be the last line and count {int(end.split()[1]) - 1} operations; "
        f"lines were lost or added, {AGAIN}"
    )
    assert "must be the last line" in told(path, text + "w 014 00000001\n")
    assert (
        told(path, text.replace(lines[3], "x 004 zz\n"))
        == f"line 4: `x 004 zz` is no operation of a transcript; {AGAIN}"
    )
    with pytest.raises(ImageError, match=f"cannot be read \\(No such file or directory\\); {AGAIN}"):
        vectors.read(tmp_path / "none.txt")


def test_random_damage_is_told_in_a_line_or_read_as_other_lines(text: str, tmp_path: Path) -> None:
    path, refused = tmp_path / "t.txt", list[str]()
    (tmp_path / "good.txt").write_text(text)
    good = vectors.read(tmp_path / "good.txt")
    for content in mutations(text.encode(), 200):
        path.write_bytes(content)
        try:
            assert vectors.read(path) != good or b"#" in content
        except ImageError as e:
            refused.append(str(e))
    assert len(refused) > 60 and not any("\n" in line for line in refused)


def test_no_images() -> None:
    program = perceptron()
    with pytest.raises(InputError) as caught:
        vectors.answers(program, np.zeros((0, 30), np.int64))
    assert str(caught.value) == "vectors: no images were given; pass at least one"


def test_inputs_that_are_made_up_show_something() -> None:
    for made in PROGRAMS.values():
        network = made().network
        x = vectors.sample_inputs(network, 5)
        assert (x[0] == network.input.lo).all() and (x[1] == network.input.hi).all()
        assert x.shape == (5, network.features) and np.unique(x[2:]).size > 8
        assert np.array_equal(x, vectors.sample_inputs(network, 5))


def test_names_are_single_words() -> None:
    assert name_of("layers.0/conv 1,a#é") == "layers.0_conv_1_a__"


def test_codes_of_marching_patterns() -> None:
    """Column sums by hand: conductances of the driven wordlines, + less -, times the gain, shifted and clamped."""
    program = Program(place(net([30, 11, 7, 5], TINY, seed=3), TINY, {"fc1": Trim(3, 2)}))
    rows = [line.split(",") for line in patterns.table(program.mapping)]
    assert rows[0][:6] == ["array", "layer", "gain", "shift", "pattern", "column_0"]
    codes, compared, clipped = TINY.device.codes, 0, 0
    uses = {u.array: u.levels for u in program.mapping.arrays}
    for array, layer, gain, shift, pattern, *found in rows[1:]:
        levels = uses[int(array)]
        driven = {
            "zero": [],
            "full": range(TINY.arrays.rows),
            "checkerboard": range(0, TINY.arrays.rows, 2),
            "checkerboard_inverse": range(1, TINY.arrays.rows, 2),
        }.get(pattern) or ([int(pattern.split("_")[1])] if pattern.startswith("wordline_") else [])
        assert (gain, shift) == (("3", "2") if layer == "fc1" else ("1", "0"))
        for column, code in enumerate(found):
            current = sum(codes[levels[r, 2 * column]] - codes[levels[r, 2 * column + 1]] for r in driven)
            half = 1 << int(shift) >> 1
            value = (current * int(gain) + half) >> int(shift)
            top = 1 << (TINY.adc.bits - 1)
            assert int(code) == max(-top, min(top - 1, value))
            clipped += value != int(code)
            compared += 1
    assert compared == (len(rows) - 1) * TINY.columns > 500
    assert {r[4] for r in rows[1:]} == {*patterns.marching(TINY.arrays.rows)}
