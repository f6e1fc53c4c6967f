"""Files of pages: where they lie, whose files are never replaced, comparisons, and what is refused."""

from pathlib import Path

import pytest

from codesign import page
from codesign.chip.description import Chip
from codesign.errors import CodesignError, InputError, OutputError
from codesign.page.comparison import compared
from codesign.page.render import html
from tests.page.pages import found
from tests.program.builds import built
from tests.report.example import example


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return built().save(tmp_path / "program")


def message(call: object, kind: type[CodesignError] = InputError) -> str:
    with pytest.raises(kind) as caught:
        call()  # type: ignore[operator]
    return str(caught.value)


def test_a_page_and_its_tables(program: Path, tmp_path: Path) -> None:
    assert page.write(program, tmp_path / "new" / "chip.html") == tmp_path / "new" / "chip.html"
    tables = {p.name for p in (tmp_path / "new" / "chip-tables").glob("*.csv")}
    assert tables == {"budget.csv", "chip.csv", "layers.csv", "cycles.csv", "energy.csv"}
    assert (tmp_path / "new" / "chip-tables" / "layers.csv").read_text().startswith("layer,matrix,slices,arrays,cells")


def test_same_folder_same_bytes(program: Path, tmp_path: Path) -> None:
    first = page.write(program, tmp_path / "a.html").read_bytes()
    assert page.write(program, tmp_path / "b.html").read_bytes() == first
    moved = program.rename(tmp_path / "elsewhere")
    assert page.write(moved, tmp_path / "a.html").read_bytes() == first


def test_files_of_others_stay(program: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.html"
    out.write_text("<p>mine</p>")
    told = message(lambda: page.write(program, out), OutputError)
    assert told == f"{out}: is a file that codesign did not write; choose another name"
    assert out.read_text() == "<p>mine</p>" and not (tmp_path / "mine-tables").exists()
    (tmp_path / "other-tables").mkdir()
    (tmp_path / "other-tables" / "mine.csv").touch()
    assert "holds files codesign did not write" in message(
        lambda: page.write(program, tmp_path / "other.html"), OutputError
    )
    assert not (tmp_path / "other.html").exists()
    told = message(lambda: page.write(program, tmp_path), OutputError)
    assert told == f"{tmp_path}: is a folder; give a file such as {tmp_path / 'report.html'}"


def test_a_programs_folder_is_not_written_to(program: Path, tmp_path: Path) -> None:
    told = message(lambda: page.write(program), OutputError)
    assert told == f"{program}: a program's folder holds only what it lists; name the page with --out FILE"
    page.write(program, tmp_path / "page.html")
    assert built().save(program) == program, "it can still be replaced"


def test_a_record_alone_has_a_page(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(example().json_text())
    text = found(page.write(tmp_path).read_text()).text
    assert "Verilog and reference agree" in text and "Floorplan" not in text


def test_what_is_no_folder_of_ours(tmp_path: Path) -> None:
    end = "give the folder of a run, a study, a search or a program"
    assert message(lambda: page.write(tmp_path)) == f"{tmp_path}: is no folder of codesign; {end}"
    (tmp_path / ".codesign.json").write_text('{"kind": "simulation", "schema": 1}')
    assert message(lambda: page.write(tmp_path)) == f"{tmp_path}: holds a codesign simulation; {end}"
    (tmp_path / ".codesign.json").write_text('{"kind": "study", "schema": 1}')
    assert message(lambda: page.write(tmp_path)) == f"{tmp_path}: holds no results yet; run its command to the end"
    (tmp_path / "x.json").write_text("{")
    assert message(lambda: page.write(tmp_path)) == (
        f"{tmp_path / 'x.json'}: is damaged; run its command again to rewrite it"
    )


def test_two_chips_side_by_side() -> None:
    made = compared(["tiny", "reference-128"])
    rows = {r[0]: r[1:] for t in made.tables if t.name == "figures" for r in t.rows}
    tiny, other = Chip.load("tiny"), Chip.load("reference-128")
    assert rows["arrays"] == (6, 16) and rows["id"] == (f"0x{tiny.id:08x}", f"0x{other.id:08x}")
    keys = {r[0] for t in made.tables if t.name == "inputs" for r in t.rows}
    assert {"name", "arrays.count", "device.levels"} <= keys and "device.spacing" not in keys
    reader = found(html(made))
    assert reader.wrong == [] and reader.headings == [1, 2, 2]


def test_programs_side_by_side(tmp_path: Path) -> None:
    a, b = built().save(tmp_path / "a" / "program"), built(seed=1).save(tmp_path / "b" / "program")
    made = compared([str(a), str(b)])
    assert made.title == "a/program · b/program"
    assert [s.name for s in made.sections] == ["figures"], "they have the same chip, and say nothing of layers"


def test_a_comparison_needs_two_that_are_there(tmp_path: Path, program: Path) -> None:
    assert message(lambda: compared(["tiny"])) == "tiny: a comparison needs two or more; give another folder"
    assert message(lambda: compared([str(program), str(tmp_path)])) == (
        f"{tmp_path}: is no folder of codesign; give that of a run, a study or a search"
    )
    assert message(lambda: compared(["tiny", "nowhere"])).startswith("chip nowhere: cannot be read (")
