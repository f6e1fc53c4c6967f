"""SIGTERM and SIGHUP end any command as Ctrl-C does, once."""

import os
import signal
from collections.abc import Iterator

import pytest

from codesign import doctor
from codesign.cli.signals import ENDING, Ended, ending
from tests.cli.calls import Call


@pytest.fixture(autouse=True)
def as_in_a_shell() -> Iterator[None]:
    """Whoever runs the tests may ignore these signals."""
    before = {s: signal.signal(s, signal.SIG_DFL) for s in ENDING}
    yield
    for s, handler in before.items():
        signal.signal(s, handler)


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_one_line_and_128_plus_n(
    sent: signal.Signals, status: int, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidied = []

    def examine() -> None:
        try:
            signal.raise_signal(sent)
        finally:
            for again in ENDING:  # as when a terminal is closed
                signal.raise_signal(again)
            tidied.append(True)

    monkeypatch.setattr(doctor, "examine", examine)
    line = f"ended by {sent.name}; run the same command again to resume\n"
    assert call("doctor") == (status, "", line)
    assert tidied == [True]
    assert [signal.getsignal(s) for s in ENDING] == [signal.SIG_IGN] * len(ENDING), "until the process has ended"


def test_what_is_ignored_stays_ignored() -> None:
    """As with nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with ending():
        signal.raise_signal(signal.SIGHUP)
        with pytest.raises(Ended):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_nothing_changes_without_a_signal() -> None:
    with ending():
        assert signal.SIG_DFL not in [signal.getsignal(s) for s in ENDING]
    assert [signal.getsignal(s) for s in ENDING] == [signal.SIG_DFL] * len(ENDING)


def test_a_forked_child_ends_as_usual() -> None:
    with ending():
        child = os.fork()
        if child == 0:
            signal.raise_signal(signal.SIGTERM)
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


def test_nothing_swallows_it() -> None:
    with pytest.raises(Ended), ending():
        try:
            signal.raise_signal(signal.SIGTERM)
        except Exception:
            pytest.fail("taken for a mistake")
