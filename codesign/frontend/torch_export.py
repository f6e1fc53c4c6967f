"""Reads an ordinary nn.Module: torch.export's graph becomes a chain of dense layers."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.fx import Node

from codesign.arrays import first_line
from codesign.errors import InputError, UnsupportedError
from codesign.frontend.unwrap import plain_copy

RELU = ("aten.relu.default", "aten.relu_.default")
SAME = (  # keep every value in its image, and the order within an image
    "aten.flatten.using_ints",
    "aten.unflatten.int",
    "aten.view.default",
    "aten.reshape.default",
    "aten.unsqueeze.default",
    "aten.squeeze.dim",
    "aten.dropout.default",
    "aten.dropout_.default",
    "aten.feature_dropout.default",
    "aten.clone.default",
    "aten.contiguous.default",
    "aten.alias.default",
    "aten.detach.default",
    "aten.to.dtype",
    "aten.to.dtype_layout",
)
SUPPORTED = "linear, relu, flatten, view, dropout, identity"


@dataclass(frozen=True, eq=False)
class Dense:
    """`x @ weight.T + bias`, optionally followed by a ReLU."""

    name: str  # the module's path as an identifier
    weight: NDArray[np.float64]  # (outputs, inputs), finite
    bias: NDArray[np.float64]  # (outputs,), finite
    relu: bool = False


def trace(module: nn.Module, sample: Tensor) -> list[Dense]:
    """The layers of `module` in eval mode, in order; the module itself does not change.

    `sample` is two or more inputs. Raises UnsupportedError, naming the module's path and the operation, for anything
    outside `SUPPORTED`, and InputError for weights that are NaN or infinite.
    """
    owner = plain_copy(module)
    kind = type(module).__name__
    try:
        with torch.no_grad():
            owner(sample.float())
    except Exception as e:  # the user's forward may raise anything
        raise InputError(
            f"calibration: model {kind} does not take inputs of shape "
            f"(images, {', '.join(map(str, sample.shape[1:]))}): {first_line(e)}"
        ) from e
    try:
        with _quiet():
            program = torch.export.export(owner, (sample.float(),))
    except Exception as e:  # torch raises many types
        raise UnsupportedError(
            f"model {kind}: torch.export cannot read it ({type(e).__name__}: {first_line(e)}); "
            "remove Python branches that depend on tensor values"
        ) from e
    tensors: dict[str, Tensor] = {}
    for table in (program.graph_signature.inputs_to_parameters, program.graph_signature.inputs_to_buffers):
        tensors |= {key: program.state_dict[target] for key, target in table.items() if target in program.state_dict}
    paths = program.graph_signature.inputs_to_parameters
    (user,) = program.graph_signature.user_inputs
    layers: list[Dense] = []
    value = user  # name of the node that holds the chain's end
    for node in program.graph.nodes:
        if node.op == "output":
            _check_end(node, value, layers)
        elif node.op == "call_function" and node.meta.get("val") is not None:  # None: an assertion
            layers = _step(node, value, layers, tensors, paths, len(sample))
            value = node.name
    return layers


def _step(
    node: Node, value: object, layers: list[Dense], tensors: dict[str, Tensor], paths: Any, batch: int
) -> list[Dense]:
    op, where = str(node.target), _where(node)
    if op not in (*RELU, *SAME, "aten.linear.default"):
        raise UnsupportedError(f"{where}: operation {op} is not supported; supported: {SUPPORTED}")
    if not isinstance(node.args[0], Node) or node.args[0].name != value:
        raise UnsupportedError(
            f"{where}: {op} does not read the layer before it; branches are not supported, only a chain"
        )
    if node.meta["val"].dtype != torch.float32:
        raise UnsupportedError(f"{where}: {op} converts float32 to {node.meta['val'].dtype}; keep values in float32")
    shape = tuple(node.meta["val"].shape)
    if shape[:1] != (batch,):
        raise UnsupportedError(
            f"{where}: {op} mixes images, {batch} of them became shape {shape}; keep images on the first axis"
        )
    if op in SAME:
        if "dropout" in op and node.args[2] is True:
            raise UnsupportedError(f"{where}: dropout stays on in eval mode; pass training=self.training")
        return layers
    if op in RELU:
        if not layers:
            raise UnsupportedError(f"{where}: relu must follow a linear layer; clip the inputs before the network")
        return [*layers[:-1], replace(layers[-1], relu=True)]
    if len(shape) != 2:
        raise UnsupportedError(
            f"{where}: linear over shape {shape} is not supported, (images, features) is; flatten first"
        )
    w, b = (_tensor(a, where, tensors) for a in (node.args[1], node.args[2] if len(node.args) > 2 else None))
    assert w is not None
    path = str(paths.get(str(node.args[1]), "")).rpartition(".")[0]
    return [*layers, Dense(_name(path, layers), w, b if b is not None else np.zeros(len(w)))]


def _tensor(arg: object, where: str, tensors: dict[str, Tensor]) -> NDArray[np.float64] | None:
    if arg is None:
        return None
    if not isinstance(arg, Node) or arg.name not in tensors:
        raise UnsupportedError(f"{where}: the weight of linear is computed in forward; use a plain nn.Linear")
    a: NDArray[np.float64] = np.ascontiguousarray(tensors[arg.name].detach().double().numpy())
    if not np.isfinite(a).all():
        count = int((~np.isfinite(a)).sum())
        raise InputError(
            f"layer {where}: {count} of {a.size} weights are NaN or infinite; train again or load good weights"
        )
    return a


def _name(path: str, layers: list[Dense]) -> str:
    name = "".join(c if c.isalnum() else "_" for c in path) or f"layer{len(layers)}"
    name = f"layer{name}" if name[0].isdigit() else name
    taken = {"input", *(layer.name for layer in layers)}
    return name if name not in taken else next(n for k in range(2, 10**6) if (n := f"{name}_{k}") not in taken)


def _where(node: Node) -> str:
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = stack[-1][0] if stack else ""
    return f"module {path}" if path else f"module (top), {node.name}"


def _check_end(node: Node, value: object, layers: list[Dense]) -> None:
    outputs: Any = node.args[0]
    if not layers or layers[-1].relu:
        got = "a relu" if layers else "no linear layer"
        raise UnsupportedError(f"model: must end in a linear layer, got {got}; the chip leaves raw accumulators")
    if len(outputs) != 1 or outputs[0].name != value:
        raise UnsupportedError(f"model: must return the last layer's output alone, got {[str(o) for o in outputs]}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences logs, warnings and prints: the exception repeats what torch says when it fails."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
