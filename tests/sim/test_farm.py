"""Images shared by several simulator processes: the result of one process, resumed after a kill, in order."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.chip.description import Chip
from codesign.errors import InputError, ToolError
from codesign.mapping import Die, lead, place
from codesign.program import Program
from codesign.sim import Pauses, Result, chip, farm, simulate
from codesign.sim.job import Job, run_bench
from codesign.workers import Workers
from tests.hdl.programs import alternating, images, program
from tests.tools import needs

pytestmark = [pytest.mark.slow, needs("iverilog")]

TINY = Chip.load("tiny")


@pytest.fixture
def p() -> Program:
    return program([30, 11, 5], TINY)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The parts that ran, by number, of 12 images at most."""
    numbers: list[int] = []
    run = farm.run_part

    def note(number: int, *rest: Any) -> Any:
        numbers.append(number)
        return run(number, *rest)

    monkeypatch.setattr(farm, "run_part", note)
    monkeypatch.setitem(farm.LARGEST, "icarus", 12)
    return numbers


KNOWN: dict[str, Any] = {}


@pytest.fixture
def remembering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which parts are asked for is tested: what the simulator found once, it need not find again."""

    def found(job: Job, progress: Any = None) -> Any:
        assert job.die is None
        key = repr((job.program.words, job.images.tolist(), job.backdoor, job.pauses, job.simulator))
        if key in KNOWN and progress:
            progress(len(job.images), len(job.images))
        values, seconds = KNOWN.get(key) or run_bench(job, progress)
        KNOWN[key] = {name: value.copy() for name, value in values.items()}, seconds
        return values, seconds

    for module in (chip, farm):
        monkeypatch.setattr(module, "run_bench", found)


def same(a: Result, b: Result) -> bool:
    """Whether two results tell the same, but for the time they took."""
    left, right = ({f.name: getattr(r, f.name) for f in fields(r) if f.name != "seconds"} for r in (a, b))
    return (left.pop("outputs") == right.pop("outputs")).all() and left == right


@pytest.mark.parametrize("make", [lambda: program([30, 11, 5], TINY), alternating], ids=["tiny", "in turns"])
def test_the_result_of_one_process(make: Any, ran: list[int], remembering: None) -> None:
    p = make()
    x = images(45, p.network)
    told: list[tuple[int, int]] = []
    alone = simulate(p, x, load="backdoor")
    shared = simulate(p, x, load="backdoor", jobs=2, progress=lambda *seen: told.append(seen))
    assert sorted(ran) == [0, 1, 2, 3]
    assert same(alone, shared) and alone.mismatches == () and alone.timing_errors == 0
    assert shared.interval == p.cycles.interval and len(set(shared.latencies)) > 1
    assert len(np.unique(shared.outputs, axis=0)) > 3 and shared.seconds > 0
    assert told == sorted(told) and told[-1] == (45, 45) and len({done for done, _ in told}) > 3


def test_parts_cover_the_images_with_what_precedes_them() -> None:
    for count, jobs in ((1, 4), (7, 2), (100, 3), (10_000, 2), (10_001, 7), (60_000, 4)):
        for p in (alternating(), program([30, 11, 5], TINY)):
            job = Job(p, np.zeros((count, 1), np.int64), Path())
            parts = farm.split(job, Workers(jobs))
            assert [q.first for q in parts] == [0, *[q.last for q in parts[:-1]]] and parts[-1].last == count
            assert all(q.first % p.cycles.period == 0 and q.first >= q.shared for q in parts)
            assert all(q.shared == lead(p.mapping) for q in parts[1:]) and parts[0].shared == 0
            assert all(0 < q.last - q.first <= 1000 for q in parts)
            assert len(parts) <= jobs * -(-count // (jobs * 1000))
    assert len(farm.split(job, Workers(4))) == 60
    assert len(farm.split(job, Workers(1, "tcp://host:1"))) == 64 and len(farm.split(job, Workers(1))) == 1


def wrong(p: Program) -> Program:
    """The same program, but with another weight in its image."""
    first, last = p.network.nodes
    weight = first.weight.copy()
    weight[17, 9] = 3 if weight[17, 9] <= 0 else -3
    changed = replace(p.network, nodes=(replace(first, weight=weight), last))
    vars(p)["words"] = Program(place(changed, TINY)).words
    return p


def test_wrong_words_are_those_of_one_process(p: Program, ran: list[int]) -> None:
    x = images(45, wrong(p).network, zeros=0.0)
    alone, shared = (simulate(p, x, load="bus", jobs=jobs) for jobs in (1, 2))
    assert same(alone, shared) and shared.mismatches[0].layer == "fc1"
    found = {m.image for m in shared.mismatches}
    assert len(found) > 20 and min(found) < 12 and max(found) >= 36


def test_a_wrong_cycle_of_any_part_is_found(
    p: Program, ran: list[int], remembering: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the images that only lead to a part's own."""
    x, note = images(45, p.network), farm.run_part
    before = lead(p.mapping)

    def late(number: int, *rest: Any) -> Any:
        _, found = note(number, *rest)
        if number in (1, 2):
            found["outs"][[0, before, before + 3]] += 1
        return number, found

    monkeypatch.setattr(farm, "run_part", late)
    result = simulate(p, x, load="backdoor", jobs=2)
    assert result.mismatches == () and result.timing_errors == 6


def test_a_die_and_pauses(p: Program, ran: list[int]) -> None:
    rng = np.random.default_rng(5)
    shape = (TINY.arrays.rows, TINY.arrays.columns)
    die = Die({u.array: rng.integers(0, 4, shape).astype(np.int32) for u in p.mapping.arrays})
    x, pauses = images(45, p.network), Pauses(0.4, 0.4, 3)
    result = simulate(p, x, load="backdoor", jobs=2, die=die, pauses=pauses)
    assert result.mismatches == () and (result.outputs == p.run(x, die)).all() and (result.outputs != p.run(x)).any()
    again = simulate(p, x, load="backdoor", jobs=2, die=die, pauses=pauses)
    assert again.latencies == result.latencies and len(set(result.latencies)) > 10


class Enough(Exception):
    """Ends a simulation, as a kill would."""


def begun(p: Program, x: Any, folder: Path, after: int = 24) -> list[Path]:
    """The finished parts of a simulation that ended in the middle."""

    def end(done: int, of: int) -> None:
        if done >= after and len(list(folder.glob("parts/*.npz"))) >= 2:
            raise Enough

    with pytest.raises(Enough):
        simulate(p, x, load="backdoor", folder=folder, jobs=2, progress=end)
    found = sorted(folder.glob("parts/*.npz"))
    assert 2 <= len(found) < 4
    return found


def test_finished_parts_are_not_run_again(p: Program, ran: list[int], remembering: None, tmp_path: Path) -> None:
    x = images(45, p.network)
    finished = begun(p, x, tmp_path)
    ran.clear()
    told: list[int] = []
    result = simulate(p, x, load="backdoor", folder=tmp_path, jobs=2, progress=lambda done, of: told.append(done))
    assert len(ran) == 4 - len(finished) and told[1] >= 20
    assert same(result, simulate(p, x, load="backdoor")) and result.seconds > 0
    assert not (tmp_path / "parts").exists()
    ran.clear()
    simulate(p, x, load="backdoor", folder=tmp_path, jobs=2)
    assert len(ran) == 4, "a finished simulation runs again when asked again"


@pytest.mark.parametrize("harm", ["damaged", "other images", "other way of loading", "another program"])
def test_what_a_part_depends_on(harm: str, p: Program, ran: list[int], remembering: None, tmp_path: Path) -> None:
    x, load = images(45, p.network), "backdoor"
    finished = begun(p, x, tmp_path)
    for path in finished if harm == "damaged" else ():
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    if harm == "other images":
        x[:, 0] ^= 1
    if harm == "other way of loading":
        load = "bus"
    if harm == "another program":
        p = program([30, 11, 5], TINY, seed=9)
    ran.clear()
    result = simulate(p, x, load=load, folder=tmp_path, jobs=2)
    assert sorted(ran) == [0, 1, 2, 3] and (result.outputs == p.run(x)).all()


def test_a_failure_ends_all_parts(p: Program, ran: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    vars(p)["words"] = [p.words[0] ^ 1, *p.words[1:]]
    with pytest.raises(ToolError) as caught:
        simulate(p, images(45, p.network), jobs=2)
    told, _, log = str(caught.value).partition("; log: ")
    assert told == "simulation of tiny_top_sim: the chip reports the image as bad: magic word is wrong"
    assert Path(log).is_file() and [f for f in tmp_path.iterdir() if f.is_dir()] == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"jobs": 0}, "simulate: jobs must be at least 1, got 0; give a number of processes"),
        (
            {"jobs": 2, "waves": True, "folder": "o"},
            "simulate: waves show one process; give jobs=1, or only the images of interest",
        ),
    ],
    ids=["none", "waves"],
)
def test_refused(
    options: dict[str, Any], expected: str, p: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        simulate(p, images(45, p.network), **options)
    assert str(caught.value) == expected


def test_on_a_cluster(p: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra: pip install 'codesign[cluster]'")
    monkeypatch.setattr(farm, "FEWEST", 3)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, host="127.0.0.1", protocol="tcp", dashboard_address=None
    ) as cluster:
        x = images(45, p.network)
        shared = simulate(p, x, load="backdoor", jobs=Workers(1, cluster.scheduler_address))
        assert same(shared, simulate(p, x, load="backdoor"))
