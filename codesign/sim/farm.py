"""Images split over simulator processes of one build. Together they tell what one process would.

Every part is a stream of its own into a freshly programmed chip, compared with the reference in every word and cycle.
It begins with the last images of the part before, as many as it takes until its timing is that of one long stream
(`codesign.mapping.lead`); so words, latencies and interval are those of one process.
"""

import io
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign import __version__
from codesign.folders import writing
from codesign.mapping import lead
from codesign.sim.job import Job, Progress, build, cleared, run_bench
from codesign.sim.judge import Stream
from codesign.sim.place import place
from codesign.sim.simulators import SIMULATORS
from codesign.sim.simulators.cache import store, stored
from codesign.workers import Workers, spread

LARGEST = {"icarus": 1000, "verilator": 5000}  # images of a part: what a kill may cost, against programming the chip
FEWEST = 16  # parts, where a cluster has any number of workers
PARTS = "parts"  # folder of finished parts, until all are

Found = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Part:
    """Images first..last-1 of a job, which `shared` images of the part before precede."""

    first: int
    last: int
    shared: int


class _Halt(Exception):
    """Another part failed, or the command was ended."""


class _Control:
    """What the threads of a farm share: how far each part is, and whether to go on."""

    def __init__(self, parts: list[Part], show: Callable[[int], None]) -> None:
        self.parts, self.show, self.done = parts, show, [0] * len(parts)
        self.lock, self.halted, self.running = threading.Lock(), False, 0

    def tell(self, number: int, done: int) -> None:
        """So many images of a part's stream are done. Raises _Halt when it must end."""
        if self.halted:
            raise _Halt
        with self.lock:
            self.done[number] = max(0, done - self.parts[number].shared)
            self.show(sum(self.done))

    @contextmanager
    def part(self) -> Iterator[None]:
        with self.lock:
            self.running += 1
        try:
            yield
        finally:
            with self.lock:
                self.running -= 1

    def halt(self) -> None:
        """End all parts that run, and wait until they have tidied up."""
        self.halted = True
        while self.running:
            time.sleep(0.02)


def split(job: Job, workers: Workers) -> list[Part]:
    """The parts of a job, as many for each worker; one where it is too short to share."""
    period, before, count = job.program.cycles.period, lead(job.program.mapping), len(job.images)
    if workers.inline(count):
        return [Part(0, count, 0)]
    sharers = workers.count if workers.scheduler is None else max(FEWEST, workers.count)
    rounds = -(-count // (sharers * LARGEST[job.simulator]))
    size = -(-max(before, -(-count // (sharers * rounds))) // period) * period
    return [Part(at, min(at + size, count), before if at else 0) for at in range(0, count, size)]


def run_farm(job: Job, parts: list[Part], workers: Workers, progress: Progress | None) -> tuple[list[Stream], float]:
    """What each part found, in order, and the seconds it took; finished parts in the job's folder are not run again.

    Raises what `run_bench` raises; finished parts stay then.
    """
    kept, count = job.folder / PARTS, len(job.images)
    with writing(job.folder):
        job.folder.mkdir(parents=True, exist_ok=True)
        cleared(job.folder)
    built = build(job.program, job.simulator)  # once, not by each worker
    key = _key(job, built)
    tasks = [_task(job, part, key, k) for k, part in enumerate(parts)]
    found: dict[int, Found] = {k: old for k, (_, name) in enumerate(tasks) if (old := _read(kept / name)) is not None}
    seconds = sum(float(f["seconds"]) for f in found.values()) / max(1, workers.count)
    started = time.perf_counter()
    control = _Control(parts, lambda done: progress(done, count) if progress else None)
    for k in found:
        control.tell(k, len(tasks[k][0].images))
    here = None if workers.scheduler else control
    try:
        calls = [(run_part, (k, task, here)) for k, (task, _) in enumerate(tasks) if k not in found]
        for k, one in spread(calls, workers, waiting=True):
            found[k] = one
            with writing(kept):
                store(kept / tasks[k][1], _bytes(one))
            control.tell(k, len(tasks[k][0].images))
    finally:
        control.halt()
    shutil.rmtree(kept, ignore_errors=True)
    streams = [Stream(found[k], part.first, part.shared) for k, part in enumerate(parts)]
    return streams, seconds + time.perf_counter() - started


def run_part(number: int, job: Job, control: _Control | None) -> tuple[int, Found]:
    """One part, in a temporary folder of its own. Returns its number, too. control: absent on a cluster."""
    with control.part() if control else nullcontext(), place(None) as (work, log):
        tell: Progress | None = None if control is None else lambda done, of: control.tell(number, done)
        found, seconds = run_bench(replace(job, folder=work, log=log), tell)
    return number, found | {"seconds": np.array(seconds)}


def _task(job: Job, part: Part, key: bytes, number: int) -> tuple[Job, str]:
    """The job of a part, and the name of its result: a digest of all that the result depends on."""
    images = job.images[part.first - part.shared : part.last]
    pauses = replace(job.pauses, seed=job.pauses.seed + 2 * number) if job.pauses.any else job.pauses
    mark = sha256(key + repr((pauses, images.shape)).encode() + np.ascontiguousarray(images).tobytes())
    return replace(job, images=images, pauses=pauses), f"{mark.hexdigest()}.npz"


def _key(job: Job, built: Path) -> bytes:
    """A digest of what all parts share: the compiled simulator, its version, the image, the die, the way of loading."""
    of = sha256(repr((__version__, str(built), SIMULATORS[job.simulator].version(), job.backdoor)).encode())
    of.update(np.asarray(job.program.words, dtype="<u4").tobytes())
    if job.die is not None:
        held = job.die.on(job.program.mapping).codes
        of.update(b"%d" % job.die.fraction)
        for codes in (held[use.array] for use in job.program.mapping.arrays):
            of.update(repr((codes.shape, codes.dtype.str)).encode() + np.ascontiguousarray(codes).tobytes())
    return of.digest()


def _bytes(found: Found) -> bytes:
    whole = io.BytesIO()
    np.savez(whole, **found)  # type: ignore[arg-type]
    return whole.getvalue()


def _read(path: Path) -> Found | None:
    """The result of a finished part; None if there is none, or it was changed."""
    content = stored(path)
    if content is None:
        return None
    with (
        suppress(ValueError, EOFError, OSError, zipfile.BadZipFile),
        np.load(io.BytesIO(content), allow_pickle=False) as data,
    ):
        return {name: data[name] for name in data.files}
    return None
