"""One pass over an exported program: every operation folds, becomes an operation of the graph, or is refused."""

import operator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node
from torch.fx.node import map_arg
from torch.utils._pytree import tree_leaves

from codesign.errors import UnsupportedError
from codesign.frontend.advice import CHANCE, WHOLE, advice
from codesign.frontend.calls import Call, InsideError, Scores
from codesign.frontend.exported import module_of
from codesign.frontend.fold import UNKNOWN, Fold, RefusedError, ShapeRefusedError, Value, compact, whole
from codesign.frontend.graph import Graph, Op, Pool, Real
from codesign.frontend.nodes import call_of, constant, is_random, key_of, nothing_known, reach, row_of, values_in
from codesign.frontend.operations import OPERATIONS
from codesign.frontend.outputs import chosen, ended
from codesign.frontend.selfcheck import doubles
from codesign.frontend.views import TAILS

NOBODY = "no output depends on it"


class Walk:
    """From a program to a graph; offset (channels, 1 or pixels) is what the program subtracts from its inputs."""

    def __init__(
        self, program: ExportedProgram, kind: str, sample: Tensor, failed: dict[Node, str], offset: Real
    ) -> None:
        self.program, self.kind, self.sample, self.failed = program, kind, sample, failed
        self.fold = Fold(self._alone, offset=offset)
        self.seen: dict[Node, Any] = {}  # Values, Scores, constants, and tuples of them
        self.calls: list[Call] = []
        self.refused: list[Call] = []
        self.lines: list[str] = []  # one for each of them
        self.history: list[tuple[Node, Value, list[Op]]] = []
        nodes = list(program.graph.nodes)
        names = {getattr(s.arg, "name", ""): s.target for s in program.graph_signature.input_specs}
        for node in nodes:
            if node.op == "placeholder":
                node.meta["owner"] = names.get(node.name) or ""
        self.order, self.now = {node: k for k, node in enumerate(nodes)}, 0
        self.alive = reach([nodes[-1], *failed], lambda n: n.all_input_nodes)
        moving = [n for n in nodes if is_random(n) or self._spec(n) == InputKind.USER_INPUT]
        self.moving = reach(moving, lambda n: list(n.users))

    def graph(self) -> Graph:
        """The graph. Raises UnsupportedError for everything that no chip has, at once."""
        for node in self.program.graph.nodes:
            self.now = self.order[node]
            if node.op == "placeholder":
                self.seen[node] = self._given(node)
            elif node.op == "call_function":
                self.seen[node] = self._step(node)
                if isinstance(value := self.seen[node], Value):
                    self.history.append((node, value, self._version(value)))
        (end,) = (node for node in self.program.graph.nodes if node.op == "output")
        result = self._end(end)
        if self.lines:
            head = f"model {self.kind}: {len(self.lines)} of {len(self.calls)} operations cannot be mapped:"
            raise UnsupportedError("\n".join(self.lines if len(self.lines) == 1 else [head, *self.lines]))
        assert result is not None
        return result

    def placeholders(self, batch: Tensor) -> list[Any]:
        """What the program takes for a batch."""
        nodes = [n for n in self.program.graph.nodes if n.op == "placeholder"]
        return [batch if self._spec(n) == InputKind.USER_INPUT else self.seen[n] for n in nodes]

    def settled(self) -> list[tuple[Node, Value]]:
        """Every operation whose edge still holds its value, in order."""
        return [
            (n, v) for n, v, then in self.history if all(a is b for a, b in zip(then, self._version(v), strict=True))
        ]

    def _end(self, node: Node) -> Graph | None:
        """The graph up to what forward returns; None if something was refused."""
        leaves = [self.seen.get(a) if isinstance(a, Node) and a in self.moving else None for a in node.args[0]]  # type: ignore[union-attr]
        if self.lines:
            return None
        try:
            spec = self.program.call_spec.out_spec
            value, tail, path = chosen(leaves, spec)
            last = ended(self.fold, value)
        except RefusedError as e:
            raise UnsupportedError(f"model: {e}") from None
        source = next(n for n, v in reversed(self.seen.items()) if v is value)
        self.scores = source, value
        needed, ops = {last}, []
        for op in reversed(self.fold.ops.values()):
            if op.name in needed:
                needed |= set(op.sources)
                ops.append(op)
        shape = self.fold.shapes.get("input", (int(np.prod(self.sample.shape[1:])),))
        offset = compact(self.fold.offset)
        flat = offset[:1, :1] if (offset == offset[0, 0]).all() else offset
        return Graph(
            tuple(ops[::-1]),
            shape,
            tuple(float(v) for v in flat.ravel()) if flat.any() else (),
            tail,
            path,
            tuple(row_of(call) for call in self.calls),
            gain=self.fold.gain,
        )

    def _given(self, node: Node) -> Any:
        """The model's input, or one of its tensors in doubles."""
        signature = self.program.graph_signature
        if self._spec(node) != InputKind.USER_INPUT:
            (target,) = (s.target for s in signature.input_specs if getattr(s.arg, "name", "") == node.name)
            tensor = self.program.state_dict.get(str(target), self.program.constants.get(str(target)))
            return doubles(tensor)
        value = whole("input", tuple(self.sample.shape[1:]))
        offset, channels = self.fold.offset, len(value.gain)
        full = np.broadcast_to(offset, (len(offset), self.sample[0].numel() // len(offset)))
        return Value("input", value.shape, value.gain, compact(full.reshape(channels, -1)))

    def _step(self, node: Node) -> Any:
        """What an operation gives."""
        result = node.meta.get("val")
        if node.target is operator.getitem:
            found = self.seen.get(node.args[0])  # type: ignore[arg-type]
            return found[node.args[1]] if isinstance(found, tuple | list) else found  # type: ignore[index]
        if not isinstance(result, Tensor | tuple | list):
            return result  # an assertion, or a size
        args, kwargs = map_arg((node.args, node.kwargs), lambda n: self.seen.get(n))
        if node not in self.moving:
            return constant(node, args, kwargs)
        call = call_of(node, self.fold, args, kwargs)
        self.calls.append(call)
        if node not in self.alive:
            call.dropped(NOBODY)
            return None
        values = [v for v in tree_leaves((args, kwargs)) if isinstance(v, Value | Scores)]
        unknown = any((v.value if isinstance(v, Scores) else v).edge.startswith(UNKNOWN) for v in values)
        try:
            self._check(node, call, values, unknown)
            handled = OPERATIONS[key_of(node)](call)
            if isinstance(handled, Value) and isinstance(result, Tensor) and result.dtype != torch.float32:
                raise RefusedError(f"it converts float32 to {str(result.dtype)[6:]}", "keep values in float32")
            return handled
        except RefusedError as e:
            if not (isinstance(e, ShapeRefusedError) and unknown):
                self._refuse(call, e)
        except (ValueError, IndexError):
            if not unknown:
                raise
        return nothing_known(result, len(self.seen))

    def _check(self, node: Node, call: Call, values: list[Value | Scores], unknown: bool) -> None:
        """Raises RefusedError for what no handler needs to see."""
        if node in self.failed:
            raise RefusedError(self.failed[node], "compute a new tensor instead")
        for kind, (name, *words) in WHOLE.items():
            if f".{kind}" in module_of(node)[1]:
                call.operation = name
                raise RefusedError(*words)
        if is_random(node) and not values:
            raise RefusedError(*CHANCE)
        if key_of(node) not in OPERATIONS:
            raise RefusedError(*advice(call.operation))
        for found in values:
            if isinstance(found, Scores) and key_of(node) not in TAILS:
                raise InsideError(found.call or call)
        result = node.meta["val"]
        if unknown or not isinstance(result, Tensor):
            return
        if not all(isinstance(n, int) for n in result.shape):
            raise RefusedError("its shape depends on the values", "keep shapes fixed")
        if tuple(result.shape[:1]) != (len(self.sample),):
            raise RefusedError(
                f"it mixes images, {len(self.sample)} of them became shape {tuple(result.shape)}",
                "keep images on the first axis",
            )

    def _refuse(self, call: Call, error: RefusedError) -> None:
        """One line of what is raised at the end; a module that is refused as one has one line."""
        call = error.call if isinstance(error, InsideError) else call
        call.verdict, call.what = "refused", f"{error.why}; {error.advice}"
        line = f" (line {call.line})" if call.line else ""
        text = f"{call.where}{line}: {call.operation} is refused, {call.what}"
        if not any(call is c or (c.where, c.what) == (call.where, call.what) for c in self.refused):
            self.refused.append(call)
            self.lines.append(text)

    def _alone(self, edge: str) -> bool:
        """Whether no operation after the one in progress reads a value of this edge."""
        return not any(
            self.order[user] > self.now and user in self.alive
            for node, found in self.seen.items()
            if any(v.edge == edge for v in values_in(found))
            for user in node.users
        )

    def _version(self, value: Value) -> list[Op]:
        """The operations that make an edge, through pooling: others when something folded into them later."""
        found, edge = [], value.edge
        while edge in self.fold.ops:
            found.append(op := self.fold.ops[edge])
            edge = op.source if isinstance(op, Pool) else ""
        return found

    def _spec(self, node: Node) -> InputKind | None:
        """What a placeholder stands for."""
        specs = self.program.graph_signature.input_specs
        return next((s.kind for s in specs if getattr(s.arg, "name", "") == node.name), None)
