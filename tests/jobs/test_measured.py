"""Measured dies in flows, studies and searches: accuracy on the map, keys that follow the file, what is refused."""

from pathlib import Path

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.errors import CodesignError, ConfigError, InputError
from codesign.flow import Flow, run
from codesign.ir.labels import accuracy
from codesign.jobs.dies import on_dies
from codesign.jobs.job import Imperfection, Job
from codesign.jobs.training import key
from codesign.mapping import Die, place
from codesign.mapping import run as reference
from codesign.report import load
from codesign.search.describe import Evaluate
from codesign.study import load as studies
from tests.hdl.programs import images, net
from tests.study.toy import TOY

TINY = Chip.load("tiny")
FAULTS = "array,wordline,bitline,state\n0,3,5,stuck_on\n0,0,1,stuck_on\n4,0,0,stuck_off\n4,1,1,2\n"
FLOW = """\
name = "toy"
chip = "tiny"

[data]
downsample = 2

[network]
hidden = [8]

[train]
epochs = 2

[simulate]
images = 4

[die]
map = "faults.csv"
"""


@pytest.fixture(autouse=True)
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("faults.csv").write_text(FAULTS)
    return tmp_path


def test_accuracy_on_a_measured_die() -> None:
    network, flow = net([20, 11, 4], TINY), Flow.parse(FLOW, "f")
    x = images(40, network)
    mapping = place(network, TINY)
    labels = reference(mapping, x, adc=False).argmax(axis=1)
    die = Die.load("faults.csv", TINY)
    expected = accuracy(reference(mapping, x, die, adc=False), labels)
    found = on_dies(network, x, labels, flow, Imperfection(name="mine", map="faults.csv"), 3)
    assert found == [expected] and expected < 100
    wide = net([200, 60, 4], TINY)
    with pytest.raises(CodesignError, match="die mine: network net0 does not fit tiny, whose cells were measured; use"):
        on_dies(wide, images(2, wide), labels[:2], flow, Imperfection(name="mine", map="faults.csv"), 0)


def test_what_a_training_depends_on() -> None:
    flow = Flow.parse(FLOW, "f")
    job = Job("a", 1, flow)
    names = [Imperfection(name="mine", map="faults.csv"), Imperfection(name="mine", map="faults.csv", fraction=2)]
    first, other = (key(job, (die,), "data") for die in names)
    assert first != other == key(job, (names[1],), "data")
    Path("faults.csv").write_text(FAULTS + "1,0,0,on\n")
    assert key(job, (names[0],), "data") != first, "the file has changed"
    Path("faults.csv").unlink()
    with pytest.raises(InputError, match=r"faults.csv: cannot be read \(No such file or directory\); give a die or a"):
        key(job, (names[0],), "data")


@pytest.mark.parametrize("text", ['name = "d"', 'name = "d"\nmap = "faults.csv"\ncells = { variation = 0.1 }'])
def test_a_study_names_either_cells_or_a_map(text: str) -> None:
    Path("s.toml").write_text(f"{TOY}\n[[die]]\n{text}\n")
    with pytest.raises(ConfigError, match="give either cells to draw or the map of a measured die"):
        studies(Path("s.toml"))
    Path("s.toml").write_text(f'{TOY}\n[[die]]\nname = "d"\nmap = "faults.csv"\ng_on = 40\n')
    (study,) = studies(Path("s.toml"))
    assert study.die[0].map == "faults.csv" and study.die[0].cells is None and study.die[0].g_on == 40


def test_a_question_names_either_cells_or_a_map() -> None:
    assert Evaluate().is_ideal and not Evaluate(map="faults.csv").is_ideal
    with pytest.raises(ValueError, match="give either cells to draw or the map of a measured die"):
        Evaluate(map="faults.csv", cells={"variation": 0.1})
    assert Evaluate(map="faults.csv").digest != Evaluate(map="faults.csv", g_on=4.0).digest is not None


def test_a_flow_runs_on_its_die(faults: Path) -> None:
    """Reference, Verilog and report; the ideal die is another run, and training is shared."""
    Path("toy.toml").write_text(FLOW)
    flow = Flow.load("toy.toml")
    run(flow, faults / "out")
    summary = load(faults / "out")
    assert summary.die == "faults.csv" and summary.is_right
    assert "on the measured die faults.csv" in (faults / "out" / "05_report" / "report.txt").read_text()
    done = [(faults / "out" / f"0{k}_{n}" / "done.json").stat().st_mtime_ns for k, n in ((1, "train"), (2, "compile"))]
    x, y = (np.load(faults / "out" / "01_train" / f"{n}.npy") for n in ("inputs", "labels"))
    from codesign.program import Program

    program = Program.load(faults / "out" / "02_compile" / "program")
    outputs = np.load(faults / "out" / "03_reference" / "outputs.npy")
    assert (outputs == program.run(x, Die.load("faults.csv", TINY))).all() and (outputs != program.run(x)).any()
    assert summary.accuracy.reference.percent == accuracy(outputs, y)
    assert Die.load(faults / "out" / "04_simulate" / "die.npz", TINY).codes[0][3, 5] == 3
    Path("faults.csv").write_text("array,wordline,bitline,state\n")
    run(Flow.load("toy.toml"), faults / "out")
    again = [(faults / "out" / f"0{k}_{n}" / "done.json").stat().st_mtime_ns for k, n in ((1, "train"), (2, "compile"))]
    assert done == again, "training and compiling do not see the die"
    assert (np.load(faults / "out" / "03_reference" / "outputs.npy") == program.run(x)).all()


def test_what_is_wrong_with_a_die_is_told_before_training(faults: Path) -> None:
    Path("toy.toml").write_text(FLOW)
    Path("faults.csv").write_text(FAULTS + "9,0,0,on\n")
    with pytest.raises(InputError, match="line 6: array 9 is not on chip tiny"):
        run(Flow.load("toy.toml"), faults / "out")
    assert not (faults / "out" / "01_train").exists()


def test_the_path_of_a_map(faults: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (faults / "there").mkdir()
    (faults / "there" / "toy.toml").write_text(FLOW)
    (faults / "there" / "faults.csv").write_text(FAULTS)
    assert Flow.load("there/toy.toml").die.map == "there/faults.csv", "beside the flow file"
    (faults / "there" / "faults.csv").unlink()
    assert Flow.load("there/toy.toml").die.map == "faults.csv", "in the working directory"
    flow = Flow.load("my_die")
    assert Path(flow.die.map).is_file() and sum((c >= 0).sum() for c in flow.on_die.codes.values()) == 400
    assert Flow.parse(flow.toml(), "again") == flow
