"""Standard output and error: what cannot be written is reported in one line, like any other mistake."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from codesign.cli.common import tell
from codesign.errors import OutputError, plain


def show_error(e: Exception) -> None:
    """An error on stderr, a line for each of its lines."""
    for line in str(e).split("\n"):
        tell(f"error: {plain(line)}")


@contextmanager
def guarded_output() -> Iterator[None]:
    """Within, a failure of standard output (a full disk, a closed descriptor) is an OutputError.

    Raises it at the end, too, for text that was still buffered. A reader that went away (`codesign ... | head`) ends
    the command silently, with exit status 1.
    """
    if sys.stdout is None:  # closed by the parent process: nobody wants to read it
        with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
            yield
        return
    output = _Output(sys.stdout)
    with redirect_stdout(output):
        try:
            yield
        finally:
            if not output.has_failed:
                output.flush()


class _Output:
    """A text stream that reports its own failures as such."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._failure: BaseException | None = None  # raised at every later attempt: a library may try, and catch

    @property
    def has_failed(self) -> bool:
        return self._failure is not None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._blamed():
            return int(self._stream.write(text))

    def flush(self) -> None:
        with self._blamed():
            self._stream.flush()

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        if self._failure is not None:
            raise self._failure
        try:
            yield
        except OSError as e:
            nowhere = os.open(os.devnull, os.O_WRONLY)  # what is buffered must not fail again when Python exits
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            if isinstance(e, BrokenPipeError):
                self._failure = SystemExit(1)  # `codesign ... | head`: nobody is left to tell
            else:
                self._failure = OutputError(f"standard output: cannot be written ({e.strerror}); send it elsewhere")
            raise self._failure from None
