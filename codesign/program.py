"""A compiled program: a network on a chip, ready to run, save and simulate."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign import image, ir, rtl
from codesign.errors import ImageError, InputError
from codesign.fixed import Ints, Trim
from codesign.hardware import Chip
from codesign.mapping import Cycles, Die, Mapping, place, predict, run
from codesign.outputs import staged

SCHEMA = "codesign-program/1"
MAX_FILE = 1 << 28  # bytes; nothing larger is read
REQUIRED = ("chip.json", "network.safetensors")  # what a program is made again from


@dataclass(frozen=True, eq=False)
class Program:
    """What `codesign.compile` returns."""

    mapping: Mapping

    @property
    def chip(self) -> Chip:
        return self.mapping.chip

    @property
    def network(self) -> ir.Network:
        return self.mapping.network

    @cached_property
    def cycles(self) -> Cycles:
        """Predicted cycles: converter bound, latency, interval."""
        return predict(self.mapping)

    @property
    def arrays_used(self) -> int:
        return len(self.mapping.arrays)

    @property
    def arrays_lower_bound(self) -> int:
        """No packing of the same cells can take fewer arrays."""
        return self.mapping.lower_bound

    def run(self, x: NDArray[np.generic], die: Die | None = None, adc: bool = True) -> Ints:
        """Integer reference of the chip: (images, outputs) for (images, features) integers.

        die: measured conductance codes (absent: ideal). adc=False sums currents exactly.
        Raises InputError on inputs of the wrong shape, dtype or range.
        """
        return run(self.mapping, x, die, adc)

    @cached_property
    def words(self) -> list[int]:
        """The programming image, word by word as the chip takes it."""
        return image.assemble(self.chip, image.sections(self.mapping))

    def save(self, folder: str | Path) -> Path:
        """Write the build folder: program.json, chip.json, network.safetensors, image/, rtl/.

        Same program, same bytes. Raises OutputError when the folder holds someone else's files.
        """
        target = Path(folder)
        with staged(target, "program") as work:
            ir.save(self.network, work / "network.safetensors")
            (work / "chip.json").write_text(self.chip.model_dump_json(indent=1) + "\n", encoding="utf-8")
            for name, data in image.render(self.mapping).items():
                _write(work / "image" / name, data)
            for name, text in rtl.emit(self.chip).items():
                _write(work / "rtl" / name, text.encode())
            files = sorted(p for p in work.rglob("*") if p.is_file())
            manifest = {
                "schema": SCHEMA,
                "provenance": {"codesign": _version(), "chip": f"0x{self.chip.id:08x}", "network": self.network.name},
                "arrays": {
                    "used": self.arrays_used,
                    "lower_bound": self.arrays_lower_bound,
                    "budget": self.chip.arrays.count,
                },
                "cycles": {
                    "bound": self.cycles.bound,
                    "latency": self.cycles.latency,
                    "interval": self.cycles.interval,
                },
                "trims": {s.layer: _trim_of(self.mapping, s.layer) for s in self.mapping.steps},
                "files": {p.relative_to(work).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files},
            }
            manifest["sha256"] = _digest(manifest)
            (work / "program.json").write_text(_json(manifest), encoding="utf-8")
        return target

    @classmethod
    def load(cls, folder: str | Path) -> "Program":
        """Inverse of `save`. Raises ImageError when a file is missing, damaged or swapped."""
        root = Path(folder)
        trims = _read_manifest(root)
        try:
            chip = Chip.model_validate_json((root / "chip.json").read_text(encoding="utf-8"))
        except ValueError:
            raise ImageError(f"{root / 'chip.json'}: is not a chip this codesign knows; compile again") from None
        mapping = place(ir.load(root / "network.safetensors"), chip, trims)
        found = image.verify(root / "image", chip)
        if found.sections != image.sections(mapping):
            raise ImageError(f"{root}: the image is not the one its network and chip give; compile again")
        return cls(mapping)


def _trim_of(mapping: Mapping, layer: str) -> list[int]:
    use = next(u for u in mapping.arrays if u.layer == layer)
    return [use.trim.gain, use.trim.shift]


def _read_manifest(root: Path) -> dict[str, Trim]:
    """The range trims that program.json lists, once it and every file it lists are found undamaged."""
    path = root / "program.json"
    try:
        if path.stat().st_size > MAX_FILE:
            raise ValueError("too large")
        manifest = json.loads(path.read_text(encoding="utf-8"))
        schema, digest = manifest["schema"], manifest.pop("sha256", None)
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError(
            f"{path}: no such file; give a folder that `codesign compile` or `Program.save` wrote"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ImageError(f"{path}: is damaged; compile again") from None
    if schema != SCHEMA:
        raise ImageError(f"{path}: schema must be {SCHEMA}, got {schema!r}; compile again")
    if digest != _digest(manifest):
        raise ImageError(f"{path}: its SHA-256 is not the one it gives itself; compile again")
    try:
        _check_files(root, dict(manifest["files"]))
        return {name: Trim(*trim) for name, trim in manifest["trims"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, InputError):
        raise ImageError(f"{path}: is damaged; compile again") from None


def _check_files(root: Path, files: dict[str, str]) -> None:
    """Raises ImageError that lists each missing or damaged file."""
    problems = []
    for name in {**dict.fromkeys(REQUIRED), **files}:
        target = root / name
        if not target.resolve().is_relative_to(root.resolve()):
            raise ImageError(f"{root / 'program.json'}: file name {name!r} leaves the folder; do not use this program")
        try:
            if target.stat().st_size > MAX_FILE:
                problems.append(f"{target}: is larger than {MAX_FILE} bytes; this is not a program file")
                continue
            digest = hashlib.sha256(target.read_bytes()).hexdigest()
        except FileNotFoundError:
            problems.append(f"{target}: is missing; compile again")
        except OSError as e:
            problems.append(f"{target}: cannot be read ({e.strerror}); compile again")
        else:
            if digest != files.get(name):
                problems.append(f"{target}: its SHA-256 is not the one in program.json; compile again")
    if problems:
        raise ImageError("\n".join(problems))


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def _digest(manifest: dict[str, Any]) -> str:
    """SHA-256 of program.json without its own entry."""
    return hashlib.sha256(_json(manifest).encode()).hexdigest()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _version() -> str:
    try:
        return version("codesign")
    except PackageNotFoundError:
        return "unknown"
