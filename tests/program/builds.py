"""A small program, and what tests do with its folder."""

import hashlib
import json
from pathlib import Path

import pytest

from codesign.chip.description import Chip
from codesign.errors import ImageError
from codesign.fixed import Trim
from codesign.program import Program
from tests.hdl.programs import program

TINY = Chip.load("tiny")


SIZES = [20, 11, 4]


TRIMS = {"fc1": Trim(1, 2), "fc2": Trim(3, 4)}


def built(seed: int = 0) -> Program:
    return program(SIZES, TINY, TRIMS, seed=seed)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def refused(folder: Path) -> str:
    with pytest.raises(ImageError) as caught:
        Program.load(folder)
    return str(caught.value)


def signed(folder: Path, **changes: object) -> None:
    """Write program.json as a forger would: checksums of what now lies there, its own included."""
    path = folder / "program.json"
    manifest = json.loads(path.read_text())
    del manifest["sha256"]
    manifest["files"] = {
        n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in manifest["files"] if (folder / n).is_file()
    }
    manifest |= changes
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    manifest["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
