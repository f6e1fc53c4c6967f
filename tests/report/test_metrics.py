"""summary.json: what programs read, and what is said when it cannot be read."""

import json
from pathlib import Path

import pytest

from codesign.account import Removed
from codesign.errors import InputError
from codesign.records import sealed
from codesign.report import Accuracies, Accuracy, Losses, load
from tests.report.example import example


def message(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load(folder)
    return str(caught.value)


def test_the_promised_keys(tmp_path: Path) -> None:
    summary = json.loads(example().json_text())
    assert summary["schema"] == "codesign-summary/1"
    assert summary["accuracy"]["rtl"] == {"percent": 100.0, "images": 64}
    assert set(summary["accuracy"]) == {"float", "quantized", "network", "reference", "reference_simulated", "rtl"}
    assert {"losses", "removed", "clipped"} <= set(summary)
    assert summary["arrays"] == {"used": 2, "lower_bound": 1, "least": 1, "budget": 16}
    assert {"bound", "predicted", "simulated", "interval"} <= set(summary["cycles"])
    assert {"mismatches", "seed", "simulator", "time_s"} <= set(summary)


def test_round_trip(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(example().json_text())
    assert load(tmp_path) == example()


def test_what_every_step_costs() -> None:
    """Only differences between accuracies of the same images are told."""
    a = example().accuracy.model_copy(update={"network": Accuracy(percent=96.6667, images=360)})
    assert Losses.of(a) == Losses(quantization=0.8333, converters=0.4167, rtl=0.0)
    assert Losses.of(example().accuracy) == Losses(rtl=0.0), "an older record"
    few = a.model_copy(update={"float": Accuracy(percent=97.5, images=180), "reference_simulated": None})
    assert Losses.of(few) == Losses(converters=0.4167)
    assert Losses.of(Accuracies.model_validate(a.model_dump() | {"float": None})) == Losses(converters=0.4167, rtl=0.0)


REMOVED = (Removed("fc1", (5, 17, 40), 64, "constant"), Removed("aside", (), 10, "unread"))


def test_what_passes_removed_is_kept(tmp_path: Path) -> None:
    record = example(removed=REMOVED, clipped={"fc1": 0.25, "fc2": 0.0}, losses=Losses(quantization=-0.5))
    (tmp_path / "summary.json").write_text(record.json_text())
    assert json.loads(record.json_text())["removed"] == [
        {"layer": "fc1", "units": [5, 17, 40], "of": 64, "why": "constant"},
        {"layer": "aside", "units": [], "of": 10, "why": "unread"},
    ]
    assert load(tmp_path) == record and load(tmp_path).removed == REMOVED


@pytest.mark.parametrize("change", [("constant", "eaten"), (" 17,", ' "x",')])
def test_a_record_of_nothing_is_refused(change: tuple[str, str], tmp_path: Path) -> None:
    content = json.loads(example(removed=REMOVED).json_text().replace(*change))
    del content["sha256"]
    (tmp_path / "summary.json").write_text(sealed(content))
    assert message(tmp_path).startswith(f"{tmp_path}/summary.json: removed.0.")


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
