"""Compares a traced graph with the module it came from, in float64, so that a fault of ours cannot stay hidden."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import Interpreter, Node

from codesign.errors import InputError
from codesign.frontend.fold import Value, canonical
from codesign.frontend.graph import Graph, Real
from codesign.frontend.run import values
from codesign.frontend.scales import LARGEST

WITHIN = 1e-4  # of the largest value
DRAWS = 3  # batches of random inputs beside the sample

CASTS = ("to.", "_to_copy.", "type_as.")


def doubles(value: Any) -> Any:
    """Floats as float64, in any nesting."""
    if isinstance(value, Tensor):
        return value.detach().double() if value.is_floating_point() else value
    return type(value)(doubles(v) for v in value) if type(value) in (tuple, list) else value


class Doubled(Interpreter):
    """Runs an exported graph in float64, and keeps every node's value."""

    def __init__(self, program: ExportedProgram) -> None:
        super().__init__(program.graph_module)
        self.values: dict[Node, Any] = {}

    def run_node(self, n: Node) -> Any:
        """One node's value."""
        if n.op == "call_function" and "_assert" in str(n.target):
            return None
        self.values[n] = doubles(super().run_node(n))
        return self.values[n]

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Its own value; one cast to float32 stays a double."""
        name = str(target).removeprefix("aten.")
        if name.startswith(CASTS) and isinstance(args[0], Tensor) and args[0].dtype == torch.float64:
            return args[0]
        return super().call_function(target, args, kwargs)


def check_range(graph: Graph, sample: Tensor) -> None:
    """Raises InputError if the module itself, in float32, cannot hold an operation's values for the sample."""
    if not torch.isfinite(sample).all():
        return  # for whoever reads the calibration to say
    with np.errstate(over="ignore", invalid="ignore"):
        edges = values(graph, sample.double().numpy())
    for op in graph.ops:
        largest = float(np.abs(edges[op.name]).max())
        if not largest <= LARGEST:
            raise InputError(
                f"calibration: layer {op.name}: reaches {largest:.3g}, float32 ends at {LARGEST:.3g}; rescale it"
            )


def differs(
    program: ExportedProgram,
    inputs: Callable[[Tensor], list[Tensor]],
    graph: Graph,
    sample: Tensor,
    scores: tuple[Node, Value],
    final: list[tuple[Node, Value]],
) -> tuple[Node, float] | None:
    """The first operation whose values differ from the module's, and by which share of the largest; None if none does.

    inputs: all placeholders of the program for a batch. scores: the node and the value of the graph's outputs. final:
    the same of every operation whose edge did not change after it.
    """
    for batch in (sample.double(), *_draws(sample)):
        theirs = Doubled(program)
        with torch.no_grad():
            theirs.run(*(doubles(t) for t in inputs(batch)))
        if not torch.isfinite(theirs.values[scores[0]]).all():
            continue  # random inputs may lead beyond all numbers
        ours = values(graph, batch.numpy())
        if _gap(theirs.values[scores[0]], ours[graph.ops[-1].name]) <= WITHIN:
            continue
        for node, value in final:
            gap = _gap(theirs.values[node], _of(value, ours[value.edge]))
            if not gap <= WITHIN:
                return node, gap
        return scores[0], _gap(theirs.values[scores[0]], ours[graph.ops[-1].name])
    return None


def _gap(theirs: Any, ours: Real) -> float:
    """The largest difference as a share of the largest value."""
    y: Real = np.asarray(theirs, np.float64).reshape(len(ours), -1)
    with np.errstate(invalid="ignore", over="ignore"):
        far = float(np.abs(y - ours.reshape(len(ours), -1)).max())
    largest = float(np.abs(y).max())
    return far / largest if largest else far


def _of(value: Value, edge: Real) -> Real:
    """A value from its edge, (images, channels, pixels)."""
    seen = edge.reshape(len(edge), canonical(value.shape)[0], -1)
    return np.asarray(value.gain * seen + value.offset)


def _draws(sample: Tensor) -> list[Tensor]:
    """Random inputs within the sample's range; of one value, within 1 of it."""
    rng = np.random.default_rng(0)
    lo, hi = float(sample.min()), float(sample.max())
    lo, hi = (lo, hi) if lo < hi < np.inf else (lo - 1, lo + 1) if np.isfinite(lo) else (-1.0, 1.0)
    return [torch.from_numpy(rng.uniform(lo, hi, tuple(sample.shape))) for _ in range(DRAWS)]
