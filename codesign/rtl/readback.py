"""Read emitted Verilog back with an independent parser and compare it with the plan."""

import contextlib
import io
import shutil
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from codesign.errors import ToolError
from codesign.rtl.plan import Plan, Port
from codesign.temporary import temporary


@dataclass(frozen=True)
class Instance:
    """A module placed in another, and the names it is connected by."""

    name: str
    module: str
    parameters: tuple[str, ...]
    ports: tuple[str, ...]


@dataclass(frozen=True)
class ModuleInfo:
    """What a module's text says. A port's width is 0 where it depends on parameters."""

    name: str
    parameters: tuple[str, ...]
    constants: dict[str, int]  # localparams that are plain numbers
    ports: tuple[Port, ...]
    instances: tuple[Instance, ...]


def read_back(files: Mapping[str, str]) -> dict[str, ModuleInfo]:
    """Every module of the emitted `files`, by name.

    The macro comes twice, as model and as black box; their pins and parameters must be the same.
    Raises ToolError when Icarus Verilog (the parser's preprocessor) is missing or a file does not parse.
    """
    if shutil.which("iverilog") is None:
        raise ToolError("iverilog: not found on PATH; reading Verilog back needs it, install Icarus Verilog")
    ast, _ = _pyverilog()
    names = [n for n in files if n.endswith(".v")]
    tree = _parse({n: t for n, t in files.items() if n in names or n.endswith(".vh")}, names)
    found: dict[str, ModuleInfo] = {}
    for definition in tree.description.definitions:
        if isinstance(definition, ast.ModuleDef):
            module = _module(definition)
            other = found.setdefault(module.name, module)
            if (other.parameters, other.ports) != (module.parameters, module.ports):
                raise ToolError(f"module {module.name}: two emitted files give it different pins or parameters")
    return found


def check(plan: Plan, files: Mapping[str, str]) -> None:
    """Raises ToolError that names each way in which `files` differ from `plan`."""
    modules = read_back(files)
    top = modules.get(plan.module)
    if top is None:
        raise ToolError(f"{plan.module}: is not among the emitted modules {', '.join(sorted(modules))}")
    problems = _differences("ports", plan.ports, top.ports)
    array = {f"ARRAY_{k}": v for k, v in plan.array.items()}
    problems += _differences("constants", (plan.parameters | array).items(), top.constants.items())
    expected = {"u_chip": "xb_chip"} | {f"u_array_{k}": "xb_array" for k in range(plan.chip.arrays.count)}
    problems += _differences("instances", expected.items(), [(i.name, i.module) for i in top.instances])
    problems = [f"{plan.module}: {p}" for p in problems]
    wanted = {"xb_chip": set(plan.parameters), "xb_array": {"INDEX", *plan.array}}
    for name, parameters in wanted.items():
        if name in modules:
            problems += [f"{name}: {p}" for p in _differences("parameters", parameters, modules[name].parameters)]
    for module in modules.values():
        for instance in module.instances:
            problems += [f"{module.name}.{instance.name}: {p}" for p in _connections(instance, modules)]
    if problems:
        raise ToolError("\n".join(["emitted Verilog is not what was planned; this is a bug in codesign:", *problems]))


def _connections(instance: Instance, modules: Mapping[str, ModuleInfo]) -> list[str]:
    """An instance passes only parameters that its module has, and connects every port."""
    module = modules.get(instance.module)
    if module is None:
        return [f"module {instance.module} is not emitted"]
    unknown = [p for p in instance.parameters if p not in module.parameters]
    problems = [f"passes unknown parameters {', '.join(unknown)}"] if unknown else []
    return problems + _differences("ports", [p.name for p in module.ports], instance.ports)


def _differences(what: str, want: Any, got: Any) -> list[str]:
    """Same things, each once, in any order; what is missing and what is too much otherwise."""
    left, right = list(want), list(got)
    lacks = [x for x in left if x not in right]
    extra = [x for x in right if x not in left]
    lines = [f"{what} lack {', '.join(map(_say, lacks))}"] if lacks else []
    lines += [f"{what} have unplanned {', '.join(map(_say, extra))}"] if extra else []
    if not lines and len(left) != len(right):
        lines = [f"{what}: {len(right)} found, {len(left)} planned"]
    return lines


def _say(item: Any) -> str:
    if isinstance(item, Port):
        return f"{item.direction} {item.name}[{item.width}]"
    return " = ".join(map(str, item)) if isinstance(item, tuple) else str(item)


def _pyverilog() -> tuple[Any, Any]:
    """The parser's syntax tree and the parser; imported late, its import leaves a file open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        from pyverilog.vparser import ast, parser  # type: ignore[import-untyped]
    return ast, parser


@cache
def _parser() -> Any:
    """The parser, once a process: its tables take longer to build than a chip to parse."""
    _, parser = _pyverilog()
    with temporary() as folder:  # for a copy of the tables, which nobody reads
        return parser.VerilogParser(outputdir=str(folder), debug=False)


def _parse(files: Mapping[str, str], sources: list[str]) -> Any:
    """The syntax tree of all sources as one text."""
    _, parser = _pyverilog()
    with temporary() as folder:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        flat = folder / "preprocessed"
        done = subprocess.run(
            ["iverilog", "-E", "-I.", "-o", flat.name, *sources],
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        if done.returncode:
            raise ToolError(f"iverilog: the emitted Verilog cannot be preprocessed: {done.stderr.strip()}")
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                reader = _parser()
                reader.lexer.reset_lineno()
                return reader.parse(flat.read_text(encoding="utf-8"), debug=0)
            except parser.ParseError as e:
                raise ToolError(f"pyverilog: the emitted Verilog does not parse: {e}") from None


def _module(definition: Any) -> ModuleInfo:
    ast, _ = _pyverilog()
    parameters, constants = [], {}
    for node in _below(definition, ast.Parameter):
        if isinstance(node, ast.Localparam):
            value = _number(node.value)
            if value is not None:
                constants[node.name] = value
        else:
            parameters.append(node.name)
    ports = tuple(_port(p.first) for p in definition.portlist.ports)
    instances = tuple(
        Instance(
            node.name,
            node.module,
            tuple(p.paramname for p in node.parameterlist),
            tuple(p.portname for p in node.portlist),
        )
        for node in _below(definition, ast.Instance)
        if node.name != "illegal"  # stands for a parameter check, see xb_core.v
    )
    return ModuleInfo(definition.name, tuple(parameters), constants, ports, instances)


def _port(node: Any) -> Port:
    if node.width is None:
        return Port(node.name, type(node).__name__.lower(), 1)
    msb, lsb = _number(node.width.msb), _number(node.width.lsb)
    width = 0 if msb is None or lsb is None else msb - lsb + 1
    return Port(node.name, type(node).__name__.lower(), width)


def _number(node: Any) -> int | None:
    """A number written as 12 or 8'hff; None for an expression."""
    literal = getattr(getattr(node, "var", node), "value", None)
    if not isinstance(literal, str):
        return None
    size, quote, rest = literal.replace("_", "").partition("'")
    if not quote:
        return int(size) if size.isdigit() else None
    return int(rest[1:], {"h": 16, "d": 10, "b": 2, "o": 8}[rest[0].lower()])


def _below(node: Any, kind: type) -> Iterator[Any]:
    for child in node.children():
        if isinstance(child, kind):
            yield child
        yield from _below(child, kind)
