"""Standard output that cannot be written, and an environment that torchrun did not make."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calls import Call

FULL = "error: standard output: cannot be written (No space left on device); send it elsewhere\n"


def codesign(*argv: str, buffered: bool = True, **streams: object) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    env |= {} if buffered else {"PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "codesign", *argv]
    return subprocess.run(command, env=env, stderr=subprocess.PIPE, text=True, **streams)  # type: ignore[call-overload]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("command", [["chip", "check", "tiny"], ["chip", "check", "tiny", "--json"], ["--help"]])
def test_a_full_disk(command: list[str], buffered: bool) -> None:
    with open("/dev/full", "w") as full:
        done = codesign(*command, buffered=buffered, stdout=full)
    assert (done.returncode, done.stderr) == (1, FULL)


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    done = codesign("chip", "check", "tiny", stdout=write)
    os.close(write)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_a_closed_output() -> None:
    shell = f'"{sys.executable}" -m codesign chip check tiny >&-'
    done = subprocess.run(["sh", "-c", shell], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"WORLD_SIZE": "abc"},
            "WORLD_SIZE: must be a whole number of at least 1, got 'abc'; torchrun sets it, unset it to train alone",
        ),
        (
            {"WORLD_SIZE": "0"},
            "WORLD_SIZE: must be a whole number of at least 1, got '0'; torchrun sets it, unset it to train alone",
        ),
        (
            {"WORLD_SIZE": "9" * 5000},
            f"WORLD_SIZE: must be a whole number of at least 1, got '{'9' * 5000}'; torchrun sets it, "
            "unset it to train alone",
        ),
        (
            {"WORLD_SIZE": "2", "RANK": "-1"},
            "RANK: must be a whole number of at least 0, got '-1'; torchrun sets it, unset it to train alone",
        ),
        (
            {"WORLD_SIZE": "2", "RANK": "2"},
            "RANK: must be below WORLD_SIZE = 2, got 2; start all processes with torchrun",
        ),
    ],
)
def test_an_environment_that_torchrun_did_not_make(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    status, _, err = call("run", "digits_mlp", "--out", tmp_path / "out")
    assert (status, err) == (1, f"error: {message}\n")
    assert not (tmp_path / "out").exists()
