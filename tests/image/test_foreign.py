"""Files that are whole and belong to another program: one line for each, not one for every cell."""

import re
from pathlib import Path

import pytest

from codesign.image import damages, render, verify
from codesign.mapping import place
from tests.hdl.programs import net
from tests.image.folders import FILES, MAPPING, TINY, problems, written

OTHER = render(place(net([20, 11, 4], TINY, seed=99), TINY))
CRCS = tuple(int.from_bytes(f["image.bin"][-4:], "little") for f in (OTHER, FILES))


@pytest.mark.parametrize("name", ["image.bin", "image.hex"])
def test_the_image_of_another_program(name: str, tmp_path: Path) -> None:
    """With its program and without; the other files are as good as they were."""
    assert OTHER["image.bin"] != FILES["image.bin"] and OTHER.keys() == FILES.keys()
    folder = written(tmp_path / "image")
    (folder / name).write_bytes(OTHER[name])
    line = f"{name}: holds another image, CRC-32 0x{CRCS[0]:08x} instead of 0x{CRCS[1]:08x}; copy or compile it again"
    assert problems(folder) == [line]
    assert damages(folder, MAPPING) == {name: f"{folder}/{line}"}
    (folder / name).write_bytes(OTHER[name][:-9])  # cut off, it is no image
    assert not any("holds another image" in told for told in problems(folder))


def test_all_of_another_programs_files(tmp_path: Path) -> None:
    """The folder is whole by itself; its program tells."""
    folder = written(tmp_path / "image", OTHER)
    verify(folder, TINY)
    lines = damages(folder, MAPPING)
    assert "holds another image" in lines["image.bin"] and "\n" not in lines["image.bin"]


def test_a_manifest_changed_in_many_places(tmp_path: Path) -> None:
    """Its lines are told, whatever their bytes have moved to."""
    folder = written(tmp_path / "image")
    text = FILES["manifest.json"].decode()
    (folder / "manifest.json").write_text(text.replace('"crc32": "0x', '"crc32": "0xf'))
    wrong = [k for k, line in enumerate(text.split("\n"), 1) if '"crc32"' in line]
    told = damages(folder, MAPPING)["manifest.json"].splitlines()
    assert [int(re.findall(r"line (\d+) is wrong", line)[0]) for line in told] == wrong and len(wrong) > 3
