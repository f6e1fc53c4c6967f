"""Operations that change a tensor in place: later readers of that tensor read the result instead."""

from typing import Any

import torch
from torch.fx import Graph, Node


def rewire(graph: Graph) -> dict[Node, str]:
    """Give the result of every in-place operation to all later readers of the tensor that it changed.

    Returns the operations for which that is not possible, and why: another view of the tensor is read later.
    """
    order = {node: k for k, node in enumerate(graph.nodes)}
    failed: dict[Node, str] = {}
    for node in list(graph.nodes):
        if not mutates(node) or not isinstance(node.args[0], Node):
            continue
        changed = node.args[0]
        shape = _shape(changed)
        for other in (a for a in _aliases(changed) if order[a] < order[node]):
            later = [u for u in other.users if order[u] > order[node]]
            if later and (_shape(other) != shape or (other is not changed and not _same_values(other, changed))):
                failed[node] = "it changes a view in place, and the whole is read later"
                continue
            for user in later:
                user.replace_input_with(other, node)
    return failed


def mutates(node: Node) -> bool:
    """Whether an operation changes its first argument."""
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable


def _aliases(node: Node) -> list[Node]:
    """All nodes that share memory with `node`, itself included."""
    found, left = [node], [node]
    while left:
        at = left.pop()
        near: list[Any] = [user for user in at.users if _shares(user) and user.args[0] is at]
        if _shares(at):
            near.append(at.args[0])
        for other in near:
            if isinstance(other, Node) and other not in found:
                found.append(other)
                left.append(other)
    return found


def _shares(node: Node) -> bool:
    """Whether the output is memory of the first argument."""
    target = node.target
    if not isinstance(target, torch._ops.OpOverload):
        return False
    returns = target._schema.returns
    return "dropout" in str(target) or bool(returns and returns[0].alias_info is not None)


def _same_values(a: Node, b: Node) -> bool:
    """Whether one is the other behind operations that keep the shape: none of those reorders."""
    return "transpose" not in str(a.target) + str(b.target) and "permute" not in str(a.target) + str(b.target)


def _shape(node: Node) -> tuple[Any, ...]:
    return tuple(getattr(node.meta.get("val"), "shape", ()))
