"""Networks on disk: one safetensors file, integers only, deterministic bytes, no code execution."""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from codesign.errors import ImageError
from codesign.fixed import IntType
from codesign.ir.graph import Linear, Network, Requant
from codesign.ir.verify import verify

SCHEMA = "codesign-network/1"


def save(network: Network, path: Path) -> None:
    """Write `path` (.safetensors): tensors NAME.weight, NAME.mult, NAME.bias and a JSON description."""
    tensors: dict[str, Any] = {}
    layers = []
    for n in network.nodes:
        q = n.requant
        tensors[f"{n.name}.weight"] = np.ascontiguousarray(n.weight, dtype=np.int32)
        tensors[f"{n.name}.mult"] = np.ascontiguousarray(q.mult, dtype=np.int64)
        tensors[f"{n.name}.bias"] = np.ascontiguousarray(q.bias, dtype=np.int64)
        layers.append(
            {"kind": "linear", "name": n.name, "source": n.source, "shift": q.shift, "out": [q.out.bits, q.out.signed]}
        )
    meta = {
        "schema": SCHEMA,
        "name": network.name,
        "features": network.features,
        "input": [network.input.bits, network.input.signed],
        "step": network.step,
        "layers": layers,
    }
    path.write_bytes(to_bytes(tensors, metadata={"codesign": json.dumps(meta, sort_keys=True)}))


class _Layer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["linear"]
    name: str
    source: str
    shift: int
    out: tuple[int, bool]


class _Description(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    schema_name: Literal["codesign-network/1"] = Field(alias="schema")
    name: str
    features: int = Field(ge=1)
    input: tuple[int, bool]
    step: float = Field(gt=0)
    layers: list[_Layer]


def load(path: Path) -> Network:
    """Inverse of `save`. Raises ImageError when the file is damaged or of another kind."""
    try:
        with safe_open(path, framework="numpy") as f:
            meta = _Description.model_validate_json((f.metadata() or {}).get("codesign", "{}"))
            nodes = tuple(
                Linear(
                    n.name,
                    n.source,
                    f.get_tensor(f"{n.name}.weight"),
                    Requant(f.get_tensor(f"{n.name}.mult"), f.get_tensor(f"{n.name}.bias"), n.shift, IntType(*n.out)),
                )
                for n in meta.layers
            )
            network = Network(meta.name, meta.features, IntType(*meta.input), nodes, meta.step)
    except FileNotFoundError:
        raise ImageError(f"{path}: no such network file; run the export or compile step first") from None
    except ValidationError as e:
        first = next((item for item in e.errors() if item["loc"] == ("schema",)), e.errors()[0])
        where = ".".join(str(p) for p in first["loc"]) or "description"
        if where == "schema":
            came = None if first["type"] == "missing" else first["input"]
            raise ImageError(f"{path}: schema must be {SCHEMA}, got {came!r}; export it again") from None
        raise ImageError(f"{path}: not a network file ({where}: {first['msg'].lower()}); export it again") from None
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as e:
        raise ImageError(f"{path}: not a readable network file ({e}); export it again") from e
    return verify(network)
