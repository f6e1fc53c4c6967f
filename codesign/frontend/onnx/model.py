"""An ONNX model in plain terms: nodes in execution order, constants as arrays, one input and one output."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.brief import Brief
from codesign.errors import InputError, UnsupportedError
from codesign.ir.geometry import Shape

Array = NDArray[Any]

STANDARD = ("", "ai.onnx")
QUANTIZERS = ("onnx.brevitas", "finn.custom_op.general", "qonnx.custom_op.general")  # domains of Quant and its kin


@dataclass(frozen=True, eq=False)
class Node(Brief):
    """One operation. op carries no domain: `Quant` is one of QUANTIZERS' wherever it came from."""

    op: str
    name: str  # unique, printable
    inputs: tuple[str, ...]  # "" is an optional input that was left out
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    @property
    def where(self) -> str:
        return f"node {self.name} ({self.op})"

    def get(self, attribute: str, absent: Any) -> Any:
        """An attribute, or `absent`; text is decoded. Raises InputError for one of another kind than `absent`."""
        value = self.attributes.get(attribute, absent)
        value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        kind: Any = type(absent)
        if isinstance(absent, list | tuple | range):
            kind = list
        elif isinstance(absent, float):
            kind = int | float
        if absent is not None and value is not absent and not isinstance(value, kind):
            raise InputError(f"{self.where}: attribute {attribute!r} has the wrong type; export the model again")
        return value

    def _brief(self) -> str:
        return f"{self.name}: {self.op}({', '.join(self.inputs)})"


@dataclass(frozen=True, eq=False)
class Model(Brief):
    """A file's graph. shape: of one input, without the batch. Nodes that the output does not need are left out."""

    nodes: tuple[Node, ...]
    constants: dict[str, Array]
    input: str
    shape: Shape
    output: str
    opset: int

    def _brief(self) -> str:
        return f"{len(self.nodes)} nodes, inputs {self.shape}, opset {self.opset}"


def refuse(node: Node, came: str, advice: str) -> UnsupportedError:
    """The error for a node that cannot be taken: what came, and what to do."""
    return UnsupportedError(f"{node.where}: {came}; {advice}")


def float32(array: Array) -> NDArray[np.float32]:
    return np.asarray(array, dtype=np.float32)
