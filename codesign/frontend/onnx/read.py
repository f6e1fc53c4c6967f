"""Reads an ONNX file that may be damaged or hostile: regular, of bounded size, without external data."""

from graphlib import CycleError, TopologicalSorter
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from codesign.errors import InputError, ToolError, UnsupportedError, plain
from codesign.files import read_bytes
from codesign.frontend.onnx.model import QUANTIZERS, STANDARD, Array, Model, Node
from codesign.frontend.onnx.tensors import array, attribute, text
from codesign.frontend.onnx.wire import check_structure

LIMIT = 1 << 29  # bytes of a file: 128 million float32 weights
MAX_NODES = 20_000
OLDEST = 7  # the first opset whose BatchNormalization and broadcasting are today's


def read(path: str | Path) -> Model:
    """The model of an ONNX file.

    Raises InputError when the file is absent, damaged, too large or contradicts itself, UnsupportedError when it needs
    other files, control flow, or several inputs or outputs, ToolError when the package onnx is missing.
    """
    file = plain(str(path))
    try:
        import onnx
    except ImportError:
        raise ToolError(f"{file}: reading ONNX needs the package onnx; run: pip install 'codesign[onnx]'") from None
    try:
        data = read_bytes(path, LIMIT)
    except OSError as e:
        raise InputError(f"{file}: cannot be read ({e.strerror}); give an ONNX file") from None
    try:
        check_structure(data)
        proto = onnx.ModelProto.FromString(data)
    except InputError as e:
        raise InputError(f"{file}: {e}") from None
    except Exception:  # ValueError, and the parser's own kinds
        raise InputError(f"{file}: is damaged, or no ONNX file; export the model again") from None
    if not proto.ir_version or not proto.graph.node:
        raise InputError(f"{file}: holds no ONNX graph; export the model again")
    try:
        return _model(proto, onnx.defs.onnx_opset_version())
    except (InputError, UnsupportedError) as e:
        raise type(e)(f"{file}: {e}") from None


def _model(proto: Any, newest: int) -> Model:
    graph = proto.graph
    for what, many in (("nodes", len(graph.node)), ("initializers", len(graph.initializer))):
        if many > MAX_NODES:
            raise InputError(f"has {many:,} {what}, at most {MAX_NODES:,} are allowed; simplify the model")
    for field, advice in (("functions", "inline them"), ("training_info", "export for inference")):
        if getattr(proto, field):
            raise UnsupportedError(f"has {field.replace('_', ' ')}, which is not supported; {advice} before exporting")
    if graph.sparse_initializer:
        raise UnsupportedError("has sparse initializers, which are not supported; store weights dense")
    versions = {text(o.domain): o.version for o in proto.opset_import}
    opset = max((versions[d] for d in STANDARD if d in versions), default=0)
    if not OLDEST <= opset <= newest:
        raise UnsupportedError(f"has opset {opset}, {OLDEST} to {newest} are known; export with one of them")
    constants: dict[str, Array] = {}
    for tensor in graph.initializer:
        name = text(tensor.name)
        if name in constants:
            raise InputError(f"initializer {plain(name)!r}: is given twice; export the model again")
        constants[name] = array(tensor, f"initializer {plain(name)!r}")
    source, shape = _input(graph, constants)
    nodes = _needed(_nodes(graph), graph.output, {source, *constants})
    _check_given(nodes, {source, *constants})
    return Model(_sorted(nodes), constants, source, shape, text(graph.output[0].name), opset)


def _nodes(graph: Any) -> list[Node]:
    nodes: list[Node] = []
    taken: set[str] = set()
    for k, n in enumerate(graph.node):
        kind, domain = plain(text(n.op_type)), text(n.domain)
        name = plain(text(n.name).strip("/")) or f"{kind}_{k}"
        name = name if name not in taken else next(v for i in count(k) if (v := f"{name}_{i}") not in taken)
        taken.add(name)
        known = domain in STANDARD or domain in QUANTIZERS
        op = "Quant" if kind == "IntQuant" and domain in QUANTIZERS else kind
        inputs, outputs = (tuple(map(text, names)) for names in (n.input, n.output))
        node = Node(op if known else f"{plain(domain)}.{op}", name, inputs, outputs, {})
        node.attributes.update({text(a.name): attribute(a, node.where) for a in n.attribute})
        nodes.append(node)
    return nodes


def _needed(nodes: list[Node], outputs: Any, given: set[str]) -> list[Node]:
    """The nodes that the one output depends on; given: what needs no node."""
    if len(outputs) != 1:
        names = ", ".join(plain(text(o.name)) for o in outputs)[:200]
        raise UnsupportedError(f"must have one output, got {len(outputs)} ({names}); export the scores alone")
    givers: dict[str, Node] = {}
    for node in nodes:
        if not node.outputs or not node.outputs[0]:
            raise InputError(f"{node.where}: has no output; export the model again")
        for name in node.outputs:
            if name and (name in givers or name in given):
                raise InputError(f"{node.where}: gives {plain(name)!r}, which is given twice; export the model again")
            givers[name] = node
    open_, found = [text(outputs[0].name)], set()
    while open_:
        name = open_.pop()
        if name in givers and givers[name].name not in found:
            found.add(givers[name].name)
            open_ += givers[name].inputs
    if not found:
        raise InputError(f"nothing computes its output {plain(text(outputs[0].name))!r}; export the model again")
    return [n for n in nodes if n.name in found]


def _check_given(nodes: list[Node], given: set[str]) -> None:
    known = given | {n.outputs[0] for n in nodes} | {""}
    others = {name for n in nodes for name in n.outputs[1:]}
    for node in nodes:
        for name in node.inputs:
            if name in others - known:
                raise UnsupportedError(
                    f"{node.where}: reads {plain(name)!r}, a further output of its node; use first outputs alone"
                )
            if name not in known:
                raise InputError(
                    f"{node.where}: reads {plain(name)!r}, which is neither computed nor stored; export the model again"
                )


def _sorted(nodes: list[Node]) -> tuple[Node, ...]:
    by_name = {n.name: n for n in nodes}
    givers = {name: n.name for n in nodes for name in n.outputs}
    order = TopologicalSorter({n.name: [givers[i] for i in n.inputs if i in givers] for n in nodes})
    try:
        return tuple(by_name[name] for name in order.static_order())
    except CycleError as e:
        loop = " -> ".join(e.args[1][:6])
        raise InputError(f"its nodes read each other in a circle ({loop}); export the model again") from None


def _input(graph: Any, constants: dict[str, Any]) -> tuple[str, tuple[int, ...]]:
    """Name and shape, without the batch, of the one input that is no constant."""
    inputs = [i for i in graph.input if text(i.name) not in constants]
    if len(inputs) != 1:
        names = ", ".join(plain(text(i.name)) for i in inputs)[:200]
        raise UnsupportedError(f"must have one input, got {len(inputs)} ({names}); export a model of one input")
    name, where = text(inputs[0].name), f"input {plain(text(inputs[0].name))!r}"
    dims = inputs[0].type.tensor_type.shape.dim
    if not 2 <= len(dims) <= 4:
        raise UnsupportedError(f"{where}: must be (images, ...) of 2 to 4 axes, got {len(dims)}; add a batch axis")
    shape = tuple(int(d.dim_value) if d.HasField("dim_value") else 0 for d in dims[1:])
    for axis, (size, d) in enumerate(zip(shape, dims[1:], strict=True), start=1):
        if size < 1:
            came = repr(plain(text(d.dim_param))) if d.dim_param else "no size" if not size else str(size)
            raise UnsupportedError(
                f"{where}: axis {axis} must have a fixed size, got {came}; export with fixed shapes, the batch aside"
            )
    if np.prod(np.array(shape, dtype=np.float64)) > 1 << 24:
        raise InputError(f"{where}: has {'x'.join(map(str, shape))} values, at most {1 << 24} are allowed")
    return name, shape
