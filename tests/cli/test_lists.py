"""codesign image cells, delta and where, on the command line; a delta image on the simulated chip."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.ir import Linear
from codesign.mapping import place
from codesign.program import Program
from codesign.sim import simulate
from tests.cli.calls import Call
from tests.hdl.programs import images, program
from tests.tools import needs

TINY = Chip.load("tiny")


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("lists")
    return (
        program([20, 11, 4], TINY).save(place / "old"),
        program([25, 9, 4], TINY, seed=1).save(place / "new"),
    )


def test_cells_through_csv(call: Call, homes: tuple[Path, Path], tmp_path: Path) -> None:
    """A list of all cells, read back as a measured chip, has the levels of the image; another program's has not."""
    old, new = homes
    out = tmp_path / "list.csv"
    assert call("image", "cells", old, "--all", "--g-on", "40", "--out", out) == (
        0,
        f"{out}: lists the cells of {old}\n",
        "",
    )
    assert out.read_text().startswith("order,array,wordline,bitline,level,target_uS,low_uS,high_uS,layer,slice,")
    pieces = json.loads((old / "image" / "manifest.json").read_text())["pieces"]
    count = len({p["array"] for p in pieces}) * 16 * 16
    beside = f"; {16 * 16} cells that the image does not write not compared"
    assert count + 16 * 16 == 6 * 16 * 16, "an array is not in use"
    assert call("image", "diff", old, out) == (0, f"{old} and {out}: equal in {count:,} cells read back{beside}\n", "")
    status, told, _ = call("image", "diff", new, out)
    assert status == 1 and " -> level " in told and "weight fc1[" in told
    lines = out.read_text().splitlines(keepends=True)
    at = next(k for k, line in enumerate(lines) if ",0,3,5," in line)
    cells = lines[at].split(",")
    cells[4] = "3" if cells[4] != "3" else "0"
    out.write_text("".join([*lines[:at], ",".join(cells), *lines[at + 1 :]]))
    status, told, _ = call("image", "diff", old, out)
    first, last = told.splitlines()
    assert status == 1 and first.startswith("cells of array 0, wordline 3, bitline 5, weight fc1[2, 3]: level ")
    assert last.endswith("1 difference")
    cells[4] = "4"
    out.write_text("".join([*lines[:at], ",".join(cells), *lines[at + 1 :]]))
    told = f"error: {out}: line {at + 1}: level must be 0..3, got '4'\n"
    assert call("image", "diff", old, out) == (1, "", told)
    for nothing in (lines[:1], [lines[0], next(line for line in lines if line.split(",")[1] == "5")]):
        out.write_text("".join(nothing))
        told = f"error: {out}: lists no cell that {old} writes; give a line for each that was read back\n"
        assert call("image", "diff", old, out) == (1, "", told)


def test_wrong_usage(call: Call, homes: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = homes
    out = tmp_path / "x.csv"
    for options, told in (
        (["--g-on", "40"], "needs --all or --from"),
        (["--all", "--from", new], "lists some cells, --all lists all; give one of them"),
    ):
        status, _, err = call("image", "cells", old, "--out", out, *options)
        assert status == 2 and told in err
    assert call("image", "cells", old, "--all", "--window", "1", "--out", out)[0] == 1
    for options in ([], ["fc1[1,1]", "--array", "0"], ["--array", "0", "--bitline", "1"]):
        status, _, err = call("where", old, *options)
        assert status == 2 and "give a weight, or all of --array, --wordline and --bitline" in err
    status, _, err = call("image", "verify", old, "--from", new)
    assert (status, err) == (
        1,
        f"error: --from: {old} is no lone file, such as codesign image delta writes; leave it out\n",
    )
    assert not out.exists()


def test_where(call: Call, homes: tuple[Path, Path]) -> None:
    old, _ = homes
    assert call("where", old, "fc1[3,17]") == (
        0,
        "fc1[3, 17] of net0 on tiny: weight 2\n"
        "  fc1[3, 17]: array 1, wordline 1, bitline 6 (+, level 2) and bitline 7 (-, level 0)\n",
        "",
    )
    found = json.loads(call("where", old, "fc1[3,17]", "--json")[1])
    assert found["cells"][0]["bitlines"] == [6, 7]
    cell = ("--array", "1", "--wordline", "1", "--bitline", "7")
    assert call("where", old, *cell)[1] == "array 1, wordline 1, bitline 7: level 0, the - cell of fc1[3, 17]\n"
    assert json.loads(call("where", old, *cell, "--json")[1])["pair"] == found["cells"][0]
    assert call("where", old, "--array", "1", "--wordline", "9", "--bitline", "7")[1] == (
        "array 1, wordline 9, bitline 7: level 0, part of no weight\n"
    )


def test_a_delta_on_the_command_line(call: Call, homes: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = homes
    for name in ("d.bin", "d.ihex"):
        out = tmp_path / name
        status, told, err = call("image", "delta", new, "--from", old / "image" / "image.hex", "--out", out)
        assert (status, err) == (0, "")
        crc = Program.load(old).words[-1]
        assert told.startswith(f"{out}: ") and told.endswith(f"load it on a chip whose IMAGE_CRC is 0x{crc:08x}\n")
        assert "does not write all its cells" in call("image", "verify", out)[2]
        status, verified, _ = call("image", "verify", out, "--from", old)
        assert status == 0 and f", above an image of CRC-32 0x{crc:08x} (the chip's IMAGE_CRC)" in verified
        assert call("image", "delta", new, "--from", old, "--out", out)[2].endswith(
            "already exists; choose another name or remove it\n"
        )
    listed = tmp_path / "d.csv"
    assert call("image", "cells", new, "--from", old, "--out", listed)[0] == 0
    told = call("image", "delta", new, "--from", old, "--out", tmp_path / "new" / "e.bin", "--json")[1]
    assert json.loads(told)["cells"] == len(listed.read_text().splitlines()) - 1 > 50
    other = program([20, 11, 4], Chip.load("reference-128")).save(tmp_path / "r")
    assert (
        "give two images for one chip" in call("image", "delta", new, "--from", other, "--out", tmp_path / "f.bin")[2]
    )
    assert "give two images for one chip" in call("image", "cells", new, "--from", other, "--out", tmp_path / "f")[2]


@needs("iverilog")
def test_a_delta_on_the_chip(call: Call, homes: tuple[Path, Path], tmp_path: Path) -> None:
    """Loaded after the old image, it makes the chip run the new program, word for word; alone it does not."""
    old, out = homes[0], tmp_path / "d.bin"
    first = Program.load(old)
    fc1, fc2 = first.network.nodes
    assert isinstance(fc1, Linear)
    weight = fc1.weight.copy()
    weight[3:5] *= -1
    nodes = (replace(fc1, weight=weight), fc2)
    target = Program(place(replace(first.network, nodes=nodes), TINY))
    new = target.save(tmp_path / "new")
    assert call("image", "delta", new, "--from", old, "--out", out)[0] == 0
    changes, x = np.frombuffer(out.read_bytes(), "<u4").tolist(), images(4, target.network)
    assert len(changes) < len(target.words) and (target.run(x) != first.run(x)).any()
    target.__dict__["words"] = first.words + changes
    assert not simulate(target, x).mismatches
    target.__dict__["words"] = changes
    assert simulate(target, x).mismatches
