"""Run other programs as child processes: they end when this process ends, in whatever way, and can be killed.

Run as a script, this file is the process between: on Linux it asks to be killed when its parent ends, then becomes the
child.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

Tick = Callable[[float], None]


def execute(
    command: Sequence[str], cwd: Path, log: Path, env: Mapping[str, str] | None = None, tick: Tick | None = None
) -> int:
    """Run a command in a session of its own, its output to `log`. Returns its exit status, -n after signal n.

    tick is called five times a second with the seconds since its last call during which this process was awake; when it
    raises, or on an interruption, the command ends with all that it started. Raises OSError when the log or the
    command cannot be opened.
    """
    between = [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]
    with log.open("wb") as f:
        child = subprocess.Popen(
            between, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=f, stderr=f, start_new_session=True
        )
    try:
        seen = time.monotonic()
        while True:
            try:
                return child.wait(0.2)
            except subprocess.TimeoutExpired:
                now = time.monotonic()
                if tick:
                    tick(min(now - seen, 1.0))  # more: we were stopped, and so perhaps was the child
                seen = now
    finally:
        if child.poll() is None:
            _end(child)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Kill the whole session of a child, even if it is stopped."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _become(parent: int, command: list[str]) -> None:
    import ctypes

    with suppress(AttributeError, OSError):  # not Linux: the bench looks for its parent, see chip_bench
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        sys.exit(1)
    try:
        os.execvp(command[0], command)
    except OSError as e:
        sys.exit(f"codesign: cannot run {command[0]} ({e.strerror})")


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])
