"""Independent jobs: in this process, in local workers, on a Dask cluster; what ends early, and in which words."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from codesign.errors import ConfigError, ToolError
from codesign.workers import Workers, spread
from tests.study.calls import blas_threads, die, double, refuse, whoami


@pytest.fixture(scope="module", autouse=True)
def ended() -> Iterator[None]:
    """No worker outlives these tests."""
    yield
    from joblib.externals.loky import get_reusable_executor  # type: ignore[import-untyped]

    get_reusable_executor().shutdown(wait=True, kill_workers=True)


class TestHere:
    @pytest.mark.parametrize("workers", [Workers(1), Workers(0), Workers(8)])
    def test_one_after_another_in_this_process(self, workers: Workers) -> None:
        calls = [(double, (k,)) for k in range(1 if workers.count > 1 else 3)]
        assert list(spread(calls, workers)) == [(2 * k, os.getpid()) for k in range(len(calls))]

    def test_the_next_begins_when_it_is_asked_for(self) -> None:
        results = spread([(double, (1,)), (refuse, (2,))], Workers())
        assert next(results)[0] == 2
        with pytest.raises(ConfigError, match="job 2: is impossible"):
            next(results)

    def test_nothing_to_do_needs_nobody(self) -> None:
        assert list(spread([], Workers(4, "tcp://127.0.0.1:1"))) == []

    def test_inline(self) -> None:
        asked = [(1, 9), (4, 9), (4, 1), (4, 0)]
        assert [Workers(count).inline(calls) for count, calls in asked] == [True, False, True, True]
        assert not Workers(1, "tcp://127.0.0.1:1").inline(1)


class TestWorkers:
    def test_results_from_other_processes(self) -> None:
        found = list(spread([(double, (k,)) for k in range(5)], Workers(2)))
        assert sorted(value for value, _ in found) == [0, 2, 4, 6, 8]
        assert os.getpid() not in {pid for _, pid in found}

    def test_a_worker_takes_its_share_of_the_processors(self) -> None:
        share = max(1, (os.cpu_count() or 1) // 2)
        assert all(n <= share for n in spread([(blas_threads, ())] * 2, Workers(2)))

    def test_a_mistake_is_the_callers_own(self) -> None:
        with pytest.raises(ConfigError) as caught:
            list(spread([(refuse, (7,)), (refuse, (7,))], Workers(2)))
        assert str(caught.value) == "job 7: is impossible"

    def test_a_killed_worker(self) -> None:
        with pytest.raises(ToolError) as caught:
            list(spread([(die, (1,)), (die, (2,))], Workers(2)))
        assert str(caught.value) == (
            "a worker process was killed, or ran out of memory; run the same command again, with fewer --jobs "
            "if memory was short"
        )


SLEEPERS = """\
import os, signal, sys, time
from pathlib import Path
from codesign.workers import Workers, spread

signal.signal(signal.SIGINT, signal.default_int_handler)  # shells make background jobs ignore it

def sleep(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)

try:
    list(spread([(sleep, (sys.argv[1],))] * 4, Workers(2)))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_ends_promptly_and_leaves_no_worker(sent: signal.Signals, status: int, tmp_path: Path) -> None:
    (tmp_path / "pids").mkdir()
    (tmp_path / "sleepers.py").write_text(SLEEPERS)
    command = [sys.executable, str(tmp_path / "sleepers.py"), str(tmp_path / "pids")]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    wait_until(lambda: len(list((tmp_path / "pids").iterdir())) == 2)
    os.kill(process.pid, sent)
    assert process.wait(10) == status
    pids = [int(p.name) for p in (tmp_path / "pids").iterdir()]
    wait_until(lambda: not any(map(running, pids)))


def wait_until(condition: object, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "took too long"
        time.sleep(0.05)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class TestCluster:
    def test_without_dask(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "distributed", None)
        with pytest.raises(ToolError) as caught:
            list(spread([(double, (1,))], Workers(1, "tcp://host:8786")))
        assert str(caught.value) == (
            "scheduler tcp://host:8786: needs the package distributed; pip install 'codesign[cluster]'"
        )

    def test_nobody_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("distributed", reason="needs the extra: pip install 'codesign[cluster]'")
        monkeypatch.setattr("codesign.workers.TIMEOUT", "1s")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        for scheduler, why in (
            (address, f"Timed out trying to connect to {address} after 1 s"),
            ("nonsense://x", "unknown address scheme 'nonsense'"),
        ):
            with pytest.raises(ToolError) as caught:
                list(spread([(double, (1,))], Workers(1, scheduler)))
            text = str(caught.value)
            assert text.startswith(f"scheduler {scheduler}: does not answer ({why}")
            assert text.endswith("); start it with `dask scheduler`, or leave it out")
            assert "\n" not in text

    def test_a_cluster(self) -> None:
        distributed = pytest.importorskip("distributed", reason="needs the extra: pip install 'codesign[cluster]'")
        with distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, host="127.0.0.1", protocol="tcp", dashboard_address=None
        ) as cluster:
            workers = Workers(1, cluster.scheduler_address)
            assert set(spread([(whoami, ())] * 2, workers)) == {cluster.workers[0].address}
            assert sorted(value for value, _ in spread([(double, (k,)) for k in range(3)], workers)) == [0, 2, 4]
            with pytest.raises(ConfigError) as caught:
                list(spread([(refuse, (7,))], workers))
            assert str(caught.value) == "job 7: is impossible"

    def test_it_goes_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        distributed = pytest.importorskip("distributed", reason="needs the extra: pip install 'codesign[cluster]'")
        lost = distributed.KilledWorker("task", "worker", 3)

        class Client:
            def __init__(self, scheduler: str, timeout: str) -> None: ...
            def __enter__(self) -> "Client":
                return self

            def __exit__(self, *_: object) -> None: ...
            def submit(self, function: object, *arguments: object, pure: bool) -> SimpleNamespace:
                return SimpleNamespace(result=self.fail)

            def fail(self) -> None:
                raise lost

        monkeypatch.setattr(distributed, "Client", Client)
        monkeypatch.setattr(distributed, "as_completed", iter)
        with pytest.raises(ToolError) as caught:
            list(spread([(double, (1,))], Workers(1, "tcp://host:8786")))
        assert str(caught.value) == (
            "scheduler tcp://host:8786: connection or workers lost (KilledWorker); run the same command again"
        )
