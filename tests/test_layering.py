"""Who may import what, read from the source: imports go one way, and torch stays at home."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import codesign

ROOT = Path(codesign.__file__).parent

# part: (what it may import whenever it is imported, what only inside functions). Everyone may import COMMON.
_TOOLS = (
    "account arrays brief checked errors files folders records resources settings squares temporary terminal workers"
)
LONE = set(_TOOLS.split(" "))
COMMON = LONE | {"__version__"}
TABLE: dict[str, tuple[str, str]] = {
    **dict.fromkeys(sorted(LONE), ("", "")),
    "account": ("", ""),
    "fixed": ("", ""),
    "chip": ("fixed", ""),
    "devices": ("chip fixed", ""),
    "data": ("fixed", ""),
    "ir": ("fixed", ""),
    "passes": ("ir account fixed", ""),
    "train": (
        "ir devices data chip fixed mapping",
        "frontend.prepare frontend.prepared frontend.fit",
    ),  # for its face
    "frontend": ("train ir devices data chip fixed account", ""),
    "mapping": ("ir devices chip fixed", ""),
    "image": ("mapping ir devices chip fixed", ""),
    "rtl": ("image mapping chip fixed", ""),
    "report": ("account", ""),
    "views": ("mapping ir fixed", ""),
    "page": ("views report program mapping ir chip fixed", ""),
    "plot": ("views program mapping ir", ""),
    "program_json": ("image chip fixed", ""),
    "program": ("ir passes mapping image rtl chip fixed program_json", ""),
    "losses": ("ir mapping fixed", ""),
    "compiler": ("ir passes mapping image rtl chip fixed program losses", "train frontend"),
    "sim": ("rtl image mapping ir chip fixed program", ""),
    "vectors": ("sim rtl mapping ir devices chip fixed program", ""),
    # Records that load without torch: the recipe with what it names, and which of torchrun's processes this is.
    "flow": (
        "ir passes mapping image rtl report page program account chip devices fixed data "
        "train.recipe train.ranks train.identity",
        "compiler train sim",
    ),
    "jobs": ("flow mapping ir devices chip train.identity", "data train"),
    "study": ("report page jobs flow devices chip", "train"),
    "search": (
        "jobs flow report views page mapping devices chip fixed "
        "train.recipe train.nets.architecture train.identity train.outline",
        "train",
    ),
    "doctor": ("", "sim"),
    "reference": ("", ""),  # imports the models that its pages name
    "cli": (
        "report chip",
        "flow study search page train.ranks program compiler ir image rtl sim vectors doctor data devices mapping",
    ),
    "__main__": ("cli", ""),
    "__init__": ("", "train data devices chip ir mapping plot program compiler sim flow report search"),
}

# Packages of others that have one home (or few).
HOMES = {
    "torch": {"train", "frontend"},
    "sklearn": {"data"},
    "PIL": {"data", "page"},
    "cocotb": {"sim"},
    "cocotb_tools": {"sim"},
    "find_libpython": {"sim", "doctor"},
    "vcd": {"sim"},
    "jinja2": {"rtl", "page"},
    "onnx": {"frontend"},
    "filelock": {"folders"},
    "pyverilog": {"rtl"},
    "bincopy": {"image"},
    "joblib": {"workers"},
    "distributed": {"workers"},
    "optuna": {"search"},
    "matplotlib": {"report", "plot"},
    "scipy": {"report"},
    "typer": {"cli"},
    "rich": {"cli", "report"},
    "safetensors": {"ir", "train"},
    "pydantic": {
        "checked",
        "ir",
        "chip",
        "devices",
        "train",
        "image",
        "flow",
        "jobs",
        "program_json",
        "study",
        "search",
        "reference",
        "report",
        "settings",
    },
}

# Whose names a part may write in annotations without importing it when run.
TYPING = {"torch": {"compiler"}, "matplotlib": {"study", "search"}}


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
        ("ir", "import torch", "torch belongs to frontend, train"),
        ("ir", "def f():\n    from torch import nn", "torch belongs to frontend, train"),
        ("ir", "if TYPE_CHECKING:\n    import torch", "torch belongs to frontend, train"),
        ("compiler", "if TYPE_CHECKING:\n    from torch import nn", None),
        ("compiler", "def f():\n    from torch import nn", "torch belongs to frontend, train"),
        ("train", "import torch", None),
        ("mapping", "from codesign.image import parse", "mapping may not import image"),
        ("mapping", "from codesign import rtl", "mapping may not import rtl"),
        ("flow", "from codesign.train import fit", "flow may not import train outside a function"),
        ("flow", "def f():\n    from codesign.train import fit", None),
        ("flow", "from codesign.train.recipe import Recipe", None),
        ("study", "from codesign.train.loop import fit", "study may not import train outside a function"),
        ("cli", "from codesign import study", "cli may not import study outside a function"),
        ("devices", "from codesign.mapping import Die", "devices may not import mapping"),
        ("workers", "from codesign.flow import Flow", "workers may not import flow"),
        ("train", "def f():\n    import joblib", "joblib belongs to workers"),
        ("fixed", "if TYPE_CHECKING:\n    from codesign.chip.description import Chip", "fixed may not import chip"),
    ],
)
def test_the_judge_itself(part: str, source: str, expected: str | None) -> None:
    found = [judge(part, module, when) for module, when, _ in imports(ast.parse(source))]
    assert found == [expected]


def circles(files: dict[str, str]) -> list[list[str]]:
    """Modules that import each other in a loop, by dotted name, whenever and for whatever they do; packages' faces
    (`__init__`) only hand names on."""
    graph = TopologicalSorter[str]()
    for module, text in files.items():
        for target, _, _ in imports(ast.parse(text)):
            graph.add(module, *({target, target.rpartition(".")[0]} & (files.keys() - {module})))
    try:
        graph.prepare()
    except CycleError as e:
        return [e.args[1]]
    return []


def test_no_circles_inside_rooms_either() -> None:
    paths = {p: p.relative_to(ROOT.parent).with_suffix("") for p in ROOT.rglob("*.py") if p.stem != "__init__"}
    assert circles({".".join(name.parts): path.read_text() for path, name in paths.items()}) == []


def test_a_circle_is_found() -> None:
    a, b = "if TYPE_CHECKING:\n    from codesign.x.b import B", "def f():\n    from codesign.x import a"
    assert circles({"codesign.x.a": a, "codesign.x.b": ""}) == []
    assert [set(c) for c in circles({"codesign.x.a": a, "codesign.x.b": b})] == [{"codesign.x.a", "codesign.x.b"}]


def test_a_layer_is_named_where_the_architecture_page_says() -> None:
    """MaxPool stands for all kinds; what sees matrices only is not asked."""
    page = (ROOT.parent / "docs" / "architecture.md").read_text().partition("## How to add a layer\n")[2]
    listed = re.findall(r"^\d\. `(.+?)`", page.partition("\n## ")[0], re.MULTILINE)
    named = [p for p in ROOT.rglob("*.py") if "maxpool" in p.read_text().lower()]
    outside = {p.relative_to(ROOT).as_posix() for p in named if part_of(p) not in ("mapping", "image", "rtl", "sim")}
    folders = [place for place in listed if place.endswith("/")]  # one file of each
    extra = sorted(outside - set(listed))
    assert set(listed) - set(folders) <= outside and len(extra) == len(folders), extra
    assert all(any(f.startswith(folder) for f in extra) for folder in folders)
    assert len(outside) <= 9


def test_light_imports_stay_light() -> None:
    heavy = ["torch", "optuna", "sklearn", "scipy", "matplotlib", "joblib", "distributed", "cocotb", "pyverilog"]
    light = (
        "codesign, codesign.cli, codesign.flow, codesign.study, codesign.workers, codesign.devices, codesign.mapping"
    )
    code = f"import {light}, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    inside = "codesign.chip.registers, codesign.sim.bus, codesign.sim.streams"  # what benches import
    code = f"import {inside}, sys; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
