"""Another process that writes in a folder."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HOLD = """
import signal, sys, time
from codesign.folders import alone, claimed, staged
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where whoever started the tests ignores it
how, folder = sys.argv[1:]
with alone(folder) if how == "alone" else (claimed if how == "claimed" else staged)(folder, "run"):
    print("holds", flush=True)
    time.sleep(120)
"""

Hold = Callable[[str, Path], subprocess.Popen[str]]  # alone, claimed or staged; the folder


def hold(how: str, folder: Path) -> subprocess.Popen[str]:
    """Start the process and wait until it has the folder. Kill it afterwards."""
    held = subprocess.Popen([sys.executable, "-c", HOLD, how, str(folder)], stdout=subprocess.PIPE, text=True)
    assert held.stdout is not None and held.stdout.readline() == "holds\n"
    return held
