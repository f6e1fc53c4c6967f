"""Grows the integer network: flows that something reads become nodes, once each, with their certificate."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from codesign.account import Row
from codesign.chip.description import Chip
from codesign.errors import UnsupportedError
from codesign.fixed import INT32, IntType
from codesign.frontend.onnx.certificate import Certificate, requantized
from codesign.frontend.onnx.entry import Inputs, inputs_of
from codesign.frontend.onnx.flow import Edge, Entry, Flow, Product, Total
from codesign.frontend.onnx.kinds import largest_of, node_of
from codesign.frontend.onnx.last import Scores, scores_of
from codesign.frontend.onnx.model import Node as FileNode
from codesign.frontend.onnx.model import refuse
from codesign.frontend.onnx.sums import summed
from codesign.frontend.onnx.weights import on_cells
from codesign.ir import Add, Linear, Node, Requant
from codesign.ir.geometry import Shape, Window
from codesign.ir.nodes.matrix import by_input

SIGNS = IntType(2, True, (-1, 1))  # the values -1 and 1, where bits 0 and 1 would not do


@dataclass(eq=False)
class Builder:
    """The network so far. calibration: real inputs in the file's units, or None."""

    chip: Chip
    calibration: NDArray[np.generic] | None
    nodes: list[Node] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    certificate: Certificate = field(default_factory=Certificate)
    inputs: Inputs | None = None
    shape: Shape = ()  # of the input as its first reader sees it
    taken: set[str] = field(default_factory=lambda: {"input"})
    _made: dict[tuple[object, ...], Edge] = field(default_factory=dict)

    def row(self, node: FileNode, verdict: str, what: str) -> None:
        self.rows.append(Row(node.name, node.op, verdict, what))

    def edge(self, flow: Flow, reader: FileNode, signs: bool = False) -> Edge:
        """The integers that `reader` reads. signs: two values must be -1 and 1, not 0 and 1.

        Raises UnsupportedError where no quantizer lies before them.
        """
        edge = self._quantized(flow, reader, signs and flow.quantizer is not None and flow.quantizer.bipolar)
        for _, window in flow.pools:
            edge = self._pooled(edge, window)
        return edge

    def _quantized(self, flow: Flow, reader: FileNode, signs: bool) -> Edge:
        draft, key = flow.draft, (flow.draft, *(s.node.name for s in flow.steps))
        for known in (True,) if signs else (False, True):
            if (*key, known) in self._made:
                return self._made[*key, known]
        if isinstance(draft, Entry):
            return self._entry(flow, reader, signs)
        quantizer = flow.quantizer
        if quantizer is None:
            raise refuse(reader, f"reads {draft.name} without a quantizer between", f"put a Quant behind {draft.name}")
        if quantizer.scale.ndim:
            raise refuse(quantizer.node, "has a scale per channel on activations", "use one scale for the tensor")
        kind = SIGNS if signs else quantizer.kind
        if kind.bits > self.chip.activation.bits:
            raise UnsupportedError(
                f"layer {draft.name}: has {kind.bits}-bit activations, chip {self.chip.name} takes "
                f"{self.chip.activation.bits}; choose a chip with more, or train with fewer bits"
            )
        name = draft.name if all(n.name != draft.name for n in self.nodes) else self._name(draft.name)
        if isinstance(draft, Total):
            requant, other, tried = summed(flow, kind, signs)
            self.nodes.append(Add(name, draft.edge.name, draft.other.name, other, requant))
        else:
            requant, tried = requantized(flow, kind, signs)
            self.nodes.append(node_of(draft, name, requant))
        self.certificate += tried
        self.row(quantizer.node, "folded into", f"the requantizer of {name}: {tried}")
        worth = (1, 0) if signs else (quantizer.unit, quantizer.base)
        edge = Edge(name, requant.out, float(quantizer.scale), *worth)
        self._made[*key, signs] = edge
        return edge

    def _entry(self, flow: Flow, reader: FileNode, signs: bool) -> Edge:
        if signs:
            raise refuse(
                reader, "pads an input of two values, -1 and 1, with 0", "quantize the input to 2 bits or more"
            )
        found = inputs_of(flow, self.calibration, self.chip, reader)
        if self.inputs is not None and (found.edge.kind, found.offset, found.scales) != (
            self.inputs.edge.kind, self.inputs.offset, self.inputs.scales,
        ):  # fmt: skip
            raise refuse(reader, "reads the input quantized in another way than other nodes", "quantize it once")
        if self.inputs is None:
            self.rows.append(Row("input", "input", "mapped to", found.told))
            self.inputs, self.shape = found, flow.natural
        return self.inputs.edge

    def _pooled(self, edge: Edge, window: Window) -> Edge:
        key = (edge.name, window)
        if key not in self._made:
            name = self._name(f"{edge.name}_pool")
            self.nodes.append(largest_of(edge, name, window))
            self._made[key] = replace(edge, name=name)
        return self._made[key]

    def _name(self, wanted: str) -> str:
        name = wanted if wanted not in self.taken else next(
            n for k in range(2, 10**6) if (n := f"{wanted}_{k}") not in self.taken
        )  # fmt: skip
        self.taken.add(name)
        return name

    def last(self, flow: Flow) -> Scores:
        """The last layer, which leaves raw accumulators. Raises UnsupportedError where no integers give its scores."""
        draft = flow.draft
        if not isinstance(draft, Product) or draft.window is not None or flow.pools:
            raise UnsupportedError(f"layer {draft.name}: the outputs must come from a linear layer; add one behind it")
        if len(flow.shape) != 1:
            raise UnsupportedError(f"layer {draft.name}: the outputs must be (images, classes); add no axes to them")
        found = scores_of(flow, lambda held: on_cells(draft.name, held, self.chip))
        if found.dropped is not None:
            self.row(found.dropped, "dropped", "the chip leaves raw accumulators, which are finer")
        requant = Requant(np.ones(draft.channels, np.int64), found.bias, 0, INT32)
        self.nodes.append(Linear(draft.name, draft.edge.name, by_input(found.weight), requant))
        self.certificate += found.certificate
        return found
