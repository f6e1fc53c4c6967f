"""What a finished run left in its folder, read for a page. Nothing depends on where the folder lies."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.brief import Brief
from codesign.errors import InputError
from codesign.files import RECORD, read_bytes, read_text
from codesign.mapping import Die
from codesign.program import Program
from codesign.report import Metrics
from codesign.settings import parsed

FLOW = "flow.toml"
DIE = "die.npz"  # beside the simulation


@dataclass(frozen=True, eq=False)
class Run(Brief):
    """A finished run: its record, its flow file, its program, and the test data with the chip's outputs.

    What the folder no longer holds, as where only summary.json was kept, is None.
    """

    metrics: Metrics
    flow: str | None = None
    program: Program | None = None
    tested: "Tested | None" = None
    die: Die | None = None  # the measured one that it ran on
    versions: dict[str, str] = field(default_factory=dict)  # of what trained, compiled and simulated it
    data_crc: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        """The flow as tables."""
        return parsed(self.flow or "", FLOW)

    @property
    def simulated(self) -> int:
        """Images that the Verilog ran, from the first."""
        return self.metrics.accuracy.rtl.images


@dataclass(frozen=True, eq=False)
class Tested(Brief):
    """The test images that the reference computed, and what it made of them."""

    x: NDArray[np.generic]  # (images, features) integers
    labels: NDArray[np.generic]
    outputs: NDArray[np.generic]  # of the reference, (images, outputs)


def read(folder: Path, metrics: Metrics) -> Run:
    """The run in a folder. Raises InputError when a file is damaged, ImageError as `Program.load`."""
    train, compiled, reference = (_stage(folder, name) for name in ("train", "compile", "reference"))
    flow = _text(folder / FLOW) if (folder / FLOW).exists() else None
    trained = _json(train / "train.json") if train.is_dir() else {}
    versions, program, tested, die = dict(trained.get("versions", {})), None, None, None
    if (compiled / "program").is_dir():
        program = Program.load(compiled / "program")
        manifest = _json(compiled / "program" / "program.json")
        kept = _stage(folder, "simulate") / DIE
        die = Die.load(kept, program.chip) if metrics.die and kept.exists() else None
        versions = {"codesign": manifest["provenance"]["codesign"], **versions}
    if train.is_dir() and reference.is_dir():
        arrays = (train / "inputs.npy", train / "labels.npy", reference / "outputs.npy")
        x, labels, outputs = map(_array, arrays)
        tested = Tested(x[: len(outputs)], labels[: len(outputs)], outputs)
    if metrics.simulator_version:
        versions[metrics.simulator] = metrics.simulator_version
    return Run(metrics, flow, program, tested, die, versions, trained.get("crc32", ""))


def _stage(folder: Path, name: str) -> Path:
    return next(iter(sorted(folder.glob(f"[0-9][0-9]_{name}"))), folder / name)


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(read_bytes(path, RECORD)))
    except OSError as e:
        raise _incomplete(path, e.strerror) from None
    except (ValueError, TypeError):
        raise _incomplete(path, "not JSON") from None


def _text(path: Path) -> str:
    try:
        return read_text(path, RECORD)
    except OSError as e:
        raise _incomplete(path, e.strerror) from None


def _array(path: Path) -> NDArray[np.generic]:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except OSError as e:
        raise _incomplete(path, e.strerror) from None
    except ValueError:
        raise _incomplete(path, "not an array") from None


def _incomplete(path: Path, why: str | None) -> InputError:
    return InputError(f"{path}: cannot be read ({why}); run `codesign run` in this folder again")
