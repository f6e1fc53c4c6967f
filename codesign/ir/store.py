"""Networks on disk: one safetensors file, integers only, deterministic bytes, no code execution."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from codesign.errors import ImageError, InputError
from codesign.files import open_regular
from codesign.fixed import IntType
from codesign.folders import atomic_write
from codesign.ir import schema, table
from codesign.ir.graph import Network
from codesign.ir.nodes import KINDS, Linear, Node
from codesign.ir.sizes import MAX_WEIGHTS
from codesign.ir.verify import verify

Tensor = NDArray[np.integer[Any]]
INTEGERS = {f"{letter}{8 * size}": np.dtype(f"{letter.lower()}{size}") for letter in "IU" for size in (1, 2, 4, 8)}
MAX_FILE = 5 * MAX_WEIGHTS  # bytes: 4 per weight, the rest for constants


def save(network: Network, path: str | Path) -> None:
    """Write `path` (.safetensors): a JSON description, and tensors NAME.weight, .mult, .bias, .other_mult.

    The version is the lowest that can represent the network: 2 adds image shapes, trims and nodes other than linear, 3
    adds ranges within integer types, 4 the real values of inputs and outputs, windows that differ along height and
    width, and the user's numbers of units, 5 slices of weights, cuts of rows and the padding of max pooling.

    Raises InputError when the network breaks a rule, OSError when the file cannot be written; an older file then stays
    as it is.
    """
    verify(network)  # nobody could load it
    version = _version(network)
    meta = {
        "schema": f"codesign-network/{version}",
        "name": network.name,
        "features": network.features,
        "input": _type(network.input, version),
        "step": network.step,
        "layers": [table.record(n, partial(_type, version=version), version >= 4) for n in network.nodes],
    }
    if version >= 4:
        meta |= {"scales": network.scales, "offset": network.offset, "output_step": network.output_step}
    if network.shape:
        meta["shape"] = network.shape
    tensors = {f"{n.name}.{label}": values for n in network.nodes for label, values in table.tensors(n).items()}
    atomic_write(path, to_bytes(tensors, metadata={"codesign": json.dumps(meta, sort_keys=True)}))


def load(path: str | Path) -> Network:
    """Inverse of `save`, verified. The sizes in the file's header are verified before a tensor is read.

    Raises ImageError when the file is damaged or of another kind, InputError when its network breaks a rule.
    """
    path = Path(path)
    with _damage(path):
        meta, promised = _header(path)
        sizes = _network(meta, promised)
    verify(sizes)
    with _damage(path), safe_open(path, framework="numpy") as f:
        network = _network(meta, {name: f.get_tensor(name) for name in promised})
    return verify(network)


def _header(path: Path) -> tuple[schema.Description, dict[str, Tensor]]:
    """The description, and a placeholder for every tensor: its shape and type, without memory.

    Raw accumulators have multipliers of 1, and in front of a sum biases of 0; so have all placeholders.
    """
    with open_regular(path, MAX_FILE):
        pass  # refuses a pipe, which would block below
    with safe_open(path, framework="numpy") as f:
        text = (f.metadata() or {}).get("codesign", "{}")
        meta = schema.VERSIONS[schema.Header.model_validate_json(text).schema_name].model_validate_json(text)
        promised = {}
        for name in f.keys():  # noqa: SIM118, it is no dict
            part = f.get_slice(name)
            if part.get_dtype() not in INTEGERS:
                raise ValueError(f"tensor {name} holds {part.get_dtype()}, a network has integers only")
            stand_in = np.array(not name.endswith(".bias"), INTEGERS[part.get_dtype()])  # of raw accumulators: 1 and 0
            promised[name] = np.broadcast_to(stand_in, part.get_shape())
    return meta, promised


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Turns every exception of reading an arbitrary file into an ImageError of one line."""
    try:
        yield
    except FileNotFoundError:
        raise ImageError(f"{path}: no such network file; run the export or compile step first") from None
    except ValidationError as e:
        first = next((item for item in e.errors() if item["loc"] == ("schema",)), e.errors()[0])
        where = ".".join(str(p) for p in first["loc"]) or "description"
        if where == "schema":
            if first["type"] == "missing":
                raise ImageError(
                    f"{path}: holds tensors but no codesign network; of weights alone (a state_dict) make a module "
                    "and give it to codesign.compile in Python"
                ) from None
            known, came = " or ".join(schema.VERSIONS), first["input"]
            raise ImageError(f"{path}: schema must be {known}, got {came!r}; export it again") from None
        raise ImageError(f"{path}: not a network file ({where}: {first['msg'].lower()}); export it again") from None
    except SafetensorError as e:
        raise ImageError(
            f"{path}: not a readable network file ({e}); give a .safetensors that codesign's training exported, or an "
            ".onnx file (of PyTorch's and others make a module and give it to codesign.compile in Python)"
        ) from e
    except (OSError, ValueError, TypeError, InputError) as e:
        reason = e.strerror if isinstance(e, OSError) and e.strerror else e
        raise ImageError(f"{path}: not a readable network file ({reason}); export it again") from e


def _network(meta: schema.Description, tensors: dict[str, Tensor]) -> Network:
    """The network of a description and its tensors. Raises ValueError on missing and on surplus tensors."""
    left = dict(tensors)

    def take(name: str) -> Tensor:
        if name not in left:
            raise ValueError(f"tensor {name} is missing")
        return left.pop(name)

    nodes = tuple(_node(layer, take) for layer in meta.layers)
    if left:
        raise ValueError(f"tensor {min(left)} belongs to no layer")
    shape = getattr(meta, "shape", None) or ()  # version 1 has none
    real: dict[str, Any] = {k: getattr(meta, k) for k in ("scales", "offset", "output_step") if hasattr(meta, k)}
    worth: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in real.items()}
    return Network(meta.name, meta.features, _kind(meta.input), nodes, meta.step, shape, **worth)


def _version(network: Network) -> int:
    """The lowest version of the file that can represent the network."""
    real = network.scales or network.offset or network.output_step != 1.0
    kinds = [network.input, *(n.scaling.out for n in network.nodes if n.scaling)]
    needed = {
        4: real or not all(table.square(n) for n in network.nodes),
        3: any(kind.within for kind in kinds),
        2: network.shape or not all(isinstance(n, Linear) for n in network.nodes),
    }
    return max(*(table.version(n) for n in network.nodes), *(v for v, is_needed in needed.items() if is_needed), 1)


def _type(kind: IntType, version: int) -> list[int | bool]:
    return [kind.bits, kind.signed, *([kind.lo, kind.hi] if version >= 3 else [])]


def _kind(fields: schema.Type | schema.Ranged) -> IntType:
    """Inverse of `_type`: in versions 1 and 2 the range is all that the bits hold."""
    return IntType(fields[0], fields[1], fields[2:] or None)


def _node(layer: schema.Layer, tensor: Callable[[str], Any]) -> Node:
    """The node of a record; `tensor` reads a tensor by name."""
    described = dict(layer)
    out = _kind(described["out"]) if "out" in described else None
    return table.node(KINDS[layer.kind], described, out, lambda label: tensor(f"{layer.name}.{label}"))
