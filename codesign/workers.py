"""Run independent jobs on this machine's processors or on a Dask cluster; codesign has no scheduler of its own."""

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from codesign.errors import ToolError

Call = tuple[Callable[..., Any], tuple[Any, ...]]
TIMEOUT = "10s"  # for a scheduler to answer


@dataclass(frozen=True)
class Workers:
    """Where jobs run: `count` local processes, or the Dask scheduler at an address such as tcp://host:8786."""

    count: int = 1
    scheduler: str | None = None

    def inline(self, calls: int) -> bool:
        """Whether this many calls run in this process, one after another."""
        return self.scheduler is None and min(self.count, calls) <= 1


def spread(calls: Sequence[Call], workers: Workers, waiting: bool = False) -> Iterator[Any]:
    """Results of the calls, in the order in which they end. Functions and arguments must be picklable, unless inline.

    Local workers share the processors: each may use its share of them for NumPy's threads. When a call raises, its
    exception is raised here and the other calls end. Raises ToolError when the scheduler does not answer or a worker
    was killed.

    waiting: the calls only wait for other programs. Local workers are then threads of this process, which start at
    once and take any arguments; calls that still run when one raises must be ended by the caller.
    """
    if not calls:
        return
    if workers.inline(len(calls)):
        for function, arguments in calls:
            yield function(*arguments)
        return
    if workers.scheduler is not None:
        yield from _cluster(calls, workers.scheduler)
    elif waiting:
        yield from _threads(calls, workers.count)
    else:
        yield from _local(calls, workers.count)


def _threads(calls: Sequence[Call], count: int) -> Iterator[Any]:
    from joblib import Parallel, delayed  # type: ignore[import-untyped]

    # joblib tells of calls that ended early; whoever asked for them knows
    warnings.filterwarnings("ignore", ".* tasks which were still being processed by the workers", UserWarning)
    warnings.filterwarnings("ignore", ".* tasks have been successfully executed", UserWarning)
    parallel = Parallel(n_jobs=min(count, len(calls)), prefer="threads", return_as="generator_unordered", batch_size=1)
    yield from parallel(delayed(function)(*arguments) for function, arguments in calls)


def _local(calls: Sequence[Call], count: int) -> Iterator[Any]:
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError  # type: ignore[import-untyped]

    # joblib replaces workers whose memory has grown, which is no concern of the user's
    warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
    parallel = Parallel(n_jobs=min(count, len(calls)), return_as="generator_unordered", batch_size=1)
    asker = os.getpid()
    try:
        yield from parallel(delayed(_call)(asker, function, arguments) for function, arguments in calls)
    except TerminatedWorkerError:
        raise ToolError(
            "a worker process was killed, or ran out of memory; run the same command again, with fewer --jobs "
            "if memory was short"
        ) from None


def _cluster(calls: Sequence[Call], scheduler: str) -> Iterator[Any]:
    """Without joblib: its Dask backend uses only the workers present at the start, and runs locally if that is one."""
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise ToolError(
            f"scheduler {scheduler}: needs the package distributed; pip install 'codesign[cluster]'"
        ) from None
    try:
        client = distributed.Client(scheduler, timeout=TIMEOUT)
    except (OSError, ValueError) as e:
        raise ToolError(
            f"scheduler {scheduler}: does not answer ({e}); start it with `dask scheduler`, or leave it out"
        ) from None
    with client:
        futures = [client.submit(function, *arguments, pure=False) for function, arguments in calls]
        try:
            for future in distributed.as_completed(futures):
                yield future.result()
        except (distributed.KilledWorker, CancelledError) as e:
            raise ToolError(
                f"scheduler {scheduler}: connection or workers lost ({type(e).__name__}); run the same command again"
            ) from None


_watching = False


def _call(asker: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """In a worker: the call, unless the process that asked for it is gone."""
    global _watching
    if not _watching:
        _watching = True
        threading.Thread(target=_end_with_parent, args=(asker,), daemon=True).start()
    return function(*arguments)


def _end_with_parent(asker: int) -> None:
    """Ends this process once its parent is gone, as abruptly as a kill: nobody would take the results."""
    while os.getppid() == asker:
        time.sleep(0.5)
    os._exit(1)
