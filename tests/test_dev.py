"""./dev on machines that lack something: fakes on PATH stand for the system's tools."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHELL = ("sh", "sed", "cat", "cut", "dirname", "env", "rm", "grep")  # what ./dev may rely on, besides cksum


class Machine:
    """A checkout with a finished .venv of fakes, and a PATH with nothing else than given."""

    def __init__(self, home: Path) -> None:
        self.home, self.bin = home, home / "bin"
        self.bin.mkdir()
        for name in ("dev", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, home / name)
        for name in SHELL:
            found = shutil.which(name)
            assert found
            (self.bin / name).symlink_to(found)
        self.tool("cksum", "cat >/dev/null; echo 42 1")
        self.tool("python3", f'exec "{sys.executable}" "$@"')
        self.user(0)
        for name in ("ruff", "codespell", "mypy", "pytest", "codesign"):
            self.tool(name, f'echo "{name} $*"', home / ".venv" / "bin")
        self.tool("python", '[ "$1" = -c ] || echo "python $*"', home / ".venv" / "bin")
        (home / ".venv" / ".ready-42").touch()

    def tool(self, name: str, script: str, folder: Path | None = None) -> None:
        path = (folder or self.bin) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def user(self, number: int) -> None:
        self.tool("id", f"echo {number}")

    def manager(self, name: str) -> None:
        """A package manager that notes what it is asked and provides the tools named."""
        self.tool(
            name,
            f'echo "{name} $*" >>"{self.home}/asked"\n'
            'for last in "$@"; do case $last in *icarus*|iverilog) '
            f'cp "{self.bin}/id" "{self.bin}/iverilog";; esac; done',
        )

    def asked(self) -> list[str]:
        path = self.home / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def dev(self, *argv: str, **env: str) -> tuple[int, list[str], list[str]]:
        done = subprocess.run(
            [str(self.bin / "sh"), str(self.home / "dev"), *argv],
            env={"PATH": str(self.bin)} | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.tool("cp", f'exec {shutil.which("cp")} "$@"')
    return made


APT = "apt-get install -y --no-install-recommends"
TOOLS = "verilator yosys gcc libc6-dev g++ zlib1g-dev make"


def test_all_there(machine: Machine) -> None:
    for name in ("iverilog", "verilator", "yosys", "cc", "c++", "make"):
        machine.tool(name, "")
    status, out, err = machine.dev("test", "-k", "a b")
    assert (status, err) == (0, [])
    assert out == ["ruff check .", "ruff format --check .", "codespell ", "mypy ", "pytest -n 2 --dist loadfile -k a b"]


def test_demo_says_how_codesign_comes_onto_the_path(machine: Machine) -> None:
    machine.tool("iverilog", "")
    status, out, err = machine.dev("demo")
    assert (status, out) == (0, ["codesign run flows/digits_mlp.toml --out build/demo"])
    assert err == ["dev: before these commands, once in a shell: . .venv/bin/activate"]


def test_a_failing_demo_fails(machine: Machine) -> None:
    machine.tool("iverilog", "")
    machine.tool("codesign", "exit 1", machine.home / ".venv" / "bin")
    assert machine.dev("demo") == (1, [], [])


def test_root_installs_what_is_missing(machine: Machine) -> None:
    machine.manager("apt-get")
    assert machine.dev("demo")[0] == 0
    assert machine.asked() == ["apt-get update -qq", f"{APT} iverilog"]


def test_tests_also_get_the_optional_tools_once(machine: Machine) -> None:
    machine.manager("apt-get")
    for _ in range(2):
        assert machine.dev("test")[0] == 0
    assert machine.asked() == [
        "apt-get update -qq",
        f"{APT} iverilog",
        "apt-get update -qq",
        f"{APT} {TOOLS}",
    ]


def test_a_compiler_without_the_headers_that_verilator_needs(machine: Machine) -> None:
    for name in ("iverilog", "verilator", "yosys", "cc", "make"):
        machine.tool(name, "")
    machine.tool("c++", "exit 1")
    machine.manager("apt-get")
    assert machine.dev("test")[0] == 0
    assert machine.asked() == ["apt-get update -qq", f"{APT} zlib1g-dev"]


def test_optional_tools_that_cannot_be_had_stop_nothing(machine: Machine) -> None:
    machine.tool("iverilog", "")
    machine.tool("apt-get", "exit 100")
    status, out, err = machine.dev("test")
    assert (status, out[-1]) == (0, "pytest -n 2 --dist loadfile")
    assert err[-1] == f"dev: could not install {TOOLS}; their tests will be skipped"


def test_in_ci_they_must_be_had_each_time(machine: Machine) -> None:
    machine.tool("iverilog", "")
    (machine.home / ".venv" / ".tried-tools").touch()
    machine.tool("apt-get", "exit 100")
    status, out, err = machine.dev("test", CI="true")
    assert (status, out) == (1, [])
    assert err[-1] == f"dev: error: could not install {TOOLS}; with CI set the tests need them"
    machine.user(1000)
    status, out, err = machine.dev("test", CI="true")
    wanted = TOOLS
    told = f"with CI set the tests need {wanted}; please run: sudo {APT} {wanted}"
    assert (status, out, err) == (1, [], [f"dev: error: {told}"])
    machine.user(0)
    machine.manager("apt-get")
    assert machine.dev("test", CI="true")[0] == 0
    assert machine.asked() == ["apt-get update -qq", f"{APT} {TOOLS}"]


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("apt-get", f"sudo {APT} iverilog"),
        ("dnf", "sudo dnf install -y iverilog"),
    ],
)
def test_without_rights_it_names_the_command(machine: Machine, manager: str, command: str) -> None:
    machine.user(1000)
    machine.manager(manager)
    assert machine.dev("test") == (1, [], [f"dev: error: please run: {command} and then run ./dev test again"])
    assert machine.asked() == []


def test_sudo_that_asks_for_nothing_is_used(machine: Machine) -> None:
    machine.user(1000)
    machine.manager("apt-get")
    machine.tool("sudo", 'case $1 in -n) exit 0 ;; esac; exec "$@"')
    assert machine.dev("demo")[0] == 0
    assert machine.asked() == ["apt-get update -qq", f"{APT} iverilog"]


def test_brew_needs_no_root(machine: Machine) -> None:
    machine.user(1000)
    machine.manager("brew")
    assert machine.dev("demo")[0] == 0
    assert machine.asked() == ["brew install icarus-verilog"]


def test_no_manager(machine: Machine) -> None:
    assert machine.dev("demo") == (
        1,
        [],
        [
            "dev: error: needs Python 3.11+ with venv, its shared library and Icarus Verilog; "
            "install them, then run ./dev demo again"
        ],
    )


def test_python_too_old(machine: Machine) -> None:
    machine.tool("python3", "exit 1")
    machine.user(1000)
    machine.manager("apt-get")
    assert machine.dev("test") == (
        1,
        [],
        [
            f"dev: error: please run: sudo {APT} python3 python3-venv libpython3-dev iverilog "
            "and then run ./dev test again"
        ],
    )
    assert machine.dev("test", PYTHON="python3")[2] == [
        "dev: error: PYTHON=python3: must be Python 3.11 or newer with venv and ensurepip"
    ]


def test_lint_needs_no_simulator(machine: Machine) -> None:
    assert machine.dev("lint") == (0, ["ruff check .", "ruff format --check .", "codespell ", "mypy "], [])


def test_the_browser_is_installed_where_it_is_missing(machine: Machine) -> None:
    machine.tool("iverilog", "")
    machine.manager("apt-get")
    assert machine.dev("browser", "-x") == (0, ["pytest -m browser -x"], ["dev: installing chromium chromium-driver"])
    assert machine.asked()[-1] == "apt-get install -y --no-install-recommends chromium chromium-driver"
    for name in ("google-chrome", "chromedriver"):
        machine.tool(name, "")
    (machine.home / "asked").unlink()
    assert machine.dev("browser") == (0, ["pytest -m browser"], []) and machine.asked() == []
    machine.tool("google-chrome", "")
    (machine.bin / "chromedriver").unlink()
    machine.user(1000)
    assert machine.dev("browser")[:2] == (1, [])


def test_a_lint_failure_stops_the_tests(machine: Machine) -> None:
    for name in ("iverilog", "verilator", "yosys", "cc", "c++", "make"):
        machine.tool(name, "")
    machine.tool("mypy", "exit 1", machine.home / ".venv" / "bin")
    assert machine.dev("test") == (1, ["ruff check .", "ruff format --check .", "codespell "], [])


def test_new_constraints_install_again(machine: Machine) -> None:
    machine.tool("iverilog", "")
    machine.tool("cksum", "cat >/dev/null; echo 43 1")
    status, out, _ = machine.dev("demo")
    assert status == 0
    assert [line for line in out if "pip" in line] == [
        "python -m pip install --quiet --upgrade pip>=25.1",
        "python -m pip install --quiet -c constraints.txt -e . --group dev",
    ]
    assert sorted(p.name for p in (machine.home / ".venv").glob(".ready-*")) == [".ready-43"]


def test_usage(machine: Machine) -> None:
    assert machine.dev("tset") == (2, [], ["dev: unknown command 'tset'; use demo, test, slow, browser or lint"])
    status, out, _ = machine.dev()
    assert status == 0
    assert any("./dev demo" in line for line in out)


def test_constraints_pin_every_dependency() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    pinned = {
        line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")
    }
    names = {text.split(">")[0].split("=")[0].strip() for text in asked}
    assert names <= pinned
