"""Weights of matrix nodes: from the file's integers to those that the chip's cells hold."""

import math
from dataclasses import dataclass

import numpy as np

from codesign.chip.description import Chip
from codesign.errors import UnsupportedError
from codesign.fixed import Ints
from codesign.frontend.graph import Real
from codesign.frontend.onnx.constants import Const
from codesign.frontend.onnx.model import Array, Node, refuse


def outputs_first(node: Node, weight: Const, rank: int) -> Const:
    """The weight of a MatMul, Gemm or Conv with its outputs on the first axis."""
    if node.op == "Gemm" and (node.get("transA", 0) or float(node.get("beta", 1.0)) != 1.0):
        raise refuse(node, "transA or beta is set", "export an ordinary linear layer")
    dims = weight.array.ndim
    if dims != rank or 0 in weight.array.shape:
        raise refuse(node, f"its weight has shape {list(weight.array.shape)}", f"use {rank} axes")
    turned = node.op == "MatMul" or (node.op == "Gemm" and not node.get("transB", 0))
    return weight.through(np.transpose) if turned else weight


def bias_of(node: Node, bias: object, outputs: int) -> Array | None:
    """The bias of a Gemm or Conv: one number, or (outputs,)."""
    if bias is None:
        return None
    if not isinstance(bias, Const) or bias.array.size not in (1, outputs):
        raise refuse(node, f"its bias is no constant of {outputs} numbers", "export the model again")
    return bias.array.reshape(()) if bias.array.size == 1 else bias.array.reshape(-1)


@dataclass(frozen=True, eq=False)
class Held:
    """Integers of the file, `scale[j]` each in column j."""

    ints: Ints  # outputs first
    scale: Real


def integers(node: Node, weight: Const) -> Held:
    """The integers of a weight with its outputs first. Raises UnsupportedError unless it has one scale per column."""
    ints, scale = weight.ints, weight.scale
    if ints is None or scale is None:
        whole = np.rint(weight.array)
        if not (whole == weight.array).all() or np.abs(whole).max(initial=0) >= 1 << 15:
            raise refuse(
                node, "reads quantized activations, but its weights are plain floats", "put a Quant on its weights"
            )
        ints, scale = whole.astype(np.int64), np.ones(whole.shape)
    flat = scale.reshape(len(scale), -1)
    if (flat != flat[:, :1]).any():
        raise refuse(node, "its weights have a scale per input", "use one per tensor or per output")
    return Held(ints.astype(np.int64), flat[:, 0] * float(node.get("alpha", 1.0)))


def on_cells(layer: str, held: Held, chip: Chip) -> Held:
    """The same weights in the chip's integers: as they are if it holds them, else times a common factor.

    Raises UnsupportedError naming the layer, what came and what the chip holds.
    """
    values, cells = np.unique(held.ints), chip.device.weights
    if set(values.tolist()) <= set(cells):
        return held
    shared = int(np.gcd.reduce(values)) or 1
    least = values // shared
    top = int(np.abs(least).max())
    for largest in (c for c in cells if c > 0 and c % top == 0):
        if set((least * (largest // top)).tolist()) <= set(cells):
            factor = largest // top
            return Held(held.ints // shared * factor, held.scale * shared / factor)
    several = f"{values[0]}..{values[-1]} ({len(values)} values)" if len(values) > 8 else str(values.tolist())
    raise UnsupportedError(
        f"layer {layer}: has weights {several}, chip {chip.name} holds {cells[0]}..{cells[-1]} ({len(cells)} values); "
        f"choose a chip with device.levels of at least {top + 1}, or train with fewer bits"
    )


def whole_ratios(gains: Real) -> tuple[float, Ints] | None:
    """`(unit, ratios)` with gains == unit * ratios, whole numbers; None if there are none up to 64."""
    unit = float(np.abs(gains).min())
    if not unit > 0 or not math.isfinite(unit):
        return None
    ratios = gains / unit
    whole = np.rint(ratios)
    if np.abs(whole).max() > 64 or np.abs(ratios - whole).max() > 1e-6:
        return None
    return unit, whole.astype(np.int64)


def name_of(node: Node, weight: Const | None, taken: set[str]) -> tuple[str, str]:
    """A layer's name, an identifier that nothing has yet, and where the user finds it: its module, else its node."""
    module = weight is not None and weight.label.endswith(".weight")
    path = weight.label.removesuffix(".weight") if weight is not None and module else _module(node)
    name = "".join(c if c.isalnum() and c.isascii() else "_" for c in path) or "layer"
    name = f"layer{name}" if name[0].isdigit() else name
    return (name if name not in taken else next(n for k in range(2, 10**6) if (n := f"{name}_{k}") not in taken)), path


def _module(node: Node) -> str:
    """The module of a node that torch named, as block.conv of block/conv/Conv_1; otherwise the node's name."""
    *path, last = node.name.split("/")
    if not path or last.partition("_")[0] != node.op:
        return node.name
    found: list[str] = []
    for part in path:  # a part repeats the path of a container that it is in: block/block.0
        found = [*found[:-1], part] if found and part.startswith(f"{found[-1]}.") else [*found, part]
    return ".".join(found)
