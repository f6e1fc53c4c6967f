"""The table of nodes: every kind comes back from what is kept of it, and every field of every kind is kept."""

import hashlib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.fixed import Trim
from codesign.ir import Network, Node, save, table
from codesign.ir.nodes import KINDS, Requant
from tests.ir.networks import residual, toy
from tests.ir.test_versions import FEW, NARROW, OBLONG, PADDED, SLICED, TRIMMED, WORTH

NODES = {n.kind: n for n in residual().nodes}
NODES["linear"] = replace(NODES["linear"], trim=Trim(3, 2))  # type: ignore[call-arg]


def kept(node: Node) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    return table.record(node, lambda kind: kind, True), table.tensors(node)


def test_a_network_of_every_kind() -> None:
    assert NODES.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_a_node_comes_back(kind: str) -> None:
    told, held = kept(NODES[kind])
    back = table.node(KINDS[told["kind"]], told, told.get("out"), held.__getitem__)
    assert type(back) is type(NODES[kind])
    again_told, again_held = kept(back)
    assert again_told == told and again_held.keys() == held.keys()
    assert all((again_held[k] == held[k]).all() and again_held[k].dtype == held[k].dtype for k in held)


@pytest.mark.parametrize(("kind", "field"), [(k, f.name) for k, node in KINDS.items() for f in fields(node)])
def test_every_field_is_kept(kind: str, field: str) -> None:
    """Another value of the field is another record, or other tensors."""
    node = NODES[kind]
    value: Any = getattr(node, field)
    other: Any = (
        replace(value, bias=value.bias + 1)
        if isinstance(value, Requant)
        else Trim(7, 1)
        if field == "trim"
        else (1, 2)
        if field == "units"
        else (value[0], value[1] + 1)
        if isinstance(value, tuple)
        else value + ("x" if isinstance(value, str) else 1)
    )
    changed: dict[str, Any] = {field: other}
    before, after = kept(node), kept(replace(node, **changed))
    same = all((before[1][k] == after[1][k]).all() for k in before[1])
    assert before[0] != after[0] or not same


def test_names_of_tensors() -> None:
    network: Network = residual()
    names = [f"{n.name}.{label}" for n in network.nodes for label in table.tensors(n)]
    assert names[:3] == ["conv1.weight", "conv1.mult", "conv1.bias"]
    assert [n for n in names if n.startswith(("add", "pool"))] == ["add.other_mult", "add.mult", "add.bias"]


@pytest.mark.parametrize(
    ("network", "digest"),
    [
        (toy(), "b21c9e428e02d755"),
        (residual(), "2ceb68473c0040cb"),
        (TRIMMED, "07b1964a220dbe7c"),
        (NARROW, "fcf281f215aa2582"),
        (FEW, "af41a6e6cfa39cec"),
        (OBLONG, "e496de7ecf8253e9"),
        (WORTH, "f6b0c2d97c68aab9"),
        (SLICED, "c591ff30726dc917"),
        (PADDED, "717c9747f033c021"),
    ],
    ids=["1", "2", "trims", "3", "inputs", "4", "worth", "slices", "padding"],
)
def test_files_keep_their_bytes(network: Network, digest: str, tmp_path: Path) -> None:
    """Of every version, as they were first written."""
    save(network, tmp_path / "a")
    assert hashlib.sha256((tmp_path / "a").read_bytes()).hexdigest()[:16] == digest
