"""Every damage to a saved program is told: bytes that changed, and programs that somebody else put together."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from codesign.errors import ImageError
from codesign.image.descriptors import encode_cells
from codesign.program import Program
from tests.program.builds import TINY, built, refused, signed


class TestDamage:
    def test_a_flipped_byte_of_any_file(self, build: Path) -> None:
        files = json.loads((build / "program.json").read_text())["files"]
        assert {Path(n).suffix for n in files} >= {".json", ".safetensors", ".bin", ".hex", ".csv", ".v", ".f", ".h"}
        for name in files:
            path = build / name
            good = path.read_bytes()
            bad = bytearray(good)
            bad[len(bad) // 2] ^= 0x04
            path.write_bytes(bad)
            line = refused(build)
            if name in ("image/manifest.json", "image/SHA256SUMS"):
                assert line.startswith(f"{path}: line {1 + good[: len(bad) // 2].count(10)} is wrong"), line
            elif name.startswith("image/"):  # what it should hold is known
                assert line.startswith(f"{path}: byte {len(bad) // 2} is wrong"), line
            else:
                assert line == f"{path}: its SHA-256 is not the one in program.json; compile again"
            path.write_bytes(good)
        assert Program.load(build)

    @pytest.mark.parametrize("bit", [0x01, 0x10, 0x80])
    def test_a_flipped_byte_of_program_json(self, bit: int, build: Path) -> None:
        path = build / "program.json"
        good = path.read_bytes()
        for at in range(bit % 5, len(good), 5):
            path.write_bytes(good[:at] + bytes([good[at] ^ bit]) + good[at + 1 :])
            assert refused(build).startswith(f"{path}: ")

    @pytest.mark.parametrize("name", ["image.bin", "image.hex", "array_3.hex"])
    def test_a_flipped_bit_of_a_cell_is_named(self, name: str, build: Path) -> None:
        path = build / "image" / name
        data = bytearray(path.read_bytes())
        if name == "array_3.hex":
            at = 5 * 9 + 2  # wordline 5; digit 5 from the right: bits 23:20, cells 10 and 11
            data[at] = ord("0123456789abcdef"[int(chr(data[at]), 16) ^ 4])
        else:
            cells = built().mapping.arrays[3].levels
            words = encode_cells(cells, TINY)
            word = words.tobytes() if name == "image.bin" else b"".join(b"%08x\n" % w for w in words.tolist())
            at = data.index(word) + (4 * 5 + 2 if name == "image.bin" else 9 * 5 + 2)
            data[at] = data[at] ^ 0x40 if name == "image.bin" else ord("0123456789abcdef"[int(chr(data[at]), 16) ^ 4])
        path.write_bytes(data)
        section = "" if name == "array_3.hex" else "section 11, "
        assert refused(build) == (
            f"{path}: byte {at} is wrong ({section}cells of array 3, wordline 5, bitline 11); copy or compile it again"
        )

    @pytest.mark.parametrize(
        "content", [b"", b"{", b"[]", b"3", b"\xff\xfe", b'{"schema": "codesign-program/2"}', b"null"]
    )
    def test_a_program_json_that_is_none(self, content: bytes, build: Path) -> None:
        path = build / "program.json"
        path.write_bytes(content)
        assert refused(build) in (
            f"{path}: is damaged; compile again",
            f"{path}: its contents do not match its own SHA-256; compile again",
            f"{path}: cannot be read (UTF-16 text; save it as UTF-8); compile again",
        )

    def test_missing_files_are_all_listed(self, build: Path) -> None:
        gone = [build / "chip.json", build / "image" / "image.hex"]
        for path in gone:
            path.unlink()
        assert refused(build).splitlines() == [f"{p}: is missing; compile again" for p in gone]

    def test_a_folder_where_a_file_should_be(self, build: Path) -> None:
        path = build / "image" / "image.hex"
        path.unlink()
        path.mkdir()
        assert refused(build) == f"{path}: cannot be read (Is a directory); copy or compile it again"

    @pytest.mark.parametrize("name", ["", "build/chip.json", "nothing"])
    def test_no_build_folder(self, name: str, build: Path) -> None:
        folder = build.parent / name
        assert refused(folder) == (
            f"{folder / 'program.json'}: no such file; give a folder that `codesign compile` or `Program.save` wrote"
        )

    def test_the_folder_of_a_run_names_its_program(self, build: Path, tmp_path: Path) -> None:
        inside = tmp_path / "run" / "02_compile" / "program"
        inside.parent.mkdir(parents=True)
        inside.symlink_to(build)
        assert refused(tmp_path / "run") == (
            f"{tmp_path / 'run' / 'program.json'}: no such file; give a folder that `codesign compile` or "
            f"`Program.save` wrote; did you mean {inside}?"
        )

    def test_another_schema(self, build: Path) -> None:
        signed(build, schema="codesign-program/3")
        assert refused(build) == (
            f"{build / 'program.json'}: schema must be codesign-program/2, got 'codesign-program/3'; compile again"
        )

    @pytest.mark.parametrize("whole", [True, False])
    def test_a_program_of_format_1(self, whole: bool, build: Path) -> None:
        """In one line, whatever else of it is strange to this version; the advice names its files."""
        signed(build, schema="codesign-program/1")
        if not whole:
            (build / "program.json").write_text('{"schema": "codesign-program/1"}')
            (build / "chip.json").write_text("{}")
        assert refused(build) == (
            f"{build / 'program.json'}: is of format 1, this codesign reads format 2; compile "
            f"{build / 'network.safetensors'} again with --chip {build / 'chip.json'}, and with --calibration if its "
            "ranges came from samples"
        )


class TestForged:
    """program.json with good checksums of bad contents."""

    @pytest.mark.parametrize("name", ["../secret", "image/../../secret", "/etc/hostname", "link"])
    def test_file_names_that_leave_the_folder(self, name: str, build: Path) -> None:
        secret = build.parent / "secret"
        secret.write_text("mine")
        (build / "link").symlink_to(secret)
        signed(build)
        files = json.loads((build / "program.json").read_text())["files"]
        signed(build, files=files | {name: hashlib.sha256(b"mine").hexdigest()})
        assert refused(build) == (
            f"{build / 'program.json'}: file name {name!r} points outside the folder; do not use this program"
        )

    @pytest.mark.parametrize("name", ["chip.json", "network.safetensors"])
    def test_files_that_are_not_listed(self, name: str, build: Path) -> None:
        files = json.loads((build / "program.json").read_text())["files"]
        del files[name]
        signed(build, files=files)
        assert refused(build) == f"{build / name}: its SHA-256 is not the one in program.json; compile again"

    @pytest.mark.parametrize("trims", [None, [], {"fc1": 3}, {"fc1": [1]}, {"fc1": [0, 0]}, {"fc1": ["a", 0]}])
    def test_trims_that_are_none(self, trims: object, build: Path) -> None:
        signed(build, trims=trims)
        with pytest.raises(ImageError):
            Program.load(build)

    @pytest.mark.parametrize(
        "spots", [None, [], {"fc1": 3}, {"fc1": [[0]]}, {"fc1": [[0, -1]]}, {"fc1": [["a", 0]]}, {"fc1": [[0.0, 0]]}]
    )
    def test_spots_that_are_none(self, spots: object, build: Path) -> None:
        signed(build, spots=spots)
        assert refused(build) == f"{build / 'program.json'}: is damaged; compile again"

    @pytest.mark.parametrize(
        ("spots", "told"),
        [
            ({"fc1": [[0, 0], [32, 0]]}, "must name the layers fc1, fc2, got fc1"),
            ({"fc1": [[0, 0]], "fc2": [[64, 0]]}, "layer fc1 has 2 blocks, got 1"),
            ({"fc1": [[0, 0], [32, 0]], "fc2": [[96, 0]]}, "layer fc2 ends on wordline 106, the chip has 96"),
            ({"fc1": [[0, 0], [32, 0]], "fc2": [[2, 0]]}, "layer fc2 covers cells of array 0 that layer fc1 holds"),
        ],
    )
    def test_spots_that_cannot_be(self, spots: object, told: str, build: Path) -> None:
        signed(build, spots=spots)
        assert refused(build) == f"{build / 'program.json'}: spots: {told}; compile again"

    def test_other_spots_than_the_image(self, build: Path) -> None:
        signed(build, spots={"fc1": [[0, 0], [32, 0]], "fc2": [[80, 0]]})
        assert refused(build) == f"{build}: the image does not match its network and chip; compile again"

    @pytest.mark.parametrize("files", [None, 3, "x", {"chip.json\0": "0"}])
    def test_files_that_are_none(self, files: object, build: Path) -> None:
        signed(build, files=files)
        assert refused(build) == f"{build / 'program.json'}: is damaged; compile again"

    @pytest.mark.parametrize(
        "changes",
        [
            {"provenance": {"codesign": "1", "chip": "0x00000000", "network": "net0"}},
            {"provenance": {"codesign": "1", "chip": f"0x{TINY.id:08x}", "network": "another"}},
            {"arrays": {"budget": 6, "lower_bound": 3, "used": 4}},
        ],
    )
    def test_a_program_json_of_another(self, changes: dict[str, object], build: Path) -> None:
        signed(build, **changes)
        assert refused(build) == (
            f"{build / 'program.json'}: does not match the network and chip beside it; compile again"
        )

    @pytest.mark.parametrize("name", ["array_0.hex", "cells.csv", "manifest.json", "SHA256SUMS"])
    def test_a_file_that_the_program_does_not_write_so(self, name: str, build: Path) -> None:
        path = build / "image" / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\n\n", 1))
        signed(build)
        (line,) = refused(build).splitlines()
        assert line.startswith(f"{path}: ") and line.endswith("; copy or compile it again")

    def test_other_trims_than_the_image(self, build: Path) -> None:
        signed(build, trims={"fc1": [1, 3], "fc2": [3, 4]})
        assert refused(build) == f"{build}: the image does not match its network and chip; compile again"

    def test_the_image_of_another_program(self, build: Path, tmp_path: Path) -> None:
        other = built(seed=1).save(tmp_path / "other")
        shutil.rmtree(build / "image")
        shutil.copytree(other / "image", build / "image")
        path = build / "image" / "array_0.hex"
        assert any(line.startswith(f"{path}: byte ") for line in refused(build).splitlines())
        signed(build)
        assert refused(build) == f"{build}: the image does not match its network and chip; compile again"

    def test_the_network_of_another_program(self, build: Path, tmp_path: Path) -> None:
        other = built(seed=1).save(tmp_path / "other")
        shutil.copy(other / "network.safetensors", build)
        signed(build)
        assert refused(build) == f"{build}: the image does not match its network and chip; compile again"

    def test_another_chip(self, build: Path) -> None:
        chip = TINY.model_copy(update={"adc": TINY.adc.model_copy(update={"bits": 7})})
        (build / "chip.json").write_text(chip.model_dump_json())
        signed(build)
        assert f"is for the chip with id 0x{TINY.id:08x}, tiny has 0x{chip.id:08x}" in refused(build)

    @pytest.mark.parametrize("text", ["", "{}", '{"name": "tiny"}', "[1"])
    def test_a_chip_that_is_none(self, text: str, build: Path) -> None:
        (build / "chip.json").write_text(text)
        signed(build)
        assert refused(build) == f"{build / 'chip.json'}: is not a chip this version of codesign knows; compile again"
