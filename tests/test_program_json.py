"""What program.json says is what its network and chip give, even where its own checksum was made again."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from codesign.chip.description import Chip
from codesign.errors import ImageError, OutputError
from codesign.fixed import Trim
from codesign.program import Program
from codesign.sim import simulate
from tests.hdl.programs import images, program

TRIMS = {"fc1": Trim(1, 2), "fc2": Trim(3, 4)}


@pytest.fixture
def build(tmp_path: Path) -> Path:
    return program([20, 11, 4], Chip.load("tiny"), TRIMS).save(tmp_path / "build")


def forge(folder: Path, change: Any) -> None:
    """`change` works on what program.json holds, whose checksum is then made again."""
    path = folder / "program.json"
    content = json.loads(path.read_text())
    del content["sha256"]
    change(content)
    content["sha256"] = hashlib.sha256((json.dumps(content, indent=1, sort_keys=True) + "\n").encode()).hexdigest()
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def refused(folder: Path) -> str:
    with pytest.raises(ImageError) as caught:
        Program.load(folder)
    return str(caught.value).removeprefix(f"{folder / 'program.json'}: ")


@pytest.mark.parametrize("key", ["bound", "latency", "interval"])
def test_other_cycles(key: str, build: Path) -> None:
    true = json.dumps(json.loads((build / "program.json").read_text())["cycles"])
    forge(build, lambda c: c["cycles"].update({key: 1}))
    said = json.dumps(json.loads((build / "program.json").read_text())["cycles"])
    assert refused(build) == f"cycles are {true} by its network and chip, got {said}; compile again"


def test_cycles_that_another_version_predicted(build: Path) -> None:
    forge(build, lambda c: (c["cycles"].update(latency=1), c["provenance"].update(codesign="0.0.1")))
    assert Program.load(build).cycles.latency > 1


def test_a_trim_too_many(build: Path) -> None:
    forge(build, lambda c: c["trims"].update(fc9=[1, 0]))
    assert refused(build) == (
        'trims are {"fc1": [1, 2], "fc2": [3, 4]} by its network and chip, '
        'got {"fc1": [1, 2], "fc2": [3, 4], "fc9": [1, 0]}; compile again'
    )


def test_trims_that_were_cleared(tmp_path: Path) -> None:
    build = program([20, 11, 4], Chip.load("tiny")).save(tmp_path / "plain")
    forge(build, lambda c: c["trims"].clear())
    assert "trims are" in refused(build) and "got {}; compile again" in refused(build)


@pytest.mark.parametrize("name", ["rtl/xb_requant.v", "rtl/tiny_top.f"])
@pytest.mark.parametrize("remains", [True, False])
def test_verilog_that_is_not_listed(name: str, remains: bool, build: Path) -> None:
    """It would be simulated as it is, unchecked."""
    name = next(p.relative_to(build).as_posix() for p in build.rglob(Path(name).name))
    (build / name).write_text("tampered\n") if remains else (build / name).unlink()
    forge(build, lambda c: c["files"].pop(name))
    assert refused(build) == f"does not list {name}; compile again"


@pytest.mark.parametrize("name", ["xb_requant.v", "tiny_regs.h"])
def test_verilog_of_others_whose_sums_were_made_again(name: str, build: Path) -> None:
    (build / "rtl" / name).write_text("garbage\n")
    forge(build, lambda c: c["files"].update({f"rtl/{name}": hashlib.sha256(b"garbage\n").hexdigest()}))
    assert refused(build) == f"lists another rtl/{name} than this codesign emits for its chip; compile again"


def test_names_of_files_that_are_no_text(build: Path) -> None:
    forge(build, lambda c: c.update(files=[[1, 0]]))
    assert refused(build) == "is damaged; compile again"


@pytest.mark.parametrize("key", ["provenance", "arrays", "cycles", "trims", "files"])
@pytest.mark.parametrize("value", [None, 3, "x", []])
def test_a_part_that_is_no_table(key: str, value: object, build: Path) -> None:
    forge(build, lambda c: c.update({key: value}))
    with pytest.raises(ImageError, match=r"compile again$"):
        Program.load(build)


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "y/" * 3000])
def test_names_that_no_folder_can_have(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = program([20, 11, 4], Chip.load("tiny"), TRIMS)
    why = "cannot be a name, it holds a zero byte" if "\0" in name else "File name too long"
    with pytest.raises(OutputError, match=why):
        made.save(name)
    with pytest.raises(OutputError, match=why):
        simulate(made, images(2, made.network), folder=name)
    with pytest.raises(ImageError):
        Program.load(name)
    assert list(tmp_path.iterdir()) == []
