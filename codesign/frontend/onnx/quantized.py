"""A quantized model, node by node: constants fold, everything between two quantizers waits in a flow."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from codesign.account import Row
from codesign.chip.description import Chip
from codesign.errors import UnsupportedError
from codesign.fixed import Ints
from codesign.frontend.onnx import arithmetic, shapes
from codesign.frontend.onnx.builder import Builder
from codesign.frontend.onnx.constants import Const, folded
from codesign.frontend.onnx.flow import Entry, Flow, Mean, Product, Step, Total
from codesign.frontend.onnx.kinds import ENDS, LARGEST, MATRICES, MEANS, MOVES, QUANTIZERS
from codesign.frontend.onnx.model import Array, Model, Node, refuse
from codesign.frontend.onnx.quantizer import Quantizer
from codesign.frontend.onnx.weights import bias_of, integers, name_of, on_cells, outputs_first
from codesign.ir import Network
from codesign.ir.verify import verify

Value = Const | Flow


def is_quantized(model: Model) -> bool:
    """Whether a quantizer reads an activation: only then are the file's integers the network's."""
    flows = {model.input}
    for node in model.nodes:
        if any(name in flows for name in node.inputs) and node.op != "Shape":
            if node.op in QUANTIZERS:
                return True
            flows.update(node.outputs)
    return False


def network_of(
    model: Model, calibration: NDArray[np.generic] | None, chip: Chip, name: str
) -> tuple[Network, tuple[Row, ...], str]:
    """The integer network of a quantized model, what became of its nodes, and the certificate.

    Raises UnsupportedError naming the first node or layer that no integer network equals, and what to do.
    """
    walk = _Walk(model, Builder(chip, calibration), _last(model))
    end = walk.run()
    builder = walk.builder
    scores = builder.last(end)
    assert builder.inputs is not None
    entry = builder.inputs
    exact = f"{scores.step:.6g} q" + (f" + {scores.constant:.6g}" if scores.constant else "")
    told = f"words: q stands for {exact}" + ("" if scores.exact else ", biases rounded to whole steps")
    builder.rows.append(Row("output", "output", "mapped to", told))
    image = builder.shape if len(builder.shape) == 3 else ()
    one, features = len(entry.scales) == 1, int(np.prod(model.shape))
    scales, offset = (v if image or len(v) == 1 else each(v, features) for v in (entry.scales, entry.offset))
    network = Network(
        name,
        features,
        entry.edge.kind,
        tuple(builder.nodes),
        entry.scales[0] if one else 1.0,
        image,
        () if one else scales,
        offset if any(offset) else (),
        scores.step,
    )
    rounded = "" if scores.exact else f"; biases of {end.draft.name}, the last layer, rounded to whole words"
    return verify(network), tuple(builder.rows), f"{builder.certificate}{rounded}"


def each(values: tuple[float, ...], features: int) -> tuple[float, ...]:
    """One number per feature from one per channel."""
    return tuple(float(v) for v in np.repeat(values, features // len(values)))


def _last(model: Model) -> str:
    """Name of the matrix node that the output comes from, along first inputs; "" if there is none."""
    givers = {name: n for n in model.nodes for name in n.outputs}
    name, found = model.output, ""
    for _ in model.nodes:
        node = givers.get(name)
        if node is None or not node.inputs:
            break
        if node.op in MATRICES:
            found = node.name
            break
        name = next((i for i in node.inputs if i not in model.constants), node.inputs[0])
    return found


@dataclass(eq=False)
class _Walk:
    model: Model
    builder: Builder
    last: str

    def run(self) -> Flow:
        """The flow that is the model's output."""
        model = self.model
        shape = model.shape
        entry = Flow(Entry("input", shapes.lifted(shape)[0]), (), shape, shapes.lifted(shape))
        values: dict[str, Value] = {k: Const(v, label=k) for k, v in model.constants.items()}
        values[model.input] = entry
        for node in model.nodes:
            read = [values[i] if i else None for i in node.inputs]
            values[node.outputs[0]] = self._value(node, read)
        end = values[model.output]
        if isinstance(end, Const):
            raise UnsupportedError("the output does not depend on the input; export the model again")
        return end

    def _value(self, node: Node, read: list[Value | None]) -> Value:
        flows = [v for v in read if isinstance(v, Flow)]
        if any(f.ended for f in flows):
            raise refuse(node, "reads what is behind the scores", "end the model in its last layer, or in a softmax")
        if node.op == "Shape" and flows:
            return Const(np.array([1, *flows[0].shape], np.int64))
        if not flows:
            return folded(node, [v if isinstance(v, Const) else None for v in read])
        if node.op in MATRICES:
            return self._matrix(node, read)
        handler: Callable[[Node, Flow, list[Value | None]], Flow] | None = next(
            (h for ops, h in self._handlers() if node.op in ops), None
        )
        if handler is None:
            raise refuse(
                node, "is not supported", "use linear layers, convolutions, pooling, batch norm, clips and sums"
            )
        if len(flows) == 2 and node.op == "Add":
            return self._sum(node, flows)
        if len(flows) > 1 or (
            not isinstance(read[0], Flow) and node.op not in ("Add", "Sub", "Mul", "Div", "Min", "Max")
        ):
            raise refuse(node, "combines two activations or takes one where constants belong", "only Add does that")
        return handler(node, flows[0], read)

    def _handlers(self) -> tuple[tuple[tuple[str, ...], Callable[[Node, Flow, list[Value | None]], Flow]], ...]:
        return (
            (QUANTIZERS, self._quantizer),
            (MOVES, self._moved),
            (LARGEST, self._largest),
            (MEANS, self._mean),
            (ENDS, self._end),
            (("Cast",), self._cast),
            (tuple(arithmetic.ELEMENTWISE), self._step),
        )

    def _matrix(self, node: Node, read: list[Value | None]) -> Flow:
        source, given = (*read, None, None)[:2]
        if not isinstance(source, Flow) or not isinstance(given, Const):
            raise refuse(node, "does not multiply activations by constant weights", "store its weights in the file")
        weight = outputs_first(node, given, len(source.shape) + 1 if node.op == "Conv" else 2)
        name, path = self._name(node, given)
        how = shapes.reading(node, source.shape, weight.array.shape)
        held = on_cells(name, integers(node, weight), self.builder.chip)
        ints = held.ints[:, :, None, :] if held.ints.ndim == 3 else held.ints
        self._check_order(node, source, how.window is not None)
        edge = self.builder.edge(self._seen(source), node, how.padded or self._splits(node, source, ints))
        if how.padded and edge.base:
            raise refuse(node, "pads activations with a zero point", "use zero point 0, or no padding")
        self.builder.row(node, "mapped to", f"layer {name}" + (f" ({path})" if path != name else ""))
        product = Product(name, edge, ints, held.scale, how.window, how.groups)
        flow = Flow(product, (), how.shape, shapes.lifted(how.shape))
        bias = bias_of(node, read[2] if len(read) > 2 else None, product.channels)
        return flow if bias is None else flow.then(Step(replace(node, op="Add", attributes={}), (None, bias), 0))

    def _name(self, node: Node, weight: Const | None = None) -> tuple[str, str]:
        """A name for a layer, and where the user finds it."""
        name, path = name_of(node, weight, self.builder.taken)
        self.builder.taken.add(name)
        return name, path

    def _seen(self, source: Flow) -> Flow:
        """A flow as its reader sees it: the input takes the shape in which it is read."""
        return replace(source, natural=shapes.lifted(source.shape)) if isinstance(source.draft, Entry) else source

    def _splits(self, node: Node, source: Flow, ints: Ints) -> bool:
        """Whether bits 0 and 1 for two values would leave halves in the biases of the last layer."""
        odd = ints.reshape(len(ints), -1).sum(axis=1) % 2
        return node.name == self.last and not isinstance(source.draft, Entry) and len(set(odd.tolist())) > 1

    def _check_order(self, node: Node, source: Flow, convolves: bool) -> None:
        """A linear layer reads any image flat; everything else reads the shape in which it was made."""
        if convolves and not isinstance(source.draft, Entry) and shapes.lifted(source.shape) != source.natural:
            raise refuse(node, "reads activations that were reshaped", "reshape the input alone")

    def _quantizer(self, node: Node, flow: Flow, read: list[Value | None]) -> Flow:
        quantizer = Quantizer.of(node, [_array(v) for v in read[1:]])
        steps = quantizer.thresholds
        if steps is not None and len(steps) not in (1, flow.draft.channels):
            raise refuse(node, f"has thresholds for {len(steps)} channels", f"give {flow.draft.channels}")
        return flow.then(Step(node, quantizer=quantizer))

    def _moved(self, node: Node, flow: Flow, read: list[Value | None]) -> Flow:
        shape = shapes.moved(node, flow.shape, [_array(v) for v in read])
        self.builder.row(node, "folded into", "how the next layer reads")
        if isinstance(flow.draft, Entry) and not flow.steps:
            channels = shapes.lifted(shape)[0]
            return replace(flow, shape=shape, natural=shapes.lifted(shape), draft=Entry("input", channels))
        return replace(flow, shape=shape)

    def _largest(self, node: Node, flow: Flow, read: list[Value | None]) -> Flow:
        window = shapes.pooling(node, shapes.image(node, flow.shape), [_array(v) for v in read])
        self._check_order(node, flow, True)
        self.builder.row(node, "mapped to", "max pooling")
        shape = shapes.pooled(node, flow.shape, window)
        return replace(flow, shape=shape, natural=shapes.lifted(shape), pools=(*flow.pools, (len(flow.steps), window)))

    def _mean(self, node: Node, flow: Flow, read: list[Value | None]) -> Flow:
        image = shapes.image(node, flow.shape)
        window = shapes.pooling(node, image, [_array(v) for v in read])
        self._check_order(node, flow, True)
        name, _ = self._name(node)
        edge = self.builder.edge(flow, node)
        self.builder.row(node, "mapped to", f"layer {name}")
        shape = shapes.pooled(node, flow.shape, window)
        natural = window.over(image)
        return Flow(Mean(name, edge, window, image[0]), (), shape, natural)

    def _sum(self, node: Node, flows: list[Flow]) -> Flow:
        one, two = flows
        if shapes.lifted(one.shape) != shapes.lifted(two.shape) or one.natural != two.natural:
            raise refuse(node, f"adds {list(one.shape)} and {list(two.shape)} values", "add activations of one shape")
        name, _ = self._name(node)
        edges = [self.builder.edge(f, node) for f in flows]
        self.builder.row(node, "mapped to", f"layer {name}")
        return Flow(Total(name, edges[0], edges[1], one.natural[0]), (), one.shape, one.natural)

    def _end(self, node: Node, flow: Flow, _: list[Value | None]) -> Flow:
        self.builder.row(node, "dropped", "the order of the scores stays; apply it outside")
        return replace(flow, ended=True)

    def _cast(self, node: Node, flow: Flow, _: list[Value | None]) -> Flow:
        if int(node.get("to", 0)) != 1:
            raise refuse(node, "casts activations to another type than float32", "keep them in float32")
        return flow

    def _step(self, node: Node, flow: Flow, read: list[Value | None]) -> Flow:
        at = next(k for k, v in enumerate(read) if isinstance(v, Flow))
        if node.op in arithmetic.SAME:
            return flow
        if node.op in ("Pow", "Sqrt", "Reciprocal") or (node.op == "Div" and at == 1):
            raise refuse(node, "of activations is not supported", "use clips, scales and offsets")
        constants: list[Array | None] = []
        for k, value in enumerate(read):
            array = _array(value)
            if k == at or array is None:
                constants.append(None)
            elif node.op == "BatchNormalization":
                constants.append(array.reshape(()) if array.size == 1 else array.reshape(-1))
            else:
                constants.append(shapes.per_channel(node, array, flow.shape))
            last = constants[-1]
            if last is not None and last.ndim and len(last) != flow.draft.channels:
                raise refuse(
                    node, f"has {len(last)} numbers for {flow.draft.channels} channels", "give one per channel"
                )
        self.builder.row(node, "folded into", f"{flow.draft.name}")
        return flow.then(Step(node, tuple(constants), at))


def _array(value: Value | None) -> Array | None:
    return value.array if isinstance(value, Const) else None
