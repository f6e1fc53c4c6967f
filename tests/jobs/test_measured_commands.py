"""`codesign study` and `codesign optimize` on a measured die: a map that ruins a network ruins what they tell."""

import json
from pathlib import Path

import pytest

from tests.cli.calls import Call
from tests.tools import needs

pytestmark = pytest.mark.slow
HEAD = "array,wordline,bitline,state\n"
#: Every + cell of the first arrays at the highest level: all outputs are alike.
RUIN = HEAD + "".join(f"{a},{w},{b},stuck_on\n" for a in range(6) for w in range(16) for b in range(0, 16, 2))

STUDY = """\
name = "s"
question = "What do stuck cells cost?"
chip = "tiny"
seeds = [1]
headline = "plain"

[data]
downsample = 2

[network]
hidden = [8]

[train]
epochs = 20
lr = 1e-2
baseline_lr = 1e-2

[[case]]
name = "plain"

[[die]]
name = "whole"
map = "whole.csv"

[[die]]
name = "ruin"
map = "ruin.csv"
"""

QUESTION = """\
name = "q"
question = "Which layers?"
chip = "tiny"

[data]
downsample = 2

[train]
epochs = 8

[free]
"network.hidden" = [[8], [4]]

[limits]
arrays = 12

[search]
trials = 2
rungs = [1]
validation = 100
seeds = [1]

[uniform]
hidden = [8]

[simulate]
images = 4

[evaluate]
map = "MAP"
"""


@pytest.fixture(autouse=True)
def maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("whole.csv").write_text(HEAD)
    Path("ruin.csv").write_text(RUIN)


@pytest.mark.filterwarnings("default::codesign.errors.CodesignWarning")
def test_a_study(call: Call) -> None:
    Path("s.toml").write_text(STUDY)
    status, out, err = call("study", "s.toml", "--out", "s")
    assert status == 0, err
    (row,) = json.loads(Path("s/s.json").read_text())["rows"]
    assert row["dies"]["whole"]["mean"] == row["quantized_mean"] > 30 > row["dies"]["ruin"]["mean"]
    assert [line.split()[0] for line in out.splitlines() if line.startswith(" " * 8) and "." in line] == [
        "whole",
        "ruin",
    ]
    assert "one seed; drop: float minus quantized; measured: whole, ruin" in " ".join(out.split())
    assert "±" not in out, "a measured die is one, without a spread"


@needs("iverilog")
@pytest.mark.filterwarnings("default::codesign.errors.CodesignWarning")
def test_a_question(call: Call) -> None:
    found = {}
    for name in ("whole", "ruin"):
        Path(f"{name}.toml").write_text(QUESTION.replace("MAP", f"{name}.csv"))
        status, _, err = call("optimize", f"{name}.toml", "--out", name)
        assert status == 0, err
        (answer,) = json.loads(Path(f"{name}/q.json").read_text())["budgets"]
        found[name] = answer["certificate"]["test"]["mean"]
        assert answer["certificate"]["rtl"]["mismatches"] == 0
    assert found["whole"] > 30 > found["ruin"]
