"""What objects look like: one line each, whatever they hold; tables for notebooks."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import BaseModel

import codesign
from codesign.brief import Brief, counted, html_table, joined
from codesign.chip.description import Chip
from codesign.data import digits
from codesign.flow import Flow
from codesign.jobs.training import Ended
from codesign.search import optimize, screen
from codesign.search.axes import Choice, Layers
from codesign.sim import Mismatch, Result
from codesign.study import load as load_studies
from codesign.train import Recipe, fit
from codesign.train.recipe import Data, Machine, Net, Quantization, Training
from tests.hdl.programs import program
from tests.report.example import example
from tests.search.toy import pretend, toy

TINY = Chip.load("tiny")
WRONG = Mismatch(3, "<fc1>", 5, 1, 5, 7, 8, "codesign simulate " + "a/very/long/folder/" * 9)
RESULT = Result(np.zeros((4, 2), np.int64), [67, 80, 93, 106], 13 / 3, (WRONG,), 0, 0.5)
OTHERS = (torch.nn.Module, Choice, Layers)  # print themselves as torch's do; are told apart by repr


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What public functions take and return, with everything of ours that is in it."""
    folder = tmp_path_factory.mktemp("objects")
    p = program([30, 11, 5], TINY)
    made = {
        "chip": Chip.load("reference-128"),
        "cells": codesign.Cells(variation=0.1),
        "workers": codesign.Workers(4),
        "die": codesign.Die.ideal(p.mapping),
        "program": p,
        "result": RESULT,
        "dataset": digits(),
        "recipe": Recipe(),
        "every field of a recipe": Recipe(
            data=Data(dataset="a/very/long/path/" * 9), network=Net(hidden=tuple(range(1, 99))),
            quantize=Quantization(cells=codesign.Cells(wire=1 / 3), slices=2, input_bits=3, activation_bits=2),
            train=Training(lr=1 / 3, epochs=3, batch=5, smoothing=0.1, seed=9, shift=1), machine=Machine(threads=2),
        ),
        "trained": fit(Recipe().changed({"network.hidden": (8,), "train.epochs": 2}), digits(), TINY),
        "ended": Ended("a" * 300, problem="b\n" * 300),
        "flow": Flow.load("digits_mlp"),
        "metrics": example(),
        "study": load_studies(Path("flows/iscas2018")),
        "screened": screen(toy(folder, "free.network.hidden=[[8], [16]]"), folder / "screen"),
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        pretend(patch)
        made["points"] = optimize(toy(folder), folder / "out")
    return list(below(made, {}))


def below(value: Any, seen: dict[int, Any]) -> Iterator[Any]:
    """Every object of ours that `value` is, or holds."""
    if id(value) in seen or isinstance(value, OTHERS):
        return
    seen[id(value)] = value  # kept, so that no other object gets its id
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from below(part, seen)
    elif type(value).__module__.startswith("codesign"):
        yield value
        parts = dict(value) if isinstance(value, BaseModel) else {}
        if dataclasses.is_dataclass(value):
            parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        yield from below(parts, seen)


def test_epochs_are_counted_once(objects: list[Any]) -> None:
    """Not those of the baseline on top."""
    assert [repr(o) for o in objects if type(o).__name__ == "Trained" if "; 2 epochs)" in repr(o)]


def test_every_object_is_one_short_line(objects: list[Any]) -> None:
    kinds = {type(v).__name__ for v in objects}
    assert kinds >= {"Program", "Network", "Linear", "Requant", "Mapping", "Step", "ArrayUse", "Die", "Cells", "Chip"}
    assert kinds >= {"Result", "Mismatch", "Dataset", "Recipe", "Trained", "Epoch", "Flow", "Metrics", "Study"}
    assert kinds >= {"Point", "Answer", "Found", "Question", "Context", "Screened", "Candidate", "Cost"}
    for value in objects:
        line = repr(value)
        assert "\n" not in line and len(line) <= 120, line
        assert line.startswith(f"{type(value).__name__}("), line
        assert "array(" not in line and "tensor(" not in line


def test_public_classes_are_all_looked_at(objects: list[Any]) -> None:
    public = [v for n in codesign.__all__ if isinstance(v := getattr(codesign, n), type)]
    records = [c for c in public if not issubclass(c, BaseException | Warning)]
    assert set(records) <= {type(v) for v in objects}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (TINY, "Chip(tiny: 6 arrays of 16 x 8 signed columns, 4-level cells, 4 6-bit converters each)"),
        (TINY.arrays, "Arrays(count=6, rows=16, columns=16)"),
        (codesign.Cells(), "Cells()"),
        (codesign.Cells(variation=0.1), "Cells(variation=0.1)"),
        (RESULT, "Result(4 images: 1 mismatch, 0 timing errors, latency 67, interval 4.33)"),
        (
            program([30, 11, 5], TINY).mapping.steps[0],
            "Step(layer='fc1', input=u8, source=0, walk=Walk(), loads=2 items, blocks=2 items, tiles=2 items, wait=0, "
            "...)",
        ),
        (program([30, 11, 5], TINY), "Program(net0 on tiny: 5 of 6 arrays, interval 42)"),
        (program([30, 11, 5], TINY).network, "Network(net0: 30 x u8, 2 nodes, 385 weights)"),
        (program([30, 11, 5], TINY).mapping, "Mapping(net0 on tiny: 5 arrays, 2 steps)"),
        (digits(), "Dataset(digits: 1437 training and 360 test images of 1x8x8, 10 classes)"),
        (
            Recipe().changed({"network.hidden": (16,), "quantize.cells": codesign.Cells(wire=0.01)}),
            "Recipe(network.hidden=(16,), quantize.cells.wire=0.01)",
        ),
        (
            Flow.load("digits_mlp"),
            "Flow(digits_mlp on reference-128: quantize.input_bits=4, quantize.activation_bits=4, train.epochs=40, "
            "train.seed=1)",
        ),
        (
            example(),
            "Metrics(digits_mlp on reference-128: 100.00 % of 64 images in Verilog, 0 mismatches, 0 timing errors)",
        ),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, Brief) else "",
)
def test_in_these_words(value: Brief, expected: str) -> None:
    assert repr(value) == expected


def test_text_of_others_stays_in_its_line() -> None:
    assert repr(Ended("a\nb\x1b[31m")) == r"Ended(label='a\nb\x1b[31m')"
    network = dataclasses.replace(program([4, 2], TINY).network, name="a\nb")
    assert repr(network) == r"Network(a\nb: 4 x u8, 1 nodes, 8 weights)"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0, "word"), "0 words"),
        ((1, "word"), "1 word"),
        ((1200, "mismatch"), "1,200 mismatches"),
        ((1, "word", "differs", "differ"), "1 word differs"),
        ((2, "word", "differs", "differ"), "2 words differ"),
    ],
)
def test_numbers_agree_with_their_nouns(arguments: tuple[Any, ...], expected: str) -> None:
    assert counted(*arguments) == expected


def test_what_is_left_out_shows_as_dots() -> None:
    assert joined(["a=1", "b=2"], 8) == "a=1, b=2"
    assert joined(["a=1", "b=2"], 7) == "..."
    assert joined(["a=1", "b=2", "c=3"], 13) == "a=1, b=2, c=3"
    assert joined(["a=1", "b=2", "c=3"], 12) == "a=1, ..."


def test_tables_for_notebooks_are_escaped() -> None:
    assert html_table("<b>", [("a & b", "<i>")], ("x", "y")) == (
        "<table>\n<caption>&lt;b&gt;</caption>\n<tr><th>x</th><th>y</th></tr>\n"
        "<tr><th>a &amp; b</th><td>&lt;i&gt;</td></tr>\n</table>"
    )
    p = program([30, 11, 5], TINY)
    network = dataclasses.replace(p.network, name="<script>")
    for value in (p, network, TINY, RESULT):
        text = value._repr_html_()
        assert text.startswith("<table>") and text.count("<tr>") >= 2
        assert "<script>" not in text and "<fc1>" not in text
    assert "&lt;script&gt;" in network._repr_html_() and "&lt;fc1&gt;" in RESULT._repr_html_()
    assert "<td>42</td>" in p._repr_html_()


def test_a_program_whose_stream_is_not_periodic_still_shows_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codesign.mapping.timing.LONGEST", 1)
    p = program([30, 11, 5], TINY)
    assert repr(p) == "Program(net0 on tiny: 5 of 6 arrays, interval not known)"
    assert "<td>not known</td>" in p._repr_html_()
