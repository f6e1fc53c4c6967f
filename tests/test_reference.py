"""The reference pages agree with the code: tables, examples and figures."""

import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from codesign import Chip, reference
from codesign.chip.device import Device
from codesign.flow import Flow
from codesign.search import describe as question
from codesign.study import describe as study

ROOT = Path(__file__).parents[1]


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def models(name: str) -> list[type[BaseModel]]:
    return [reference.model(m) for m in re.findall(r"<!-- fields ([\w.]+) -->", page(name))]


@pytest.mark.parametrize("name", reference.PAGES)
def test_fresh(name: str) -> None:
    assert page(name) == reference.fresh(page(name)), "run: python -m codesign.reference"


@pytest.mark.parametrize("name", reference.PAGES)
def test_every_field_says_what_it_means(name: str) -> None:
    assert models(name)
    for model in models(name):
        assert [f for f, field in model.model_fields.items() if not field.description] == [], model


@pytest.mark.parametrize(
    ("name", "roots"),
    [("docs/chip.md", [Chip]), ("docs/flow.md", [Flow]), ("docs/question.md", []), ("docs/study.md", [])],
)
def test_every_table_of_the_file_is_on_its_page(name: str, roots: list[type[BaseModel]]) -> None:
    """A new table of a chip or a flow needs a place on the page."""
    for root in roots:
        below = {f.annotation for f in root.model_fields.values() if isinstance(f.annotation, type)}
        tables = {m for m in below if issubclass(m, BaseModel)} - {Chip}
        assert tables <= set(models(name)), f"{name} lacks {tables - set(models(name))}"


def example(name: str) -> str:
    return re.findall(r"```toml\n(.*?)```", page(name), re.DOTALL)[0]


def test_examples_are_what_they_say(tmp_path: Path) -> None:
    chip = Chip.parse(example("docs/chip.md"))
    assert chip.device.codes == (2, 18, 41, 63)
    flow = Flow.parse(example("docs/flow.md"), "flow.md")
    assert flow.name == "myflow"
    (tmp_path / "question.toml").write_text(example("docs/question.md"))
    assert question.load(tmp_path / "question.toml", quick=True).search.trials == 4
    (tmp_path / "study.toml").write_text(example("docs/study.md"))
    (loaded,) = study.load(tmp_path / "study.toml")
    assert [c.name for c in loaded.case] == ["plain", "shifted"]


def test_the_rounding_table_of_the_chip_page() -> None:
    measured = (1.2, 14.8, 33.1, 50.4)
    rows = re.findall(r"^\| (\d+) \| ([\d, ]+) \| ([-\d., ]+) \|$", page("docs/chip.md"), re.MULTILINE)
    assert len(rows) == 4
    for bits, codes, errors in rows:
        made = Device(levels=4, spacing="table", table=measured, code_bits=int(bits)).codes
        assert list(made) == [int(c) for c in codes.split(",")]
        off = (np.array(made) / made[-1] - np.array(measured) / measured[-1]) * 100
        assert [float(e) for e in errors.split(",")] == [round(float(o), 2) + 0.0 for o in off]


@pytest.mark.parametrize(
    ("spacing", "ratio", "codes"),
    [("conductance", None, "0, 21, 42, 63"), ("conductance", 10, "6, 25, 44, 63"), ("resistance", 10, "6, 9, 16, 63")],
)
def test_the_formulas_of_the_chip_page(spacing: str, ratio: float | None, codes: str) -> None:
    top, steps = 63, [k / 3 for k in range(4)]
    device = Device(levels=4, spacing=spacing, on_off_ratio=ratio, code_bits=6)  # type: ignore[arg-type]
    if ratio is None:
        expected = [k * (top // 3) for k in range(4)]
    elif spacing == "conductance":
        expected = [round(top * (1 / ratio + (1 - 1 / ratio) * s)) for s in steps]
    else:
        expected = [round(top / (ratio + (1 - ratio) * s)) for s in steps]
    assert ", ".join(map(str, device.codes)) == codes == ", ".join(map(str, expected))


def test_a_field_becomes_a_row() -> None:
    text = reference.table(Device)
    assert "| `levels` | integer 2..256 | required |" in text
    assert "| `spacing` | `conductance`, `resistance`, `table` | `conductance` |" in text
    assert "| `on_off_ratio` | number > 1 | absent |" in text
