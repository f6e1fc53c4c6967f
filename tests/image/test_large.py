"""Programs of many cells: the list is left out and written on request; what was written is read."""

import os
import time
from pathlib import Path

import pytest

from codesign import image
from codesign.chip.description import Chip
from codesign.errors import ImageError
from codesign.image import cell_list, render
from codesign.mapping import place
from codesign.program import Program
from codesign.program_json import largest
from flows.benchmarks import programs
from tests.cli.calls import Call
from tests.hdl.programs import net, program

TINY = Chip.load("tiny")
SIZES = [20, 11, 4]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any list is a long one."""
    monkeypatch.setattr(cell_list, "LISTED", 100)


def test_a_long_list_is_written_on_request(short: None, tmp_path: Path, call: Call) -> None:
    whole = render(program(SIZES, TINY).mapping, listed=True)
    saved = program(SIZES, TINY).save(tmp_path / "p")
    assert not (saved / "image" / "cells.csv").exists() and len(whole["cells.csv"].splitlines()) > 101
    assert Program.load(saved).words == program(SIZES, TINY).words
    image.verify(saved / "image", TINY)
    out = tmp_path / "cells.csv"
    assert call("image", "cells", saved, "--out", out) == (0, f"{out}: lists the cells of {saved}\n", "")
    assert out.read_bytes() == whole["cells.csv"]
    assert call("image", "cells", saved, "--out", out) == (
        1,
        "",
        f"error: {out}: already exists; choose another name or remove it\n",
    )


def test_a_list_that_came_with_an_older_version_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = program(SIZES, TINY).save(tmp_path / "p")
    path = saved / "image" / "cells.csv"
    monkeypatch.setattr(cell_list, "LISTED", 100)
    assert Program.load(saved) and image.verify(saved / "image", TINY)
    path.write_bytes(path.read_bytes().replace(b",+\n", b",-\n", 1))
    for load in (lambda: Program.load(saved), lambda: image.verify(saved / "image", TINY)):
        with pytest.raises(ImageError, match=r"cells\.csv: .*byte \d+ is wrong \(line \d+, cells of array 0, "):
            load()


def test_limits_follow_from_the_chip(tmp_path: Path) -> None:
    """What a chip's program may need is no mistake; what it cannot need is not read."""
    large = programs.chip("1024")
    assert largest("image/cells.csv", large) > 700e6 and largest("image/image.hex", large) > 9 / 4 * 17e6
    saved = program(SIZES, TINY).save(tmp_path / "p")
    for name in ("network.safetensors", "image/cells.csv", "rtl/xb_core.v"):
        good = (saved / name).read_bytes()
        os.truncate(saved / name, 1 << 40)  # sparse
        begin = time.perf_counter()
        with pytest.raises(ImageError) as caught:
            Program.load(saved)
        assert str(caught.value).startswith(f"{saved / name}: cannot be read (1,099,511,627,776 bytes, at most ")
        assert time.perf_counter() - begin < 5
        (saved / name).write_bytes(good)


@pytest.mark.parametrize("name", ["program.json", "chip.json", "image/manifest.json", "image/cells.csv"])
def test_pipes_and_devices_are_not_read(name: str, tmp_path: Path) -> None:
    saved = program(SIZES, TINY).save(tmp_path / "p")
    (saved / name).unlink()
    os.mkfifo(saved / name)
    with pytest.raises(ImageError, match=r"cannot be read \(not a regular file\)"):
        Program.load(saved)
    if name.startswith("image/"):
        with pytest.raises(ImageError, match=r"cannot be read \(not a regular file\)"):
            image.verify(saved / "image", TINY)


def test_layer_names_of_any_kind_are_one_field() -> None:
    network = net([20, 4], TINY)
    named = type(network)(
        network.name,
        network.features,
        network.input,
        tuple(type(n)(**vars(n) | {"name": 'a,"b'}) for n in network.nodes),
    )
    lines = render(place(named, TINY))["cells.csv"].decode().splitlines()
    assert '"a,""b"' in lines[1]
