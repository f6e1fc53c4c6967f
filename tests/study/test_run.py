"""Running studies: each training once, whatever ends it early; what is wrong with one keeps no other from ending."""

import errno
import json
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.chip.description import Adc
from codesign.errors import ConfigError, InputError, OutputError, ToolError
from codesign.folders import alone
from codesign.jobs import training
from codesign.jobs.training import Ended, Result, key, read
from codesign.mapping import Spots
from codesign.study import Study, jobs, run
from codesign.study.run import _tasks
from codesign.workers import Workers
from tests.study.toy import TOY, pretend, result, toy

FILES = ("report-tables", "report.html", "toy.csv", "toy.json")
PAIR = TOY[: TOY.rindex("[[case]]")]  # one case, two seeds


@pytest.fixture
def pair(tmp_path: Path) -> Study:
    return toy(tmp_path, PAIR)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study of two real trainings."""
    folder = tmp_path_factory.mktemp("trained")
    run(toy(folder, PAIR), folder / "out")
    return folder / "out"


def written(out: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in out.glob("toy.*")}


class TestForReal:
    def test_a_table_and_its_files(self, trained: Path) -> None:
        found = json.loads((trained / "toy.json").read_text())
        assert found["seeds"] == [1, 2]
        (row,) = found["rows"]
        assert found["float_mean"] == pytest.approx(np.mean(row["float"]), abs=1e-4)
        assert found["quantized_mean"] == pytest.approx(np.mean(row["quantized"]), abs=1e-4)
        assert found["drop_mean"] == pytest.approx(found["float_mean"] - found["quantized_mean"], abs=2e-4)
        half = np.std(row["drop"], ddof=1) / np.sqrt(2) * 12.7062
        assert found["drop_ci95"] == pytest.approx(half, rel=1e-3, abs=1e-3)
        assert row["cells"] == 2 * (64 * 8 + 8 * 10)
        assert all(0 < accuracy < 100 for accuracy in row["quantized"])

    def test_a_folder_for_each_training(self, trained: Path) -> None:
        homes = sorted((trained / "jobs").iterdir())
        assert len(homes) == 2
        for home in homes:
            assert sorted(p.name for p in home.iterdir()) == ["flow.toml", "result.json"]
            assert read(home) is not None

    def test_again_nothing_is_trained(self, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def train(*_: object) -> None:
            raise AssertionError("trained again")

        monkeypatch.setattr(training, "_trained", train)
        before = written(trained)
        told: list[tuple[str, float, int, str]] = []
        run(toy(trained.parent, PAIR), trained, progress=lambda *what: told.append(what))
        assert written(trained) == before
        assert told == [("toy", 2, 2, "")]

    @pytest.mark.slow
    def test_workers_in_another_folder_leave_the_same_bytes(self, trained: Path, tmp_path: Path) -> None:
        run(toy(tmp_path, PAIR), tmp_path / "out", workers=Workers(2))
        assert written(tmp_path / "out") == written(trained)
        names = [sorted(p.name for p in (out / "jobs").iterdir()) for out in (trained, tmp_path / "out")]
        assert names[0] == names[1]

    def test_a_cluster_leaves_the_same_bytes(self, trained: Path, tmp_path: Path) -> None:
        distributed = pytest.importorskip("distributed", reason="needs the extra: pip install 'codesign[cluster]'")
        with distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, host="127.0.0.1", protocol="tcp", dashboard_address=None
        ) as cluster:
            run(toy(tmp_path, PAIR), tmp_path / "out", workers=Workers(1, cluster.scheduler_address))
        assert written(tmp_path / "out") == written(trained)

    def test_stopped_in_the_second_training_it_goes_on_there(self, trained: Path, tmp_path: Path, pair: Study) -> None:
        class Stop(Exception):
            pass

        def stop(study: str, done: float, of: int, note: str) -> None:
            if note.startswith("baseline") and "last" in note:
                raise Stop

        with pytest.raises(Stop):
            run(pair, tmp_path / "out", progress=stop)
        assert [read(h) is None for h in sorted((tmp_path / "out" / "jobs").iterdir())].count(True) == 1
        (state,) = (tmp_path / "out" / "jobs").glob("*/state")
        assert [p.name for p in state.iterdir()] == ["baseline.safetensors"]
        told: list[tuple[float, str]] = []
        run(pair, tmp_path / "out", progress=lambda name, done, of, note: told.append((done, note)))
        assert told[0] == (1, "")
        assert [note.split()[0] for _, note in told[1:-1]] == ["quantized"]  # the baseline was done
        assert written(tmp_path / "out") == written(trained)

    def test_dies(self, tmp_path: Path) -> None:
        text = PAIR.replace("[1, 2]", "[1]").replace('"tiny"', '"reference-128"')
        text += '[[die]]\nname = "half"\ncells = { stuck_on = 0.5, stuck_off = 0.5 }\ndraws = 3\n'
        study = toy(tmp_path, text.replace("epochs = 1", "epochs = 3"))
        (row,) = run(study, tmp_path / "out")
        assert row.dies["half"]["dies"] == 3
        assert row.dies["half"]["mean"] < row.quantized_mean


class TestResume:
    def test_killed_between_two_trainings(self, tmp_path: Path, pair: Study, monkeypatch: pytest.MonkeyPatch) -> None:
        def killed(case: str, seed: int) -> Result:
            if seed == 2:
                raise KeyboardInterrupt
            return result(80)

        pretend(monkeypatch, killed)
        with pytest.raises(KeyboardInterrupt):
            run(pair, tmp_path / "out")
        assert not (tmp_path / "out" / "toy.json").exists()
        asked = pretend(monkeypatch, lambda case, seed: result(81))
        (row,) = run(pair, tmp_path / "out")
        assert asked == ["plain, seed 2"]
        assert row.quantized == (80, 81)

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "null", '{"quantized": 80}', '{"float": NaN}', "\x00" * 300, "[" * 100000]
    )
    def test_a_damaged_result_is_trained_again(
        self, tmp_path: Path, pair: Study, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        pretend(monkeypatch, lambda case, seed: result(80 + seed))
        run(pair, tmp_path / "out")
        (file,) = [
            p for p in (tmp_path / "out").glob("jobs/*/result.json") if json.loads(p.read_text())["quantized"] == 82
        ]
        before = written(tmp_path / "out")
        file.write_text(text)
        asked = pretend(monkeypatch, lambda case, seed: result(80 + seed))
        run(pair, tmp_path / "out")
        assert asked == ["plain, seed 2"]
        assert written(tmp_path / "out") == before

    def test_what_killed_writers_leave_is_harmless(self, tmp_path: Path, pair: Study) -> None:
        folder = tmp_path / "out" / "jobs"
        for task in tasks(pair, tmp_path / "out"):
            (task.home / "state").mkdir(parents=True)
            (task.home / ".result.json.123.tmp").write_text("{")
            (task.home / "state" / ".baseline.safetensors.123.tmp").write_text("x")
        (tmp_path / "out" / ".codesign.json").write_text('{"kind": "study", "schema": 1}')
        run(pair, tmp_path / "out")
        assert {p.name for p in folder.glob("*/*")} | {p.name for p in folder.glob("*/.*")} == {
            "flow.toml",
            "result.json",
        }

    def test_damaged_state_is_told(self, tmp_path: Path, pair: Study) -> None:
        homes = [task.home for task in tasks(pair, tmp_path / "out")]
        for home in homes:
            (home / "state").mkdir(parents=True)
        (homes[0] / "state" / "baseline.safetensors").write_text("x")
        (tmp_path / "out" / ".codesign.json").write_text('{"kind": "study", "schema": 1}')
        (line,) = failure(pair, tmp_path / "out")
        where = f"study toy, plain, seed 1: {homes[0]}/state/baseline.safetensors: not a readable checkpoint ("
        assert line.startswith(where)
        assert line.endswith("delete it to start over")
        assert read(homes[1]) is not None


def tasks(study: Study, out: Path) -> list[training.Task]:
    return _tasks(study, jobs(study), out.resolve() / "jobs", None)


def failure(study: Study, out: Path, **more: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        run(study, out, **more)
    return str(caught.value).splitlines()


class TestFailure:
    def test_a_training_that_diverges_is_named_and_the_others_are_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        study = toy(tmp_path, PAIR + '[vary]\n"train.baseline_lr" = [1e38, 0.01]\n')
        told: list[str] = []
        lines = failure(study, tmp_path / "out", progress=lambda *what: told.append(what[3]))
        assert [line.partition("; ")[2] for line in lines] == ["lower lr (now 1e+38)"] * 2
        for seed, line in enumerate(lines, 1):
            assert line.startswith(f"study toy, plain, baseline_lr 1e+38, seed {seed}: training: epoch 1: loss is ")
        assert f"failed, plain, baseline_lr 1e+38, seed {seed}" in told
        assert not (tmp_path / "out" / "toy.json").exists()
        asked = pretend(monkeypatch, lambda case, seed: result(80))
        mended = toy(tmp_path, PAIR + '[vary]\n"train.baseline_lr" = [0.02, 0.01]\n')
        run(mended, tmp_path / "out")
        assert asked == ["plain, baseline_lr 0.02, seed 1", "plain, baseline_lr 0.02, seed 2"]

    @pytest.mark.parametrize("kind", [ToolError, OutputError])
    def test_what_concerns_all_ends_it_at_once(
        self, tmp_path: Path, pair: Study, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
    ) -> None:
        def broken(case: str, seed: int) -> Result:
            raise kind("no GPU")

        asked = pretend(monkeypatch, broken)
        with pytest.raises(kind) as caught:
            run(pair, tmp_path / "out")
        assert str(caught.value) == "no GPU"
        assert asked == ["plain, seed 1"]

    def test_absent_data_is_told_before_anything_is_written(self, tmp_path: Path, pair: Study) -> None:
        (line,) = failure(pair, tmp_path / "out", sets=["data.dataset=mine.npz"], data=tmp_path)
        assert line.startswith(f"{tmp_path}/mine.npz: no such file; ")
        assert not (tmp_path / "out").exists()

    def test_someone_elses_folder(self, tmp_path: Path, pair: Study) -> None:
        with pytest.raises(OutputError) as caught:
            run(pair, tmp_path)
        assert str(caught.value) == (
            f"{tmp_path}: holds files codesign did not write (toy.toml); choose an empty folder or remove them"
        )

    def test_not_under_torchrun(self, tmp_path: Path, pair: Study, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WORLD_SIZE", "2")
        with pytest.raises(ConfigError) as caught:
            run(pair, tmp_path / "out")
        assert str(caught.value) == (
            "study toy: torchrun started 2 processes, which would all run the same trainings; "
            "start it without torchrun, and run trainings in parallel with --jobs or --scheduler"
        )

    def test_a_result_that_workers_put_elsewhere(
        self, tmp_path: Path, pair: Study, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = sys.modules["codesign.study.run"]  # codesign.study.run itself is the function
        monkeypatch.setattr(module, "train", lambda task, tell: Ended(task.job.label, 80.0))
        home = tasks(pair, tmp_path / "out")[0].home
        assert failure(pair, tmp_path / "out") == [
            f"{home}: plain, seed 1 was trained, but its result is not here; "
            "with a scheduler, --out must be a folder that all workers share"
        ]


class TestOnce:
    def test_equal_trainings_of_two_studies(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch, lambda case, seed: result(80 + seed))
        run(toy(tmp_path, PAIR), tmp_path / "out")
        other = toy(tmp_path, PAIR.replace("plain", "same").replace('"toy"', '"other"').replace("[1, 2]", "[2, 3]"))
        (row,) = run(other, tmp_path / "out")
        assert row.quantized == (82, 83)
        assert asked == ["plain, seed 1", "plain, seed 2", "same, seed 3"]

    def test_equal_cases_of_one_study(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch, lambda case, seed: result(80 + seed))
        told: list[tuple[float, int]] = []
        study = toy(tmp_path, TOY.replace("[16]", "[8]"))
        table = run(study, tmp_path / "out", progress=lambda name, done, of, note: told.append((done, of)))
        assert [row.quantized for row in table] == [(81, 82)] * 2
        assert asked == ["plain, seed 1", "plain, seed 2"]
        assert told == [(0, 2), (1, 2), (2, 2)]

    def test_while_another_process_trains_it(
        self, tmp_path: Path, pair: Study, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = tasks(pair, tmp_path)[0]
        task.home.mkdir(parents=True)
        waits = threading.Event()
        ended: list[Ended] = []
        asked = pretend(monkeypatch, lambda case, seed: result(1))
        told: list[tuple[float, str]] = []

        def tell(share: float, note: str) -> None:
            told.append((share, note))
            waits.set()

        with alone(task.home):
            thread = threading.Thread(target=lambda: ended.append(training.train(task, tell)))
            thread.start()
            assert waits.wait(20)
            training.keep(task, result(77))
        thread.join(20)
        assert ended == [Ended("plain, seed 1", 77)]
        assert told == [(0, "waits for another process that trains it")]
        assert asked == []

    def test_where_files_cannot_be_locked(self, tmp_path: Path, pair: Study, monkeypatch: pytest.MonkeyPatch) -> None:
        def unlockable(*_: object, **__: object) -> None:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")

        monkeypatch.setattr("codesign.folders.FileLock.acquire", unlockable)
        pretend(monkeypatch, lambda case, seed: result(80))
        assert run(pair, tmp_path / "out")[0].quantized == (80, 80)
        assert {p.name for p in (tmp_path / "out").iterdir()} == {".codesign.json", "jobs", *FILES}


class TestKey:
    def test_depends_on_what_the_result_does(self, tmp_path: Path) -> None:
        study = toy(tmp_path, PAIR.replace("[1, 2]", "[1]"))
        (job,) = jobs(study)
        first = key(job, (), "x")

        def changed(*sets: str) -> str:
            return key(jobs(study, sets)[0], (), "x")

        others = {changed("network.hidden=[9]"), changed("machine.threads=2"), changed("chip.device.levels=3")}
        assert first not in others
        assert key(job, (), "y") != first
        dies = [toy(tmp_path, PAIR + f'[[die]]\nname = "a"\ncells = {{ wire = {w} }}\n').die for w in (0.1, 0.2)]
        assert len({key(job, d, "x") for d in dies} | {first}) == 3

    def test_and_on_nothing_else(self, tmp_path: Path) -> None:
        study = toy(tmp_path, PAIR.replace("[1, 2]", "[1]"))
        (job,) = jobs(study)
        flow = job.flow
        other = flow.model_copy(
            update={
                "name": "other",
                "simulate": flow.simulate.model_copy(update={"images": 5}),
                "chip": flow.chip.model_copy(update={"name": "other", "adc": Adc(bits=5, lanes=2)}),
            }
        )
        same = replace(job, case="other", values=(("network.hidden", [8]),), flow=other)
        assert key(same, (), "x") == key(job, (), "x")

    def test_on_dies_it_also_depends_on_chip_and_place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        study = toy(tmp_path, PAIR.replace("[1, 2]", "[1]") + '[[die]]\nname = "a"\ncells = { stuck_on = 0.1 }\n')

        def known(*sets: str, spots: Spots | None = None) -> str:
            return key(jobs(study, sets)[0], study.die, "x", spots)

        first, clock = known(), known("chip.clock_mhz=50", "chip.name=other")
        assert first == clock
        sets = ("chip.arrays.count=5", "chip.adc.lanes=2", "chip.memory.steps=8", "compile.objective=arrays")
        assert len({known(s) for s in sets} | {first}) == 5
        spots = [{"fc1": ((0, 0),), "fc2": ((at, 0),)} for at in (0, 16)]
        placed = {known(*more, spots=s) for s in spots for more in ((), ("chip.arrays.count=5",))}
        assert len(placed | {first}) == 3
        monkeypatch.setattr(training, "DRAWS", 1)
        assert known() != first

    def test_the_data_is_its_contents(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = pretend(monkeypatch, lambda case, seed: result(80))
        study = toy(tmp_path, PAIR.replace("[1, 2]", "[1]"))
        for folder, content in (("a", 1), ("b", 1), ("a", 2)):
            (tmp_path / folder).mkdir(exist_ok=True)
            x, y = np.full((4, 4), content, np.uint8), np.array([0, 1, 0, 1])
            np.savez(tmp_path / folder / "mine.npz", x_train=x, y_train=y, x_test=x, y_test=y)
            run(study, tmp_path / "out", tmp_path / folder, sets=["data.dataset=mine.npz", "quantize.input_bits=1"])
        assert len(asked) == 2

    def test_data_that_changes_meanwhile(self, tmp_path: Path, pair: Study) -> None:
        task = replace(tasks(pair, tmp_path)[0], identity="x")
        with pytest.raises(InputError) as caught:
            training.train(task)
        assert str(caught.value) == ("data set digits: changed since the study began; run the command again")

    def test_the_stuck_map_is_its_contents(self, tmp_path: Path) -> None:
        study = toy(tmp_path, PAIR.replace("[1, 2]", "[1]"))
        (job,) = jobs(study, [f"quantize.stuck_map={tmp_path}/map.safetensors"])
        found = set()
        for text in ("a", "b"):
            (tmp_path / "map.safetensors").write_text(text)
            found.add(key(job, (), "x"))
        assert len(found) == 2


class TestProgress:
    @pytest.fixture
    def told(self, tmp_path: Path) -> list[tuple[float, str]]:
        seen: list[tuple[float, str]] = []
        study = toy(tmp_path, PAIR.replace("epochs = 1", "epochs = 2"))
        run(study, tmp_path / "out", progress=lambda name, done, of, note: seen.append((done, note)))
        return seen

    def test_epochs_of_the_one_going_on_and_the_last_result(self, told: list[tuple[float, str]]) -> None:
        assert [done for done, _ in told] == [0, 0.25, 0.5, 0.75, 1, 1, 1.25, 1.5, 1.75, 2, 2]
        notes = [note for _, note in told]
        assert [n.split(",")[0] for n in notes[1:5]] == [
            "baseline 1/2",
            "baseline 2/2",
            "quantized 1/2",
            "quantized 2/2",
        ]
        assert notes[5].endswith(" %, plain, seed 1")
        assert notes[6].startswith("baseline 1/2, ")
        assert notes[6].endswith(f" %; last: {notes[5]}")
