"""Signals that end a command: it stops as from Ctrl-C, so that nothing stays half-written and no child runs on."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from codesign.cli.common import RESUMES

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
GRACE_S = 5.0  # to tidy up before another signal counts
NEVER = float("-inf")


class Ended(BaseException):
    """A signal asked this process to end. Not an Exception: nothing but the end of the command may catch it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        return f"ended by {signal.Signals(self.number).name}; {RESUMES}"

    @property
    def status(self) -> int:
        """The exit status that shells use for it."""
        return 128 + self.number


@contextmanager
def ending() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP raise Ended. Those that the caller ignores (nohup) stay ignored.

    After one of them all are ignored, until the process has ended: its exit status names the first.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner, told = os.getpid(), NEVER

    def end(number: int, _: FrameType | None) -> None:
        if os.getpid() != owner:  # a forked child ends as if it had no handler
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        nonlocal told
        if time.monotonic() - told > GRACE_S:
            told = time.monotonic()
            raise Ended(number)

    changed = {s: before for s in ENDING if (before := signal.getsignal(s)) is not signal.SIG_IGN}
    try:
        for number in changed:
            signal.signal(number, end)
        yield
    finally:
        for number, before in changed.items():
            with suppress(TypeError, ValueError):  # set by C code
                signal.signal(number, before if told == NEVER else signal.SIG_IGN)
