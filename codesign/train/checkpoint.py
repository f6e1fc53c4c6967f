"""Training state on disk: one safetensors file, replaced atomically after every epoch. No pickle, nothing executed.

The tensors are model.*, optimiser.PARAMETER.STATE and generator; the description is JSON in the header.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from codesign.errors import InputError, OutputError
from codesign.files import open_regular
from codesign.folders import atomic_write
from codesign.records import DIGEST, digest

SCHEMA = "codesign-checkpoint/3"
LIMIT = 1 << 36  # bytes


@dataclass(frozen=True)
class Checkpoint:
    """Where a phase of training saves its state, and which training the state belongs to."""

    path: Path
    identity: dict[str, Any]  # see train/identity.py

    def write(
        self, epoch: int, history: list[dict[str, Any]], model: nn.Module, optimiser: Optimizer, rng: torch.Generator
    ) -> None:
        """Save the state after `epoch` epochs; a kill at any moment leaves the old file or the new one."""
        tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
        for name, p in model.named_parameters():
            tensors |= {f"optimiser.{name}.{k}": v for k, v in optimiser.state.get(p, {}).items()}
        tensors["generator"] = rng.get_state()
        tensors = {k: v.contiguous() for k, v in tensors.items()}
        note = {"schema": SCHEMA, "epoch": epoch, "history": history, "identity": self.identity}
        data = save(tensors, described(note, tensors))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(self.path, data)
        except OSError as e:
            raise OutputError(
                f"{self.path}: checkpoint cannot be written ({e.strerror}); free space or give another folder"
            ) from None

    def read(self, model: nn.Module, optimiser: Optimizer, rng: torch.Generator) -> tuple[int, list[dict[str, Any]]]:
        """Load the saved state into the three; return epochs done and history, (0, []) if there is no file.

        Raises InputError when the file is damaged or belongs to another training (see train/identity.py).
        """
        for left in self.path.parent.glob(f".{self.path.name}.*.tmp"):  # of a killed writer
            if re.fullmatch(r"\.\d+\.tmp", left.name.removeprefix(f".{self.path.name}")):
                left.unlink(missing_ok=True)
        if not self.path.exists():
            return 0, []
        try:
            open_regular(self.path, LIMIT).close()  # safetensors opens anything, and blocks on a pipe
            with safe_open(self.path, framework="pt") as f:
                note = json.loads((f.metadata() or {}).get("codesign", "{}"))
                tensors: dict[str, Tensor] = {k: f.get_tensor(k) for k in f.keys()}  # noqa: SIM118 (not a dict)
            if note.get("schema") != SCHEMA:
                raise InputError(
                    f"{self.path}: schema must be {SCHEMA}, got {note.get('schema')!r}; delete the file to start over"
                )
            if note.pop(DIGEST, None) != digest(note) or note["tensors"] != _digest(tensors):
                raise ValueError("its checksum is wrong")
            self._same(note["identity"])
            _restore(tensors, model, optimiser, rng)
            return int(note["epoch"]), list(note["history"])
        except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as e:
            reason = next(iter(str(e).splitlines()), type(e).__name__)
            raise InputError(f"{self.path}: not a readable checkpoint ({reason}); delete it to start over") from None

    def _same(self, other: dict[str, Any]) -> None:
        mine, theirs = _flat(self.identity), _flat(other)
        changed = [
            f"{k} was {theirs.get(k)}, now {mine.get(k)}" for k in sorted(mine | theirs) if mine.get(k) != theirs.get(k)
        ]
        if changed:
            raise InputError(
                f"{self.path}: checkpoint of another run ({'; '.join(changed)}); give another folder or delete it"
            )


def described(note: dict[str, Any], tensors: dict[str, Tensor]) -> dict[str, str]:
    """The header's metadata: the note, with digests of the tensors and of itself."""
    whole = note | {"tensors": _digest(tensors)}
    return {"codesign": json.dumps(whole | {DIGEST: digest(whole)}, sort_keys=True)}


def _digest(tensors: dict[str, Tensor]) -> str:
    """SHA-256 of all names, types, shapes and bytes."""
    found = hashlib.sha256()
    for name, v in sorted(tensors.items()):
        found.update(f"{name} {v.dtype} {tuple(v.shape)}\n".encode())
        found.update(v.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for k, v in tree.items():
        flat |= _flat(v, f"{prefix}{k}.") if isinstance(v, dict) else {prefix + k: v}
    return flat


def _restore(tensors: dict[str, Tensor], model: nn.Module, optimiser: Optimizer, rng: torch.Generator) -> None:
    model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    for name, p in model.named_parameters():
        prefix = f"optimiser.{name}."
        state = {k.removeprefix(prefix): v.to(p.device) for k, v in tensors.items() if k.startswith(prefix)}
        if state:
            optimiser.state[p] = state
    rng.set_state(tensors["generator"])
