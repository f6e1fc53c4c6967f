"""Programs: saved and loaded again, the same bytes each time, and every damage told."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import codesign
from codesign import ir
from codesign.chip.description import Chip
from codesign.errors import CapacityError, CodesignError, ImageError, InputError, OutputError
from codesign.fixed import IntType, Trim
from codesign.image.descriptors import encode_cells
from codesign.mapping import Die
from codesign.program import Program
from tests.hdl.programs import images, net, program

WHOLE = "give whole steps of 1, which is network.step: np.floor(x / step + 0.5).clip(0, 255).astype(int)"

TINY = Chip.load("tiny")
SIZES = [20, 11, 4]
TRIMS = {"fc1": Trim(1, 2), "fc2": Trim(3, 4)}


def built(seed: int = 0) -> Program:
    return program(SIZES, TINY, TRIMS, seed=seed)


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built().save(tmp_path_factory.mktemp("master") / "build")


@pytest.fixture
def build(master: Path, tmp_path: Path) -> Path:
    """A saved program to damage."""
    return Path(shutil.copytree(master, tmp_path / "build"))


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


class TestRoundTrip:
    def test_runs_and_programs_the_same(self, master: Path) -> None:
        before, after = built(), Program.load(str(master))
        x = images(60, before.network)
        assert (after.run(x) == before.run(x)).all() and before.run(x).any()
        assert (after.run(x, adc=False) == before.run(x, adc=False)).all()
        assert (before.run(x) != before.run(x, adc=False)).any()  # the trims matter, so they must come back
        assert after.words == before.words
        assert ir.show(after.network) == ir.show(before.network)
        assert after.chip == before.chip
        assert {u.layer: u.trim for u in after.mapping.arrays} == TRIMS
        assert (after.cycles, after.arrays_used, after.arrays_lower_bound) == (
            before.cycles,
            before.arrays_used,
            before.arrays_lower_bound,
        )

    def test_a_die_runs_on_a_loaded_program(self, master: Path) -> None:
        before, after = built(), Program.load(master)
        rng = np.random.default_rng(0)
        ideal = Die.ideal(before.mapping).codes
        die = Die({a: np.clip(c + rng.integers(-1, 2, c.shape), 0, 3).astype(np.int32) for a, c in ideal.items()})
        x = images(20, before.network)
        assert (after.run(x, die=die) == before.run(x, die=die)).all()
        assert (after.run(x, die=die) != after.run(x)).any()

    def test_same_program_same_bytes(self, master: Path, tmp_path: Path) -> None:
        first = contents(master)
        assert contents(built().save(tmp_path / "a" / "deep")) == first
        assert contents(Program.load(master).save(tmp_path / "b")) == first

    @pytest.mark.parametrize(
        ("sizes", "chip", "digest"),
        [
            ([12, 8, 4], "tiny", "046e721ac21c64e80f9bae2fcef053b30588dbe1e409818644461ca3532cf45e"),
            ([64, 48, 10], "reference-128", "78cbd53e7459867afbb86bc9f7e53e55a25fc8973630d097ac86508ccdb45040"),
        ],
    )
    def test_the_bytes_of_earlier_versions(self, sizes: list[int], chip: str, digest: str, tmp_path: Path) -> None:
        """Of the image folder, all files; a new image format changes them, nothing else may."""
        image = program(sizes, Chip.load(chip)).save(tmp_path / "p") / "image"
        sums = {f"image/{n}": hashlib.sha256(data).hexdigest() for n, data in contents(image).items()}
        listed = "".join(f"{s}  {n}\n" for n, s in sorted(sums.items()))
        assert hashlib.sha256(listed.encode()).hexdigest() == digest

    def test_what_a_build_folder_holds(self, master: Path) -> None:
        names = set(contents(master))
        assert {"program.json", "chip.json", "network.safetensors", "image/image.bin", "image/manifest.json"} <= names
        assert any(n.startswith("rtl/") and n.endswith(".v") for n in names)
        manifest = json.loads((master / "program.json").read_text())
        assert set(manifest["files"]) == names - {"program.json", ".codesign.json"}
        assert manifest["arrays"] == {"budget": 6, "lower_bound": 3, "used": 5}
        assert manifest["trims"] == {"fc1": [1, 2], "fc2": [3, 4]}
        p = built()
        assert manifest["cycles"] == {
            "bound": p.cycles.bound,
            "interval": p.cycles.interval,
            "latency": p.cycles.latency,
        }


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
            if name.startswith("image/"):  # what it should hold is known
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
        "content", [b"", b"{", b"[]", b"3", b"\xff\xfe", b'{"schema": "codesign-program/1"}', b"null"]
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

    def test_another_schema(self, build: Path) -> None:
        signed(build, schema="codesign-program/2")
        assert refused(build) == (
            f"{build / 'program.json'}: schema must be codesign-program/1, got 'codesign-program/2'; compile again"
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
            f"{build / 'program.json'}: is of another network or chip than lie beside it; compile again"
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


class TestSave:
    def test_someone_elses_folder(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("years")
        with pytest.raises(OutputError) as caught:
            built().save(tmp_path)
        assert str(caught.value) == (
            f"{tmp_path}: holds files codesign did not write (thesis.tex); choose an empty folder or remove them"
        )
        assert contents(tmp_path) == {"thesis.tex": b"years"}

    def test_someone_elses_files_in_our_folder(self, build: Path) -> None:
        (build / "image" / "notes.txt").write_text("mine")
        before = contents(build)
        with pytest.raises(OutputError) as caught:
            built(seed=1).save(build)
        assert "holds files codesign did not write (image/notes.txt)" in str(caught.value)
        assert contents(build) == before
        assert [p.name for p in build.parent.iterdir()] == ["build"]

    def test_our_own_folder_is_replaced(self, build: Path, tmp_path: Path) -> None:
        assert built(seed=1).save(build) == build
        assert contents(build) == contents(built(seed=1).save(tmp_path / "fresh"))
        assert Program.load(build).words == built(seed=1).words

    def test_a_failing_save_keeps_the_old(self, build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(chip: Chip) -> dict[str, str]:
            raise CodesignError("no templates")

        before = contents(build)
        monkeypatch.setattr("codesign.program.rtl.emit", fail)
        with pytest.raises(CodesignError, match="no templates"):
            built(seed=1).save(build)
        assert contents(build) == before
        assert [p.name for p in build.parent.iterdir()] == ["build"]


class TestRun:
    @pytest.mark.parametrize(
        ("x", "expected"),
        [
            (np.zeros(20, int), "shape must be (images, 20), got (20,); flatten each image to one row"),
            (np.zeros((2, 19), int), "shape must be (images, 20), got (2, 19); flatten each image to one row"),
            (np.zeros((2, 4, 5), int), "shape must be (images, 20), got (2, 4, 5); flatten each image to one row"),
            (
                np.zeros((2, 20)),
                f"dtype must be an integer, got float64; {WHOLE}",
            ),
            (
                np.full((1, 20), "a"),
                f"dtype must be an integer, got <U1; {WHOLE}",
            ),
            (np.full((1, 20), 256), "values must lie in 0..255 (u8), got 256..256; clip or rescale them"),
            (np.full((1, 20), -1), "values must lie in 0..255 (u8), got -1..-1; clip or rescale them"),
        ],
    )
    def test_unfit_inputs(self, x: np.ndarray, expected: str) -> None:
        with pytest.raises(InputError) as caught:
            built().run(x)
        assert str(caught.value) == f"inputs of network net0: {expected}"

    @pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.uint64])
    def test_any_integer_dtype(self, dtype: type) -> None:
        x = images(5, built().network)
        y = built().run(x.astype(dtype))
        assert y.dtype == np.int64 and y.shape == (5, 4) and (y == built().run(x)).all()

    def test_no_images(self) -> None:
        assert built().run(np.zeros((0, 20), np.uint8)).shape == (0, 4)

    def test_a_die_of_another_chip(self) -> None:
        with pytest.raises(InputError) as caught:
            built().run(images(2, built().network), die=Die({0: np.zeros((8, 8), np.int32)}))
        assert str(caught.value) == (
            "die: array 0 needs codes of shape (16, 16), got shape (8, 8); measure every used array"
        )


class TestCapacity:
    @pytest.mark.parametrize(
        ("sizes", "expected"),
        [
            (
                [20, 29, 4],
                "network net0: needs 10 arrays, chip tiny has 6 (fc1 20x29 takes 2x4, fc2 29x4 takes 2x1); "
                "narrow fc1 to 16 outputs, or choose a chip with arrays.count >= 10",
            ),
            (
                [120, 4],
                "network net0: needs 8 arrays, chip tiny has 6 (fc1 120x4 takes 8x1); "
                "choose a chip with arrays.count >= 8",
            ),
        ],
    )
    def test_too_large(self, sizes: list[int], expected: str) -> None:
        with pytest.raises(CapacityError) as caught:
            codesign.compile(net(sizes, TINY), None, TINY)
        assert str(caught.value) == expected

    def test_the_advice_is_good(self) -> None:
        assert codesign.compile(net([20, 16, 4], TINY), None, TINY).arrays_used == 5
        with pytest.raises(CapacityError):
            codesign.compile(net([20, 17, 4], TINY), None, TINY)

    def test_too_wide_activations(self) -> None:
        chip = TINY.model_copy(update={"activation": TINY.activation.model_copy(update={"bits": 4})})
        network = replace(net([20, 4], TINY), input=IntType(5))
        with pytest.raises(CapacityError) as caught:
            codesign.compile(network, None, chip)
        assert str(caught.value) == (
            "network net0: has 5-bit activations, chip tiny takes 4; train with fewer bits or raise activation.bits"
        )
