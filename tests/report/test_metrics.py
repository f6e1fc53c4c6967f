"""summary.json: what programs read, and what is said when it cannot be read."""

import json
from pathlib import Path

import pytest

from codesign.errors import InputError
from codesign.records import sealed
from codesign.report import load
from tests.report.example import example


def message(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load(folder)
    return str(caught.value)


def test_the_promised_keys(tmp_path: Path) -> None:
    summary = json.loads(example().json_text())
    assert summary["schema"] == "codesign-summary/1"
    assert summary["accuracy"]["rtl"] == {"percent": 100.0, "images": 64}
    assert set(summary["accuracy"]) == {"float", "quantized", "reference", "reference_simulated", "rtl"}
    assert summary["arrays"] == {"used": 2, "lower_bound": 1, "budget": 16}
    assert {"bound", "predicted", "simulated", "interval"} <= set(summary["cycles"])
    assert {"mismatches", "seed", "simulator", "time_s"} <= set(summary)


def test_round_trip(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(example().json_text())
    assert load(tmp_path) == example()


def test_no_summary(tmp_path: Path) -> None:
    assert message(tmp_path) == (
        f"{tmp_path}/summary.json: cannot be read (No such file or directory); "
        f"finish the run with `codesign run FLOW --out {tmp_path}`"
    )


def test_damaged(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    rest = "; rewrite it with --from report"
    path.write_text("{")
    assert message(tmp_path).startswith(f"{path}: is damaged or from an older codesign (Expecting property name")
    path.write_text(example().json_text().replace("97.5", "99.5"))
    changed = "its sha256 does not match its content"
    assert message(tmp_path) == f"{path}: is damaged or from an older codesign ({changed}){rest}"
    record = json.loads(example().json_text())
    del record["sha256"]
    path.write_text(json.dumps(record))
    assert message(tmp_path) == f"{path}: is damaged or from an older codesign (has no sha256 of itself){rest}"
    del record["cycles"]["bound"]
    path.write_text(sealed(record))
    assert message(tmp_path) == f"{path}: cycles.bound: Field required; rewrite it with --from report"


def test_right_is_words_and_cycles() -> None:
    assert example().is_right
    assert not example(mismatches=1, first_mismatch="x").is_right
    late = example().cycles.model_copy(update={"timing_errors": 1})
    assert not example(cycles=late).is_right
