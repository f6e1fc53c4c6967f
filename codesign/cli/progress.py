"""How far a command is, on stderr: bars on a terminal, a line every few seconds elsewhere, JSON lines for programs."""

import json as jsons
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codesign.errors import ConfigError, plain

if TYPE_CHECKING:
    from rich.console import Console

Show = Callable[[str, float, int, str], None]  # stage, done, of (0: unknown), note

Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
JsonProgress = Annotated[
    bool, typer.Option("--json-progress", help="Write progress to stderr as JSON, one object a line.")
]
EVERY = 5.0  # seconds between lines
EVERY_JSON = 0.5


@contextmanager
def showing(quiet: bool = False, as_json: bool = False) -> Iterator[Show]:
    """A function that shows how far a stage is. Raises ConfigError when both silence and JSON are asked for."""
    from rich.console import Console

    if quiet and as_json:
        raise ConfigError("--quiet, --json-progress: one shows nothing, the other shows it as JSON; give one of them")
    console = Console(stderr=True)
    if quiet:
        yield lambda stage, done, of, note: None
    elif as_json:
        yield _Lines(EVERY_JSON, _as_json)
    elif not console.is_terminal:
        yield _Lines(EVERY, _as_text)
    else:
        yield from _bars(console)


def at_a_rate(show: Show, stage: str) -> Callable[[int, int], None]:
    """A progress of images (done, of) that `show` tells with images a second; those done at the start do not count."""
    begun: tuple[float, int] | None = None

    def tell(done: int, of: int) -> None:
        nonlocal begun
        now = time.monotonic()
        begun = begun or (now, done)
        seconds, new = now - begun[0], done - begun[1]
        rate = new / seconds if seconds else 0.0
        show(stage, done, of, f"{rate:,.{0 if rate >= 10 else 1 if rate >= 1 else 2}f} images/s" if rate else "")

    return tell


class _Lines:
    """Writes a line for a stage that takes longer than `every` seconds, then one each time so many have passed.

    As JSON, a stage's first and last step are written too.
    """

    def __init__(self, every: float, form: Callable[["Pace", str], str]) -> None:
        self.every, self.form = every, form
        self.pace: Pace | None = None
        self.told = time.monotonic()

    def __call__(self, stage: str, done: float, of: int, note: str) -> None:
        now = time.monotonic()
        fresh = self.pace is None or stage != self.pace.stage
        if self.pace is None or fresh:
            self.pace = Pace(stage, now)
        self.pace.at(now, done, of)
        ends = bool(of) and done >= of
        if now - self.told >= self.every or (self.form is _as_json and (fresh or ends)):
            self.told = now
            typer.echo(self.form(self.pace, plain(note)), err=True)


@dataclass
class Pace:
    """How fast a stage goes. What was done when it was first counted, by an earlier command, does not count."""

    stage: str
    begun: float
    done: float = 0.0
    of: int = 0
    seconds: float = 0.0
    left: float | None = None  # seconds; None where unknown
    _first: tuple[float, float] | None = None  # when it was first counted, and where it stood

    def at(self, now: float, done: float, of: int) -> None:
        self.done, self.of, self.seconds, self.left = done, of, now - self.begun, None
        if of:
            self._first = self._first or (now, done)
            since, new = now - self._first[0], done - self._first[1]
            self.left = since / new * (of - done) if new > 0 else None


def _as_text(p: Pace, note: str) -> str:
    parts = [f"{math.floor(p.done):,} of {p.of:,}"] if p.of else []
    parts += [f"{_time(p.seconds)} so far"]
    parts += [] if p.left is None else [f"{_time(p.left)} left"]
    return f"{p.stage}: {', '.join(parts)}" + (f"; {note}" if note else "")


def _as_json(p: Pace, note: str) -> str:
    left = None if p.left is None else round(p.left, 3)
    times = {"seconds": round(p.seconds, 3), "seconds_left": left}
    return jsons.dumps({"stage": p.stage, "done": round(p.done, 3), "of": p.of or None, "note": note} | times)


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _bars(console: "Console") -> Iterator[Show]:
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    left = TimeRemainingColumn(compact=True, elapsed_when_finished=True)
    note = TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1))
    columns = ("{task.description:<10}", BarColumn(16), MofNCompleteColumn(), left, note)
    # The remaining time is estimated from all steps so far: one may take longer than rich's usual half a minute.
    with Progress(*columns, console=console, expand=True, speed_estimate_period=math.inf) as bars:
        tasks: dict[str, Any] = {}

        def finish() -> None:
            for task in tasks.values():
                whole = bars.tasks[task].total or 1
                bars.update(task, completed=whole, total=whole, note="")

        def show(stage: str, done: float, of: int, text: str) -> None:
            if stage not in tasks:  # the stages before it have ended
                finish()
                tasks[stage] = bars.add_task(stage, total=None, note="")
            bars.update(tasks[stage], completed=done, total=of or None, note=escape(plain(text)))

        yield show
        finish()
