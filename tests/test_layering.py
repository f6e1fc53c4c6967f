"""Who may import what, read from the source: imports go one way, and torch stays at home."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import codesign

ROOT = Path(codesign.__file__).parent

# part: (what it may import whenever it is imported, what only inside functions). Everyone may import COMMON.
COMMON = {"arrays", "errors", "files", "records", "tables", "__version__"}
TABLE: dict[str, tuple[str, str]] = {
    "errors": ("", ""),
    "arrays": ("", ""),
    "files": ("", ""),
    "records": ("", ""),
    "tables": ("", ""),
    "outputs": ("", ""),
    "fixed": ("", ""),
    "hardware": ("fixed", ""),
    "parallel": ("", ""),
    "devices": ("hardware fixed", ""),
    "ir": ("fixed", ""),
    "passes": ("ir fixed", ""),
    "train": ("ir devices hardware fixed outputs", ""),
    "mapping": ("ir devices hardware fixed", ""),
    "image": ("mapping hardware fixed", ""),
    "rtl": ("image mapping hardware fixed", ""),
    "report": ("mapping image hardware fixed", ""),
    "program": ("ir passes mapping image rtl hardware fixed outputs", ""),
    "compiler": ("ir passes mapping image rtl hardware fixed program", "train"),
    "sim": ("rtl image mapping ir hardware fixed program outputs", ""),
    # Records that load without torch: the recipe with what it names, and which of torchrun's processes this is.
    "flow": (
        "ir mapping image rtl report program hardware fixed outputs train.recipe train.ranks train.identity",
        "compiler train sim",
    ),
    "study": ("flow devices hardware outputs parallel train.identity", "train"),
    "search": (
        "study flow mapping devices hardware fixed outputs parallel train.recipe train.architecture train.identity",
        "train",
    ),
    "doctor": ("", "sim"),
    "cli": (
        "report hardware outputs",
        "flow study search parallel train.ranks program compiler ir image rtl sim doctor",
    ),
    "__main__": ("cli", ""),
    "__init__": ("", "devices hardware ir mapping program compiler sim"),
}

# Packages of others that have one home (or few).
HOMES = {
    "torch": {"train"},
    "sklearn": {"train"},
    "PIL": {"train"},
    "cocotb": {"sim"},
    "cocotb_tools": {"sim"},
    "find_libpython": {"sim", "doctor"},
    "vcd": {"sim"},
    "jinja2": {"rtl"},
    "filelock": {"outputs"},
    "pyverilog": {"rtl"},
    "joblib": {"parallel"},
    "distributed": {"parallel"},
    "optuna": {"search"},
    "matplotlib": {"study", "search"},
    "scipy": {"study"},
    "typer": {"cli"},
    "rich": {"cli", "report"},
    "safetensors": {"ir", "train"},
    "pydantic": {"ir", "hardware", "devices", "train", "image", "flow", "study", "search", "report", "tables"},
}

# Whose names a part may write in annotations without importing it when run.
TYPING = {"torch": {"compiler"}}


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(tree: ast.AST, when: str = "always") -> Iterator[tuple[str, str, int]]:
    """(dotted module, "always" or "call" or "typing", line) of every import below `tree`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, when, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import; write codesign.X"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", when, node.lineno
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from imports(node, "typing")
        else:
            yield from imports(node, "call" if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else when)


def judge(part: str, module: str, when: str) -> str | None:
    """What is wrong with importing `module` in `part`; None if nothing."""
    root, _, rest = module.partition(".")
    if root != "codesign":
        home = HOMES.get(root, {part})
        stays = part in home or (when == "typing" and part in TYPING.get(root, ()))
        return None if stays else f"{root} belongs to {', '.join(sorted(home))}"
    target = rest.split(".")[0]
    if target == part or target in COMMON:
        return None
    always, inside = (set(x.split()) for x in TABLE[part])
    allowed = always | (inside if when != "always" else set())
    if target in allowed or any(rest == a or rest.startswith(f"{a}.") for a in allowed):
        return None
    return f"{part} may not import {target}" + (" outside a function" if target in inside else "")


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports_go_one_way(path: Path) -> None:
    assert part_of(path) in TABLE, f"{path}: add {part_of(path)} to the import table"
    problems = [
        f"{path.relative_to(ROOT.parent)}:{line}: {wrong}"
        for module, when, line in imports(ast.parse(path.read_text()))
        if (wrong := judge(part_of(path), module, when))
    ]
    assert problems == []


@pytest.mark.parametrize(
    ("part", "source", "expected"),
    [
        ("ir", "import torch", "torch belongs to train"),
        ("ir", "def f():\n    from torch import nn", "torch belongs to train"),
        ("ir", "if TYPE_CHECKING:\n    import torch", "torch belongs to train"),
        ("compiler", "if TYPE_CHECKING:\n    from torch import nn", None),
        ("compiler", "def f():\n    from torch import nn", "torch belongs to train"),
        ("train", "import torch", None),
        ("mapping", "from codesign.image import parse", "mapping may not import image"),
        ("mapping", "from codesign import rtl", "mapping may not import rtl"),
        ("flow", "from codesign.train import fit", "flow may not import train outside a function"),
        ("flow", "def f():\n    from codesign.train import fit", None),
        ("flow", "from codesign.train.recipe import Recipe", None),
        ("study", "from codesign.train.loop import fit", "study may not import train outside a function"),
        ("cli", "from codesign import study", "cli may not import study outside a function"),
        ("devices", "from codesign.mapping import Die", "devices may not import mapping"),
        ("parallel", "from codesign.flow import Flow", "parallel may not import flow"),
        ("train", "def f():\n    import joblib", "joblib belongs to parallel"),
        ("fixed", "if TYPE_CHECKING:\n    from codesign.hardware import Chip", "fixed may not import hardware"),
    ],
)
def test_the_judge_itself(part: str, source: str, expected: str | None) -> None:
    found = [judge(part, module, when) for module, when, _ in imports(ast.parse(source))]
    assert found == [expected]


def test_light_imports_stay_light() -> None:
    heavy = ["torch", "optuna", "sklearn", "scipy", "matplotlib", "joblib", "distributed", "cocotb", "pyverilog"]
    light = (
        "codesign, codesign.cli, codesign.flow, codesign.study, codesign.parallel, codesign.devices, codesign.mapping"
    )
    code = f"import {light}, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
