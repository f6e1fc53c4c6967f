"""A run ends with what to try next, and that works as it stands."""

import json
import shlex
from pathlib import Path

import pytest

from tests.cli.calls import Call
from tests.tools import needs


@pytest.mark.slow
@needs("iverilog")
@pytest.mark.filterwarnings("default::codesign.errors.CodesignWarning")
def test_what_a_run_tells_to_try_next_works(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "my run"  # a blank, which a shell must not split
    words = ("run", "digits_mlp", "--out", out, "--quiet", "--set", "train.epochs=1", "--set", "simulate.images=2")
    status, said, err = call(*words)
    assert (status, err) == (0, "")
    head, _, told = said.partition("\nnext, to try:\n")
    page = head.splitlines()[-1].partition(": ")[2]
    assert Path(page).is_file() and Path(page).parent == out
    tries = [shlex.split(line) for line in told.splitlines() if line.startswith("    ")]
    assert [t[1] for t in tries] == ["simulate", "image", "vectors"]
    for name, *rest in tries:
        assert name == "codesign" and call(*rest)[0] == 0
    assert (out / "waves" / "chip.gtkw").is_file() and (out / "waves" / "chip.fst").stat().st_size > 1000
    assert len((out / "cells.csv").read_text().splitlines()) == 1 + 16 * 128 * 128
    assert (out / "vectors" / "words.csv").is_file()
    status, said, _ = call(*words, "--json")  # what was tried beside a run leaves it as it is
    assert status == 0 and json.loads(said)["name"] == "digits_mlp"


def test_a_run_that_stops_early_tells_nothing_to_try(call: Call, tmp_path: Path) -> None:
    words = ("run", "digits_mlp", "--out", tmp_path / "out", "--quiet", "--set", "train.epochs=1", "--until", "train")
    status, said, _ = call(*words)
    assert status == 0 and "next" not in said
