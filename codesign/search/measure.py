"""What candidates are compared by: the score of a training, run at most once, and how long it took."""

import time

from codesign.errors import InputError
from codesign.folders import atomic_write, writing
from codesign.jobs.training import Ended, Result, Task, read, train
from codesign.records import sealed, unsealed

DIE = "drawn"  # the name of the dies that candidates are evaluated on
TIME = "time.json"


def score(result: Result) -> float:
    """Accuracy in percent, on the ideal die or as a mean over drawn dies."""
    drawn = result.dies.get(DIE)
    return sum(drawn) / len(drawn) if drawn else result.quantized


def measured(task: Task) -> float:
    """The score of a training, which runs now unless its result is kept. Raises InputError when it fails."""
    found = read(task.home)
    if found is None:
        begin = time.perf_counter()
        ended: Ended = train(task)
        if ended.problem:
            raise InputError(f"{ended.label}: {ended.problem}")
        with writing(task.home):
            atomic_write(task.home / TIME, sealed({"time_s": round(time.perf_counter() - begin, 3)}))
        found = read(task.home)
    if found is None:
        raise InputError(f"{task.home}: {task.job.label} was trained, but its result is not there; is the disk full?")
    return score(found)


def seconds(task: Task) -> float:
    """How many seconds a training took; 0 if that is not known."""
    try:
        return float(unsealed(task.home / TIME)["time_s"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0
