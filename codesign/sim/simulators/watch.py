"""What both simulators share: patience with a silent simulator, and what its log tells."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from signal import Signals

PATIENCE_S = 300.0  # a simulator that shows no sign of life for so long is ended
MARK = "codesign: "  # begins a line of a log that tells why the simulation failed


class Stalled(Exception):
    """The simulator shows no sign of life."""


class Patience:
    """Called now and then with the seconds since its last call. heartbeat: a file that a living simulation touches."""

    def __init__(self, heartbeat: Path | None, tick: Callable[[], None] | None) -> None:
        self.heartbeat, self.tick = heartbeat, tick
        self.beat, self.idle = 0, 0.0

    def __call__(self, seconds: float) -> None:
        if self.tick:
            self.tick()
        if self.heartbeat:
            with suppress(OSError):
                beat = self.heartbeat.stat().st_mtime_ns
                self.beat, self.idle = beat, self.idle if beat == self.beat else 0.0
            self.idle += seconds
            if self.idle > PATIENCE_S:
                raise Stalled(f"no sign of life for {PATIENCE_S:,g} s, so it was ended")


def marked(log: Path) -> str:
    """Why the simulation says that it failed; "" if it does not."""
    line = next((line for line in lines(log) if line.startswith(MARK)), "")
    return line.removeprefix(MARK)


def ended(status: int) -> str:
    """How a signal ended a program; "" if none did."""
    return f"it was ended by {Signals(-status).name}" if status < 0 else ""


def room(folder: Path) -> str:
    """Why nothing can be written to a folder; "" if it can."""
    try:
        with tempfile.TemporaryFile("w+b", dir=folder) as f:
            f.write(bytes(1 << 16))
    except OSError as e:
        return f"{folder} cannot be written ({e.strerror})"
    return ""


def lines(log: Path) -> list[str]:
    """The lines of a log that hold something."""
    try:
        return [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return []


def first_line(log: Path) -> str:
    """The first line of a log, without blanks around it."""
    return _line(log, 0)


def last_line(log: Path) -> str:
    """The last line of a log, without blanks around it."""
    return _line(log, -1)


def _line(log: Path, at: int) -> str:
    found = lines(log)
    return found[at].strip() if found else "its log is empty"
