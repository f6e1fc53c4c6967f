"""Programs: saved and loaded again, the same bytes each time; run; told when they do not fit."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import codesign
from codesign import image, ir
from codesign.chip.description import Chip
from codesign.errors import CapacityError, CodesignError, InputError, OutputError
from codesign.fixed import IntType
from codesign.mapping import Die
from codesign.program import Program
from tests.hdl.programs import images, net, program
from tests.image.folders import PACKED, SPOTS
from tests.program.builds import TINY, TRIMS, built, contents

WHOLE = "quantize real numbers first: network.quantize(x), program.quantize(x), or --real on the command line"


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
        assert {s.layer: s.trim for s in after.mapping.steps} == TRIMS
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
            ([12, 8, 4], "tiny", "6e20aa4368bed919d13dddc98a892591bb07ebfde4240addaf7b1ee069801de9"),
            ([64, 48, 10], "reference-128", "f2ad8d9bcb1d5548505236199fca2ea461f5dd8ca04004c140ed869d0f4a7b2f"),
        ],
    )
    def test_the_bytes_of_earlier_versions(self, sizes: list[int], chip: str, digest: str) -> None:
        """Of the image folder, all files; a new image format changes them, nothing else may."""
        files = image.render(program(sizes, Chip.load(chip)).mapping)
        sums = {f"image/{n}": hashlib.sha256(data).hexdigest() for n, data in files.items()}
        listed = "".join(f"{s}  {n}\n" for n, s in sorted(sums.items()))
        assert hashlib.sha256(listed.encode()).hexdigest() == digest

    def test_packed_and_sliced(self, tmp_path: Path) -> None:
        """Where its blocks lie comes back from program.json, not from a packer."""
        build = Program(PACKED).save(tmp_path / "p")
        after = Program.load(build)
        x = images(20, PACKED.network)
        assert after.words == Program(PACKED).words and (after.run(x) == Program(PACKED).run(x)).all()
        assert after.mapping.plan.spots == SPOTS and image.verify(build / "image", TINY)
        assert contents(after.save(tmp_path / "again")) == contents(build)
        manifest = json.loads((build / "program.json").read_text())
        assert manifest["spots"] == {"fc1": [[5, 0]], "fc2": [[25, 0], [0, 0]], "fc3": [[29, 1]]}
        assert manifest["arrays"] == {"budget": 6, "lower_bound": 2, "used": 3}

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
                r"network net0: needs 9 arrays [a-z ]+, chip tiny has 6 \(fc1 20x29 takes 2x4, fc2 29x4 takes 2x1\); "
                r"narrow fc1 to 16 outputs, or choose a chip with arrays.count >= 9",
            ),
            (
                [120, 4],
                r"network net0: needs 8 arrays [a-z ]+, chip tiny has 6 \(fc1 120x4 takes 8x1\); "
                r"choose a chip with arrays.count >= 8",
            ),
        ],
    )
    def test_too_large(self, sizes: list[int], expected: str) -> None:
        with pytest.raises(CapacityError) as caught:
            codesign.compile(net(sizes, TINY), None, TINY)
        assert re.fullmatch(expected, str(caught.value))

    def test_the_advice_is_good(self) -> None:
        assert codesign.compile(net([20, 16, 4], TINY), None, TINY).arrays_used == 5
        assert codesign.compile(net([20, 17, 4], TINY), None, TINY).arrays_used == 6, "8 unpacked"

    def test_too_wide_activations(self) -> None:
        chip = TINY.model_copy(update={"activation": TINY.activation.model_copy(update={"bits": 4})})
        network = replace(net([20, 4], TINY), input=IntType(5))
        with pytest.raises(CapacityError) as caught:
            codesign.compile(network, None, chip)
        assert str(caught.value) == (
            "network net0: has 5-bit activations, chip tiny takes 4; train with fewer bits or raise activation.bits"
        )
