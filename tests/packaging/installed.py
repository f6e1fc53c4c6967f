"""codesign as its users have it: the wheel in an environment of its own, far from the checkout."""

import os
import subprocess
import sys
import sysconfig
from importlib.metadata import entry_points
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LOG = """\
import importlib.util, json, os, sys

spec = importlib.util.find_spec("codesign")
with open({log!r}, "a") as f:
    f.write(json.dumps([sys.prefix, spec and spec.origin, os.environ.get("PYTHONPATH")]) + "\\n")
"""


def build(out: Path) -> Path:
    """The wheel of this checkout, in `out`."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return next(out.glob("codesign-*.whl"))


def install(wheel: Path, home: Path) -> None:
    """A fresh environment `home` with the wheel; third-party packages are borrowed from the running one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True, text=True)
    # A path in a .pth file brings packages but not the editable install, which needs a .pth read of its own.
    site = _site(home)
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (command,) = entry_points(group="console_scripts", name="cocotb-config")
    script = home / "bin" / command.name
    script.write_text(f"#!{home / 'bin' / 'python'}\nfrom {command.module} import {command.attr}\n{command.attr}()\n")
    script.chmod(0o755)


def watch(home: Path, log: Path) -> None:
    """From now on every Python of the environment, those inside simulators too, writes a line to `log` as it starts.

    A JSON list: its environment, the file of the codesign that it would import, PYTHONPATH.
    """
    (_site(home) / "started.py").write_text(_LOG.format(log=str(log)))
    (_site(home) / "started.pth").write_text("import started\n")


def run(home: Path, *command: str, cwd: Path | None = None) -> str:
    """What a command says on stdout, in `cwd` (absent: in the environment's folder); it must succeed.

    Of the running environment nothing is on its PATH.
    """
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COCOTB", "VIRTUAL_ENV"))}
    own = {Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))}
    path = [str(home / "bin"), *(p for p in env["PATH"].split(os.pathsep) if Path(p) not in own)]
    env |= {"PATH": os.pathsep.join(path), "CODESIGN_CACHE": str(home / "cache")}
    done = subprocess.run(command, cwd=cwd or home, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _site(home: Path) -> Path:
    return next(home.glob("lib/python*/site-packages"))
