"""Nodes of an exported program: their names, their constants, and how they hang together."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from codesign.account import Row
from codesign.frontend.calls import Call, Scores
from codesign.frontend.exported import line_of, module_of, where
from codesign.frontend.fold import UNKNOWN, Fold, RefusedError, Value, whole
from codesign.frontend.selfcheck import doubles


def key_of(node: Node) -> str:
    """linear.default of aten.linear.default; one name for an operation that works in place and one that does not."""
    name, _, kind = str(node.target).removeprefix("aten.").partition(".")
    return f"{name.rstrip('_') or name}.{kind}"


def call_of(node: Node, fold: Fold, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """A node with its arguments."""
    operation = key_of(node).partition(".")[0]
    path, kind = module_of(node)
    own = kind.startswith("torch.nn.modules.") and not kind.startswith("torch.nn.modules.container.")
    at = path if own else f"{path}.{operation}" if path else operation
    result = node.meta.get("val")
    shape = tuple(result.shape[1:]) if isinstance(result, Tensor) else _shapes(result)
    call = Call(fold, operation, where(node), at, _owner(node, path if own else ""), line_of(node), args, kwargs, shape)
    call.row = path or node.name
    return call


def row_of(call: Call) -> Row:
    """What became of an operation."""
    if call.verdict == "folded into" and not call.takers:
        return Row(call.row, call.operation, "dropped", "nothing reads it", call.line)
    return Row(call.row, call.operation, call.verdict, call.what or ", ".join(call.takers), call.line)


def constant(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a node gives whose arguments do not depend on the inputs, in doubles."""
    target: Any = node.target
    copies = [a.clone() if isinstance(a, Tensor) else a for a in args]
    with torch.no_grad():
        return doubles(target(*copies, **kwargs))


def is_random(node: Node) -> bool:
    """Whether a node gives other values each time."""
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())


def reach(start: Iterable[Node], step: Callable[[Node], list[Node]]) -> set[Node]:
    """All nodes that steps lead to, the first ones included."""
    found, left = set(start), list(start)
    while left:
        new = [n for n in step(left.pop()) if n not in found]
        found.update(new)
        left += new
    return found


def values_in(found: Any) -> list[Value]:
    """The values of the network in what a node gave."""
    if isinstance(found, Scores):
        return [found.value]
    if isinstance(found, tuple | list):
        return [v for f in found for v in values_in(f)]
    return [found] if isinstance(found, Value) else []


def nothing_known(result: Any, number: int) -> Any:
    """Stands for what a refused operation gives, so that those behind it are examined too."""
    if not isinstance(result, Tensor):
        return tuple(nothing_known(r, number) for r in result)
    shape = tuple(n if isinstance(n, int) else 1 for n in result.shape[1:])
    try:
        return whole(f"{UNKNOWN}{number}", shape)
    except RefusedError:
        return whole(f"{UNKNOWN}{number}", (int(torch.Size(shape).numel()),))


def _owner(node: Node, path: str) -> str:
    """The path of the module that owns a layer's weights; `path` where forward computes them."""
    weight = node.args[1] if len(node.args) > 1 else None
    if isinstance(weight, Node) and weight.op == "placeholder":
        return str(weight.meta.get("owner", "")).rpartition(".")[0]
    return path


def _shapes(result: Any) -> tuple[Any, ...]:
    """The shapes of several results, for one image."""
    return tuple(tuple(r.shape[1:]) if isinstance(r, Tensor) else () for r in result or ())
