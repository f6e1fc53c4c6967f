"""The page of a run: what it says, that it is well formed and asks for nothing, and what it leaves out."""

import csv
import re
from dataclasses import replace

import pytest

from codesign.page.figures import Bars, Plot, Tick
from codesign.page.render import html
from codesign.page.run import program_page, run_page
from tests.hdl.programs import program
from tests.page.pages import found, run_of
from tests.program.builds import SIZES, TINY, TRIMS, built

RUN = run_of(built(), shape=(1, 4, 5))
PAGE = run_page(RUN)
TEXT = html(PAGE)
ALL = ["accuracy", "chip", "floorplan", "cells", "values", "confusion", "cycles", "energy", "reproduce"]


def test_well_formed_with_headings_in_order() -> None:
    reader = found(TEXT)
    assert reader.wrong == [] and reader.unnamed == []
    assert reader.headings == [1] + [2] * len(PAGE.sections)
    assert len(set(reader.ids)) == len(reader.ids)


def test_it_asks_for_nothing_and_links_only_to_itself() -> None:
    reader = found(TEXT)
    assert all(link.startswith(("#", "data:")) for link in reader.links)
    assert {link[1:] for link in reader.links if link.startswith("#")} <= set(reader.ids)
    assert "default-src 'none'" in TEXT
    assert not re.search(r"https?:|url\((?!#)|@import", TEXT)


def test_what_was_asked_and_answered_comes_first() -> None:
    text = found(TEXT).text
    assert text.index("Asked") < text.index("Answered") < text.index("Accuracy on the chip") < text.index("Floorplan")
    assert "on the chip tiny" not in text and "for the chip tiny: 6 arrays of 16 x 16 cells with 4 levels" in text
    assert "Verilog and reference agree in every word and cycle" in text


def test_a_wrong_chip_is_said_in_red() -> None:
    wrong = RUN.metrics.model_copy(update={"mismatches": 3, "first_mismatch": "image 1: layer <fc1>"})
    page = run_page(replace(RUN, metrics=wrong))
    assert page.verdict == "bad" and page.answered.startswith("WRONG in 4 simulated images: 3 words differ; the first:")
    text = html(page)
    assert "layer &lt;fc1&gt;" in text and "<fc1>" not in text


def test_all_sections_are_there() -> None:
    assert [s.name for s in PAGE.sections] == ALL


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({"tested": None}, {"confusion"}),
        ({"flow": None}, {"reproduce"}),
        ({"program": None}, {*ALL} - {"accuracy", "confusion"}),
        ({"program": None, "tested": None, "flow": None}, {*ALL} - {"accuracy"}),
    ],
)
def test_what_the_run_did_not_produce_has_no_box(changes: dict[str, None], gone: set[str]) -> None:
    page = run_page(replace(RUN, **changes))
    assert {*ALL} - {s.name for s in page.sections} == gone
    reader = found(html(page))
    assert reader.wrong == [] and not {*reader.ids} & gone


def test_without_a_baseline_or_a_clock_nothing_of_them_is_said() -> None:
    accuracy = RUN.metrics.accuracy.model_copy(update={"float": None})
    text = found(html(run_page(replace(RUN, metrics=RUN.metrics.model_copy(update={"accuracy": accuracy}))))).text
    assert "float" not in text.partition("Reproduce")[0] and "MHz" not in text


def test_pictures_of_mistakes_only_where_inputs_are_pictures() -> None:
    assert "data:image/png" in TEXT and 'alt="test image' in TEXT
    assert 'alt="test image' not in html(run_page(run_of(built())))


def test_every_table_is_there_as_csv() -> None:
    names = [t.name for t in PAGE.tables]
    assert len(set(names)) == len(names) and {"accuracy", "layers", "currents", "cycles", "energy"} <= set(names)
    for t in PAGE.tables:
        lines = list(csv.reader(t.csv.splitlines()))
        assert len(lines) == 1 + len(t.rows) and all(len(line) == len(t.columns) for line in lines)
        assert f'download="{t.name}.csv"' in TEXT


def test_values_beyond_the_converters_are_marked() -> None:
    narrow = TINY.model_copy(update={"adc": TINY.adc.model_copy(update={"bits": 3})})
    page = run_page(run_of(program(SIZES, narrow, TRIMS)))
    text = html(page)
    assert "clipped" in found(text).text and 'class="t cb"' in text
    assert 'class="t cb"' not in TEXT


def test_a_figure_gives_its_words_the_room_that_they_take() -> None:
    bars = [b for s in PAGE.sections for b in s.blocks if isinstance(b, Bars)]
    assert bars and all(f'style="--label: {b.label_width}ch; --value: {b.value_width}ch"' in TEXT for b in bars)
    budget = next(b for b in bars if b.bars[0].label == "arrays")
    assert budget.label_width == len("memory.activation_words") and budget.value_width == max(
        len(b.value) for b in budget.bars
    )
    wide = Plot("", "", "", (), (Tick(0, "0"), Tick(1, "100,000")))
    assert wide.tick_width == len("100,000") and Plot("", "", "", (), ()).tick_width == 0


def test_same_run_same_bytes() -> None:
    assert html(run_page(run_of(built(), shape=(1, 4, 5)))) == TEXT


def test_a_program_alone() -> None:
    page = program_page(built())
    assert [s.name for s in page.sections] == ["chip", "floorplan", "cells", "values", "cycles", "energy"]
    reader = found(html(page))
    assert reader.wrong == [] and "It fits: " in reader.text and "code before the clamp" not in reader.text
