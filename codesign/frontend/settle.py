"""Brings a real-valued graph into the form whose operations have integers."""

from dataclasses import replace

from codesign.errors import UnsupportedError
from codesign.frontend.graph import Graph, Matrix, Op, Pool, Sum
from codesign.ir.geometry import Shape, Window

WORDS = {Matrix: "a convolution", Pool: "pooling", Sum: "a sum"}


def settled(graph: Graph, fold: bool = True) -> Graph:
    """The same graph: batch norm folded if `fold`, no activation behind max pooling, nothing that nobody reads.

    Clipping and max pooling may change places, so the activation moves to the operation before; where others read that
    one, a window of one pixel clips. A last convolution with one position is a linear layer. Raises UnsupportedError
    for a graph that ends in anything else.
    """
    ops: list[Op] = []
    for op in _used(graph.ops):
        if isinstance(op, Matrix):
            ops.append(op.folded() if fold else op)
        elif isinstance(op, Pool) and op.largest and op.act is not None:
            before = next((k for k, o in enumerate(ops) if o.name == op.source), None)
            readers = sum(op.source in o.sources for o in graph.ops)
            if before is not None and readers == 1 and _takes_act(ops[before]):
                ops[before] = replace(ops[before], act=op.act)
                ops.append(replace(op, act=None))
            else:
                inner = replace(op, name=_free(f"{op.name}_pool", graph), act=None)
                ops += [inner, Pool(op.name, op.path, inner.name, Window.square(1), largest=False, act=op.act)]
        else:
            ops.append(op)
    last = ops[-1]
    if isinstance(last, Matrix) and last.window is not None and last.groups == 1:
        source = shapes(replace(graph, ops=tuple(ops)))[last.source]
        if last.window.size == source[1:] and last.window.padding == (0, 0):
            ops[-1] = last = replace(last, weight=last.weight.reshape(len(last.weight), -1), window=None)
    if not isinstance(last, Matrix) or last.window is not None or last.act is not None:
        got = "an activation" if last.act is not None else WORDS[type(last)]
        raise UnsupportedError(
            f"model: must end in a linear layer, got {got} ({last.path or last.name}); the chip leaves raw "
            "accumulators, so end with nn.Flatten and nn.Linear"
        )
    return replace(graph, ops=tuple(ops))


def shapes(graph: Graph) -> dict[str, Shape]:
    """Shape of one image on every edge."""
    found = {"input": graph.shape}
    for op in graph.ops:
        source = found[op.source]
        match op:
            case Matrix(window=None):
                found[op.name] = (len(op.weight),)
            case Matrix(window=window) if window is not None:
                found[op.name] = window.over(source, len(op.weight))
            case Pool():
                found[op.name] = op.window.over(source)
            case _:
                found[op.name] = source
    return found


def reader_of(op: Op, later: tuple[Op, ...]) -> Matrix | None:
    """The next matrix that the values of `op` reach, directly or through pools and sums."""
    reached = {op.name}
    for other in later:
        if reached & set(other.sources):
            if isinstance(other, Matrix):
                return other
            reached.add(other.name)
    return None


def _used(ops: tuple[Op, ...]) -> list[Op]:
    """Those that the last one depends on."""
    needed, kept = {ops[-1].name}, []
    for op in reversed(ops):
        if op.name in needed:
            needed |= set(op.sources)
            kept.append(op)
    return kept[::-1]


def _takes_act(op: Op) -> bool:
    return op.act is None and not (isinstance(op, Pool) and op.largest)


def _free(name: str, graph: Graph) -> str:
    taken = {"input", *(op.name for op in graph.ops)}
    return name if name not in taken else next(n for k in range(2, len(taken) + 3) if (n := f"{name}_{k}") not in taken)
