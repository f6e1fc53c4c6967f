"""The studies of the 2018 paper in their quick form, from the command line to the plots."""

import csv
import json
import math
from pathlib import Path

import pytest

from codesign.cli import main
from codesign.study import load

FLOWS = Path(__file__).parents[2] / "flows" / "iscas2018"


@pytest.mark.slow
def test_quick_form_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["study", str(FLOWS), "--quick", "--json", "--out", str(tmp_path / "out")])
    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    found = {record["name"]: record for record in json.loads(out)}
    studies = [study.quickly() for study in load(FLOWS)]
    assert list(found) == [study.name for study in studies]
    for study in studies:
        rows = found[study.name]["rows"]
        assert [row["case"] for row in rows[:: math.prod(map(len, study.vary.values()))]] == [
            c.name for c in study.case
        ]
        assert all(0 <= row["quantized_mean"] <= 100 and row["seeds"] == list(study.seeds) for row in rows)
        assert all(list(row["dies"]) == [d.name for d in study.die] for row in rows)
        if study.headline is not None:
            assert {"drop_mean", "drop_ci95", "seeds", "float_mean", "quantized_mean"} <= set(found[study.name])
        with (tmp_path / "out" / f"{study.name}.csv").open(newline="") as f:
            lines = list(csv.DictReader(f))
        assert len(lines) == len(rows) * max(1, len(study.die))
        picture = tmp_path / "out" / f"{study.name}.svg"
        assert picture.is_file() == (study.plot is not None)
