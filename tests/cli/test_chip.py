"""codesign chip: new, check and emit."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from codesign.chip.description import Chip
from tests.cli.calls import Call


class TestChip:
    def test_check(self, call: Call) -> None:
        assert call("chip", "check", "tiny") == (
            0,
            "tiny (0x79fae3a3) is a valid chip\n"
            "  6 arrays of 16 wordlines x 8 signed columns\n"
            "  4 levels a cell; error of each code in % of full scale:\n"
            "    level      nominal   code  represented    error\n"
            "        0            0      0            0     0.00\n"
            "        1       0.3333      1       0.3333     0.00\n"
            "        2       0.6667      2       0.6667     0.00\n"
            "        3            1      3            1     0.00\n"
            "  4 converters of 6 bits an array, 2 column groups\n"
            "  activations up to 8 bits, 17-bit accumulators\n",
            "",
        )

    def test_check_json(self, call: Call) -> None:
        found = json.loads(call("chip", "check", "tiny", "--json")[1])
        assert found["chip"]["arrays"] == {"count": 6, "rows": 16, "columns": 16}
        assert found["derived"]["weights"] == [-3, -2, -1, 0, 1, 2, 3]

    MEASURED = (
        'name = "measured"\n[arrays]\ncount = 2\nrows = 16\ncolumns = 16\n[adc]\nbits = 6\nlanes = 4\n'
        '[device]\nlevels = 4\nspacing = "table"\ntable = [1.2, 14.8, 33.1, 50.4]\n'
    )

    @pytest.mark.filterwarnings("always::codesign.errors.CodesignWarning")
    def test_check_shows_and_warns_of_what_rounding_makes_of_measured_levels(self, call: Call, tmp_path: Path) -> None:
        file = tmp_path / "c.toml"
        file.write_text(f"{self.MEASURED}code_bits = 2")
        status, out, err = call("chip", "check", file)
        assert status == 0 and "        1         14.8      1         16.8     3.97\n" in out
        told = (
            f"warning: {file}: device.code_bits: with 2 bits level 1 is 4 % of full scale above its conductance, "
            "more than 1 %; with 6 bits no level is off by more than 0.79 %\n"
        )
        assert err == told
        status, out, err = call("chip", "check", file, "--json")
        assert json.loads(out)["derived"]["levels"][1] == {
            "level": 1, "nominal": 14.8, "code": 1, "represented": 16.8, "error": 3.968253968
        }  # fmt: skip
        assert err == told
        file.write_text(f"{self.MEASURED}code_bits = 6")
        assert call("chip", "check", file)[2] == ""

    @pytest.mark.filterwarnings("always::codesign.errors.CodesignWarning")
    def test_check_prints_what_its_page_shows(self, call: Call, tmp_path: Path) -> None:
        page = (Path(__file__).parents[2] / "docs" / "chip.md").read_text(encoding="utf-8")
        (chip,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
        shown, warning = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
        file = tmp_path / "c.toml"
        file.write_text(chip)
        assert call("chip", "check", file) == (0, shown, "")
        file.write_text(chip.replace("code_bits = 6 ", "code_bits = 2 "))
        assert call("chip", "check", file)[2] == f"warning: {file}: {warning}"

    def test_check_shows_the_worst_of_many_levels(self, call: Call, tmp_path: Path) -> None:
        file = tmp_path / "c.toml"
        text = self.MEASURED.replace("= 4\nspacing", "= 64\non_off_ratio = 30\nspacing").replace(
            '"table"', '"resistance"'
        )
        file.write_text(text.replace("table = [1.2, 14.8, 33.1, 50.4]", "code_bits = 12"))
        out = call("chip", "check", file)[1]
        assert (
            out.count("\n") == 4 + 1 + 16 + 2 and "    the 16 levels with the largest errors; --json lists all\n" in out
        )
        assert len(json.loads(call("chip", "check", file, "--json")[1])["derived"]["levels"]) == 64

    def test_new_is_valid_and_named_after_its_file(self, call: Call, tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        assert call("chip", "new", file, "--like", "tiny") == (
            0,
            f"wrote {file}; edit it, then run: codesign chip check {file}\n",
            "",
        )
        assert tomllib.loads(file.read_text())["name"] == "mine"
        assert call("chip", "check", file)[0] == 0

    def test_new_with_keys_changed(self, call: Call, tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        sets = ["arrays.count=64", "memory.walks=8", "clock_mhz=100.0", "name=other"]
        assert call("chip", "new", file, *(word for s in sets for word in ("--set", s)))[0] == 0
        assert file.read_text().startswith(f"# As reference-128, but {', '.join(sets)}.\nname = ")
        assert "columns = 128      # bitlines, two for each signed column\n" in file.read_text()
        preset, made = Chip.load("reference-128"), Chip.load(file)
        changed = preset.model_dump(mode="json") | {"name": "other", "clock_mhz": 100.0}
        changed["arrays"]["count"], changed["memory"]["walks"] = 64, 8
        assert made.model_dump(mode="json") == changed

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ("arrays.count=0", "{file}: arrays.count: must be at least 1, got 0"),
            ("arrays.cuont=4", "{file}: arrays.cuont: unknown key; did you mean count?"),
        ],
    )
    def test_new_refuses_changes(self, call: Call, tmp_path: Path, change: str, expected: str) -> None:
        file = tmp_path / "mine.toml"
        assert call("chip", "new", file, "--set", change) == (1, "", f"error: {expected.format(file=file)}\n")
        assert not file.exists()

    def test_new_overwrites_nothing(self, call: Call, tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        file.write_text("precious")
        assert call("chip", "new", file)[2] == f"error: {file}: already exists; choose another name or remove it\n"
        assert file.read_text() == "precious"

    @pytest.mark.parametrize(
        ("name", "like", "expected"),
        [
            ("mine.txt", "tiny", "chip file {file}: must be named NAME.toml, such as mine.toml"),
            (
                "mine.toml",
                "tinny",
                "--like tinny: no such preset; use one of cnn-128, lenet-128, reference-128, tiny; did you mean tiny?",
            ),
            ("No.toml", "tiny", "{file}: name: must match ^[a-z][a-z0-9-]{{0,40}}$, got 'No'"),
            (
                "gone/a.toml",
                "tiny",
                "{file}: cannot be written, {file.parent} is no folder; make it first, or choose another",
            ),
        ],
    )
    def test_new_refuses(self, call: Call, tmp_path: Path, name: str, like: str, expected: str) -> None:
        file = tmp_path / name
        assert call("chip", "new", file, "--like", like) == (1, "", f"error: {expected.format(file=file)}\n")
        assert not file.exists()

    def test_emit(self, call: Call, tmp_path: Path) -> None:
        status, out, _ = call("chip", "emit", "tiny", "--out", tmp_path / "rtl", "--json")
        assert status == 0
        assert "xb_chip.v" in json.loads(out)["files"]
        assert (tmp_path / "rtl" / "xb_chip.v").read_text().endswith("\n")

    def test_emit_into_someone_elses_folder(self, call: Call, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("x")
        assert call("chip", "emit", "tiny", "--out", tmp_path) == (
            1,
            "",
            f"error: {tmp_path}: holds files codesign did not write (thesis.tex); "
            "choose an empty folder or remove them\n",
        )
