"""Commands on a terminal of a given width, as people see them."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

PATIENCE = 120.0  # seconds until something appears
# The shell leads a session of its own, so that the terminal which it opens controls it: Ctrl-C becomes SIGINT.
SHELL = 'tty=$1; out=${2:-$1}; shift 2; exec "$@" <"$tty" >"$out" 2>"$tty"'


def on_terminal(
    *words: object, columns: int = 80, answers: Sequence[tuple[str, str]] = (), output: Path | None = None
) -> tuple[int, str]:
    """Exit status of `codesign WORDS`, and what its terminal showed, typed text included.

    answers: (text to wait for, keys to type after it), one after the other. output: a file for standard output.
    """
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")}
        command = ["sh", "-c", SHELL, "sh", os.ttyname(theirs), str(output or ""), sys.executable, "-m", "codesign"]
        ran = subprocess.Popen(
            [*command, *map(str, words)],
            stdin=theirs,  # kept open until the shell has opened it
            stdout=theirs,
            stderr=theirs,
            env=env | {"TERM": "xterm"},
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs ignore it
        )
        os.close(theirs)
        shown = _talk(ours, list(answers))
        return ran.wait(), shown.decode().replace("\r\n", "\n")
    finally:
        os.close(ours)


def _talk(terminal: int, answers: list[tuple[str, str]]) -> bytes:
    """All that appears until every program has closed the terminal."""
    shown, seen = b"", 0
    while True:
        if not select.select([terminal], [], [], PATIENCE)[0]:
            os.write(terminal, b"\x03")
            raise AssertionError(f"waits, answers left: {answers}, shown: {shown!r}")
        try:
            shown += os.read(terminal, 1 << 16)
        except OSError:  # EIO: nobody is left
            assert not answers, f"never asked {answers[0][0]!r}: {shown!r}"
            return shown
        if answers and (at := shown.find(answers[0][0].encode(), seen)) >= 0:
            seen = at + len(answers[0][0])
            os.write(terminal, answers.pop(0)[1].encode())
