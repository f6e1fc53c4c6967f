"""Run a study: every training once, in parallel where workers allow it. Finished trainings are kept."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codesign import page
from codesign.errors import InputError
from codesign.folders import claimed, writing
from codesign.jobs.training import Ended, Result, Task, Tell, key, read, train
from codesign.study.describe import Study
from codesign.study.expand import Variant, jobs, one_process
from codesign.study.table import Row, rows
from codesign.study.write import write
from codesign.workers import Workers, spread

if TYPE_CHECKING:
    from codesign.train.recipe import Data

Progress = Callable[[str, float, int, str], None]  # study, trainings done, their number, note


def run(
    study: Study,
    out: str | Path,
    data: str | Path | None = None,
    workers: Workers | None = None,
    sets: Sequence[str] = (),
    progress: Progress | None = None,
) -> list[Row]:
    """Train what is not trained yet, then write NAME.json, NAME.csv and NAME.svg in `out`, and report.html.

    Every training has a folder in `out`/jobs, which studies share; after a kill it resumes from its last epoch.
    Raises ConfigError on impossible combinations before anything is trained, and under torchrun; InputError when
    the data set cannot be read, or with a line for each training that failed, once all others are done; OutputError
    when `out` holds something else, or another command is writing there.
    """
    one_process(study)
    workers, trainings = workers or Workers(), jobs(study, sets)
    tasks = _tasks(study, trainings, Path(out).resolve() / "jobs", None if data is None else Path(data).resolve())
    with claimed(out, "study") as folder:
        distinct: dict[Path, Task] = {}
        for task in tasks:
            distinct.setdefault(task.home, task)  # equal trainings are one
        left = [task for task in distinct.values() if read(task.home) is None]
        failed = [e for e in _train(study.name, left, len(distinct), workers, progress) if e.problem]
        if failed:
            raise InputError("\n".join(f"study {study.name}, {e.label}: {e.problem}" for e in failed))
        table = rows(study, trainings, [_fetched(task) for task in tasks])
        with writing(folder):
            write(study, table, folder, sets)
            page.write(folder)
    return table


def _tasks(study: Study, trainings: Sequence[Variant], home: Path, data: Path | None) -> list[Task]:
    known: dict[Data, str] = {}
    tasks = []
    for job in trainings:
        images = job.flow.data
        if images not in known:
            dataset = images.load(data)
            known[images] = dataset.identity
            dataset.warn_of_range(job.flow.quantize.input)
        name = key(job, study.die, known[images])
        tasks.append(Task(job, study.die, home / name, data, known[images]))
    return tasks


def _train(name: str, left: Sequence[Task], of: int, workers: Workers, progress: Progress | None) -> list[Ended]:
    """Run the remaining trainings and report progress: trainings, and epochs too where they run in this process."""
    show, last = progress or (lambda study, done, of, note: None), ""
    ended: list[Ended] = []

    def tell(share: float, note: str) -> None:
        show(name, of - len(left) + len(ended) + share, of, f"{note}; last: {last}" if last else note)

    here: Tell | None = tell if workers.inline(len(left)) else None
    tell(0, "")
    for one in spread([(train, (task, here)) for task in left], workers):
        ended.append(one)
        last = ("failed" if one.problem else f"{one.accuracy:.2f} %") + f", {one.label}"
        show(name, of - len(left) + len(ended), of, last)
    return ended


def _fetched(task: Task) -> Result:
    found = read(task.home)
    if found is None:
        raise InputError(
            f"{task.home}: {task.job.label} was trained, but its result is not here; "
            "with a scheduler, --out must be a folder that all workers share"
        )
    return found
