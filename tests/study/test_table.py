"""Tables: means, paired differences and intervals by hand; JSON, CSV and text as they are written."""

import json
import math
from pathlib import Path

import pytest

import codesign
from codesign.jobs.training import Result
from codesign.study import Study, jobs
from codesign.study.table import Row, record, rows
from codesign.study.write import csv_text, text_table, write
from tests.study.toy import TOY, result, toy

DIES = """
[[die]]
name = "worn"
cells = { stuck_on = 0.1 }
draws = 2
[[die]]
name = "coarse"
cells = { variation = 0.1 }
draws = 1
"""
LR = '[vary]\n"train.lr" = [0.5, 0.25]\n"network.hidden" = [[4], [4, 2]]\n'


def table(study: Study, found: dict[tuple[str, int], Result]) -> list[Row]:
    """The rows, from results by case and seed."""
    made = jobs(study)
    return rows(study, made, [found[job.case, job.seed] for job in made])


FOUND = {
    ("plain", 1): result(88.0, 90.0, rejected=3),
    ("plain", 2): result(91.0, 92.0, rejected=0),
    ("wide", 1): result(89.5, 95.0),
    ("wide", 2): result(92.25, 96.0),
}


class TestFigures:
    def test_means_and_drops_of_equal_seeds(self, tmp_path: Path) -> None:
        plain, wide = table(toy(tmp_path), FOUND)
        assert (plain.case, plain.seeds, plain.cells) == ("plain", (1, 2), 1040)
        assert (plain.baseline, plain.quantized, plain.drop) == ((90, 92), (88, 91), (2, 1))
        assert (plain.baseline_mean, plain.quantized_mean, plain.drop_mean) == (91, 89.5, 1.5)
        assert plain.quantized_sd == pytest.approx(math.sqrt(4.5))
        assert plain.ci95 == pytest.approx(12.7062 * math.sqrt(0.5) / math.sqrt(2), rel=1e-4)
        assert plain.rejected == 1.5
        assert wide.baseline == plain.baseline  # what it is compared with
        assert wide.drop == (0.5, -0.25)
        assert wide.drop_mean == 0.125

    def test_results_pair_by_seed_whatever_their_order(self, tmp_path: Path) -> None:
        study = toy(tmp_path)
        made = [job for job in jobs(study) if job.case == "plain"]
        made += reversed([job for job in jobs(study) if job.case == "wide"])
        wide = rows(study, made, [FOUND[job.case, job.seed] for job in made])[1]
        assert (wide.seeds, wide.baseline, wide.quantized) == ((2, 1), (92, 90), (92.25, 89.5))
        assert wide.drop == (-0.25, 0.5)

    def test_without_a_baseline_there_is_no_drop(self, tmp_path: Path) -> None:
        study = toy(tmp_path, TOY.replace("epochs = 1", "epochs = 1\nbaseline = false").replace("against", "#"))
        found = {key: result(r.quantized, None) for key, r in FOUND.items()}
        for row in table(study, found):
            assert (row.baseline, row.baseline_mean, row.drop, row.drop_mean, row.ci95) == (None,) * 5

    def test_values_have_rows_of_their_own(self, tmp_path: Path) -> None:
        text = TOY.replace('set = { "network.hidden" = [16] }', "") + LR
        found = table(toy(tmp_path, text), FOUND)
        assert [(row.case, *row.values.values()) for row in found] == [
            (case, lr, hidden) for case in ("plain", "wide") for lr in (0.5, 0.25) for hidden in ([4], [4, 2])
        ]

    def test_dies_in_the_studys_order(self, tmp_path: Path) -> None:
        study = toy(tmp_path, TOY + DIES)
        found = {
            key: result(r.quantized, r.baseline, {"coarse": [80.0], "worn": [50.0, 60.0 + key[1]]})
            for key, r in FOUND.items()
        }
        row = table(study, found)[0]
        assert list(row.dies) == ["worn", "coarse"]
        assert row.dies["worn"] == {
            "mean": (50 + 61 + 50 + 62) / 4,
            "sd": pytest.approx(math.sqrt((2 * 5.75**2 + 5.25**2 + 6.25**2) / 3)),
            "min": 50,
            "dies": 4,
        }
        assert row.dies["coarse"] == {"mean": 80, "sd": 0, "min": 80, "dies": 2}


class TestJson:
    def test_the_headline_stands_at_the_top(self, tmp_path: Path) -> None:
        study = toy(tmp_path)
        found = record(study, table(study, FOUND))
        plain, wide = found.pop("rows")
        means = {"float_mean": 91.0, "quantized_mean": 89.5, "drop_mean": 1.5, "drop_ci95": 6.3531}
        assert found == {
            "schema": "codesign-study/1",
            "name": "toy",
            "question": "Does it work?",
            **means,
            "seeds": [1, 2],
            "codesign": codesign.__version__,
            "command": "codesign study toy.toml --out DIR",
            "quick": False,
        }
        assert plain == {
            "case": "plain",
            "values": {},
            "seeds": [1, 2],
            "float": [90.0, 92.0],
            "quantized": [88.0, 91.0],
            "drop": [2.0, 1.0],
            "ci95": 6.3531,
            "cells": 1040,
            "rejected": 1.5,
            "dies": {},
            **means,
        }
        assert wide["drop"] == [0.5, -0.25]

    def test_without_a_headline(self, tmp_path: Path) -> None:
        study = toy(tmp_path, TOY.replace("headline", "#"))
        assert set(record(study, table(study, FOUND))) == {
            *("schema", "name", "question", "codesign", "command", "quick", "rows")
        }
        said = record(study.quickly(), table(study, FOUND), ["train.lr=0.1", "name=a b"])
        assert said["quick"] and said["command"].endswith(
            "toy.toml --quick --set train.lr=0.1 --set 'name=a b' --out DIR"
        )

    def test_four_decimals(self, tmp_path: Path) -> None:
        study = toy(tmp_path, TOY.replace("[1, 2]", "[1]"))
        found = record(study, table(study, {k: result(200 / 3, 250 / 3) for k in FOUND}))
        assert found["quantized_mean"] == found["rows"][0]["quantized"][0] == 66.6667
        assert found["drop_mean"] == 16.6667
        assert found["drop_ci95"] is None


class TestCsv:
    def test_a_line_a_row(self, tmp_path: Path) -> None:
        study = toy(tmp_path)
        assert csv_text(study, table(study, FOUND)) == (
            "case,seeds,float,quantized,quantized_sd,drop,drop_ci95,cells,rejected\n"
            "plain,2,91,89.5,2.1213,1.5,6.3531,1040,1.5\n"
            "wide,2,91,90.875,1.9445,0.125,4.7648,1040,0\n"
        )

    def test_a_line_an_imperfection(self, tmp_path: Path) -> None:
        text = TOY[: TOY.rindex("[[case]]")].replace("[1, 2]", "[1]").replace("epochs = 1", "baseline = false")
        study = toy(tmp_path, text.replace("plain", 'a "b", c').replace('"a "b", c"', "'a \"b\", c'") + LR + DIES)
        made = jobs(study)
        found = [result(88.0 + k, None, {"worn": [50.0, 60.0], "coarse": [80.0]}) for k in range(len(made))]
        assert csv_text(study, rows(study, made, found)) == (
            "case,lr,hidden,seeds,float,quantized,quantized_sd,drop,drop_ci95,cells,rejected,"
            "die,die_mean,die_sd,die_min,dies\n"
            '"a ""b"", c",0.5,4,1,,88,,,,1040,0,worn,55,7.0711,50,2\n'
            '"a ""b"", c",0.5,4,1,,88,,,,1040,0,coarse,80,0,80,1\n'
            '"a ""b"", c",0.5,4-2,1,,89,,,,1040,0,worn,55,7.0711,50,2\n'
            '"a ""b"", c",0.5,4-2,1,,89,,,,1040,0,coarse,80,0,80,1\n'
            '"a ""b"", c",0.25,4,1,,90,,,,1040,0,worn,55,7.0711,50,2\n'
            '"a ""b"", c",0.25,4,1,,90,,,,1040,0,coarse,80,0,80,1\n'
            '"a ""b"", c",0.25,4-2,1,,91,,,,1040,0,worn,55,7.0711,50,2\n'
            '"a ""b"", c",0.25,4-2,1,,91,,,,1040,0,coarse,80,0,80,1\n'
        )

    def test_keys_with_equal_ends_keep_their_beginnings(self, tmp_path: Path) -> None:
        text = '[vary]\n"chip.adc.bits" = [4]\n"chip.activation.bits" = [8]\n"train.lr" = [0.5]\n'
        study = toy(tmp_path, TOY + text)
        head = csv_text(study, table(study, FOUND)).splitlines()[0]
        assert head.startswith("case,chip.adc.bits,chip.activation.bits,lr,seeds,")


class TestText:
    def test_columns_that_say_something(self, tmp_path: Path) -> None:
        study = toy(tmp_path)
        assert text_table(study, table(study, FOUND)) == (
            ["case", "float", "quantized", "drop"],
            [
                ["plain", "91.00", "89.50 ± 2.12", "1.50 ± 6.35"],
                ["wide", "91.00", "90.88 ± 1.94", "0.12 ± 4.76"],
            ],
            "percent of the test set, mean of 2 seeds ± standard deviation; "
            "drop: float minus quantized, ± half its 95 % interval",
        )

    def test_one_seed_one_case(self, tmp_path: Path) -> None:
        text = TOY[: TOY.rindex("[[case]]")].replace("[1, 2]", "[1]")
        study = toy(tmp_path, text)
        note = "percent of the test set, one seed; drop: float minus quantized"
        assert text_table(study, table(study, FOUND)) == (
            ["case", "float", "quantized", "drop"],
            [["plain", "90.00", "88.00", "2.00"]],
            note,
        )
        study = toy(tmp_path, text + '[vary]\n"network.hidden" = [[4], [8, 4]]\n')
        head, lines, _ = text_table(study, table(study, FOUND))
        assert head == ["hidden", "float", "quantized", "drop"]
        assert [line[0] for line in lines] == ["4", "8-4"]

    def test_imperfections_are_rows(self, tmp_path: Path) -> None:
        study = toy(tmp_path, (TOY + DIES).replace('against = "plain"', ""))
        dies = {"worn": [50.0, 60.0], "coarse": [80.0]}
        found = {k: result(r.quantized, r.baseline if k[0] == "plain" else None, dies) for k, r in FOUND.items()}
        assert text_table(study, table(study, found)) == (
            ["case", "float", "drop", "die", "accuracy", "worst"],
            [
                ["plain", "91.00", "1.50 ± 6.35", "ideal", "89.50 ± 2.12", "88.00"],
                ["", "", "", "worn", "55.00 ± 5.77", "50.00"],
                ["", "", "", "coarse", "80.00 ± 0.00", "80.00"],
                ["wide", "", "", "ideal", "90.88 ± 1.94", "89.50"],
                ["", "", "", "worn", "55.00 ± 5.77", "50.00"],
                ["", "", "", "coarse", "80.00 ± 0.00", "80.00"],
            ],
            "percent of the test set, mean of 2 seeds ± standard deviation; "
            "drop: float minus quantized, ± half its 95 % interval; "
            "imperfect dies: mean of 2 or 4 ± standard deviation",
        )

    def test_one_measured_die_has_no_spread(self, tmp_path: Path) -> None:
        (tmp_path / "faults.csv").write_text("array,wordline,bitline,state\n")
        text = (TOY + DIES).replace("seeds = [1, 2]", "seeds = [1]").replace('against = "plain"', "")
        study = toy(tmp_path, text + f'[[die]]\nname = "mine"\nmap = "{tmp_path / "faults.csv"}"\n')
        dies = {"worn": [50.0, 60.0], "coarse": [80.0], "mine": [85.0]}
        found = {k: result(r.quantized, r.baseline, dies) for k, r in FOUND.items() if k[1] == 1}
        _, lines, note = text_table(study, table(study, found))
        assert [line[3:] for line in lines[1:4]] == [
            ["worn", "55.00 ± 7.07", "50.00"],
            ["coarse", "80.00", "80.00"],
            ["mine", "85.00", "85.00"],
        ]
        assert note.endswith("imperfect dies: mean of 1 or 2 ± standard deviation; measured: mine")


def test_files(tmp_path: Path) -> None:
    study = toy(tmp_path, TOY + DIES)
    dies = {"worn": [50.0, 60.0], "coarse": [80.0]}
    found = table(study, {k: result(r.quantized, r.baseline, dies) for k, r in FOUND.items()})
    (tmp_path / "out").mkdir()
    write(study, found, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["toy.csv", "toy.json"]
    assert json.loads((tmp_path / "out" / "toy.json").read_text()) == record(study, found)
    pictured = toy(tmp_path, TOY + DIES + '[plot]\nx = "die"\n')
    write(pictured, found, tmp_path / "out")
    assert (tmp_path / "out" / "toy.svg").read_text().startswith("<?xml")
