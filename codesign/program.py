"""A compiled program: a network on a chip, ready to run, save and simulate."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign import image, ir, rtl
from codesign.account import Account, text
from codesign.brief import Brief, html_table, runs
from codesign.chip.description import Chip
from codesign.errors import CapacityError, ImageError
from codesign.fixed import Ints
from codesign.folders import staged
from codesign.ir import real
from codesign.ir.labels import accuracy, check_labels
from codesign.mapping import Cycles, Die, LayerUse, Mapping, outline, place, predict, run, until, usage
from codesign.mapping.spots import spot_problem
from codesign.program_json import (
    ACCOUNT,
    CHIP,
    MANIFEST,
    NETWORK,
    SCHEMA,
    Manifest,
    account_text,
    check_files,
    digest,
    json_text,
    read_account,
    read_chip,
    read_manifest,
    sha256,
    version_here,
)

SHOWN = 4  # wrong places of one file that `load` tells; `verify` tells all


@dataclass(frozen=True, eq=False)
class Program(Brief):
    """A network on a chip: what `codesign.compile` returns.

    Usage, with such a `program` and integer inputs `x`:

    >>> program
    Program(net0 on tiny: 5 of 6 arrays, interval 42)
    >>> program.run(x).argmax(axis=1)
    array([1, 4, 4])
    """

    mapping: Mapping
    account: Account | None = None  # what became of the model, and what that cost; None if it was not told

    @property
    def chip(self) -> Chip:
        return self.mapping.chip

    @property
    def network(self) -> ir.Network:
        return self.mapping.network

    @cached_property
    def cycles(self) -> Cycles:
        """Predicted cycles: converter bound, latency, initiation interval."""
        return predict(self.mapping)

    @property
    def arrays_used(self) -> int:
        return len(self.mapping.arrays)

    @property
    def arrays_lower_bound(self) -> int:
        """No packing of the same cells can use fewer arrays."""
        return self.mapping.lower_bound

    def run(self, x: NDArray[np.generic], die: Die | None = None, adc: bool = True) -> Ints:
        """Integer reference of the chip: (images, outputs) for (images, features) integers.

        die: measured conductance codes (absent: ideal). adc=False sums currents exactly.
        Raises InputError on inputs of the wrong shape, dtype or range.

        >>> program.run(x).shape
        (3, 5)
        """
        return run(self.mapping, x, die, adc)

    def until(self, layer: str) -> tuple["Program", tuple[str, ...]]:
        """The program that ends with the raw accumulators of `layer`, in the same cells; and what it leaves out.

        To compare a chip with its reference layer by layer. What is left out is the pooling, or the sum, that is
        computed together with the layer. Raises InputError when there is no such layer, or it has no weights.

        >>> part, left_out = program.until("fc1")
        >>> part, left_out
        (Program(net0.fc1 on tiny: 4 of 6 arrays, interval 32), ())
        """
        mapping, left_out = until(self.mapping, layer)
        return (self if mapping is self.mapping else Program(mapping)), left_out

    def quantize(self, x: ArrayLike) -> Ints:
        """Real inputs (images, ...), in the units of the data, as the integers (images, features) that the chip takes.

        The nearest, halves up, clamped to the input type; firmware does the same with image/network.h. Raises
        InputError for other sizes, for NaN and infinity.

        >>> q = program.quantize([[0.4] * 30, [7.6] * 30])
        >>> q[:, 0]
        array([0, 8])
        """
        return self.network.quantize(x)

    def predict(self, x: ArrayLike, die: Die | None = None) -> NDArray[np.float64]:
        """Real scores (images, outputs) of real inputs: `quantize`, `run` with converters, then real numbers again.

        die: as in `run`. Raises InputError as `quantize` does.

        >>> bool((program.predict(x) == program.run(x) * program.network.output_step).all())
        True
        """
        return real.predict(self.network, x, lambda q: self.run(q, die))

    def accuracy(self, x: ArrayLike, labels: ArrayLike, die: Die | None = None) -> float:
        """Percent of real inputs whose largest score is their label, an output's number.

        Raises InputError as `predict` does, and unless there is one label 0..outputs-1 for each input.

        >>> program.accuracy(x, [1, 4, 0])  # doctest: +ELLIPSIS
        66.66...
        """
        inputs = self.quantize(x)
        known = check_labels(labels, len(inputs), self.network.outputs)
        return accuracy(self.run(inputs, die), known)

    def summary(self) -> str:
        """What the program is, for people: chip, arrays, cycles, layers, worth of inputs and outputs, account.

        >>> print(program.summary())
        net0 on tiny: 5 of 6 arrays (at least 4), latency 55, interval 42 cycles
        layers:  fc1 30 x 11 on arrays 0-3, fc2 11 x 5 on arrays 4
        inputs:  30 x u8, q stands for 1 q
        outputs: 5 x i32, q stands for 1 q
        """
        used = f"{self.arrays_used} of {self.chip.arrays.count} arrays (at least {self.arrays_lower_bound})"
        cycles = f"latency {self._shown('latency')}, interval {self._shown('interval')} cycles"
        inputs, outputs = real.meaning(self.network)
        layers = ", ".join(
            f"{u.layer} {u.inputs} x {u.outputs}{f' in {u.slices} slices' * (u.slices > 1)} on arrays {runs(u.arrays)}"
            for u in usage(self.mapping.plan)
        )
        lines = [f"{self.network.name} on {self.chip.name}: {used}, {cycles}"]
        lines += [f"layers:  {layers}", f"inputs:  {inputs}", f"outputs: {outputs}"]
        head = "\n".join(lines)
        told = "" if self.account is None else text(self.account)
        return f"{head}\n\n{told}" if told else head

    @cached_property
    def words(self) -> list[int]:
        """The programming image: 32-bit words in the order in which the chip takes them."""
        return image.assemble(self.chip, image.sections(self.mapping))

    def cells_csv(self) -> Iterator[bytes]:
        """cells.csv in pieces: a list of every cell that is not at level 0. `save` writes it only when it is short."""
        return image.cells_csv(self.mapping)

    def save(self, folder: str | Path) -> Path:
        """Write the build folder: program.json, chip.json, network.safetensors, image/, rtl/, account.json if known.

        Same program, same bytes. Raises OutputError when it holds files codesign did not write.

        >>> folder = program.save("build/mlp")
        >>> sorted(p.name for p in folder.glob("[!.]*"))
        ['chip.json', 'image', 'network.safetensors', 'program.json', 'rtl']
        """
        target = Path(folder)
        with staged(target, "program") as work:
            ir.save(self.network, work / NETWORK)
            (work / CHIP).write_text(self.chip.model_dump_json(indent=1) + "\n", encoding="utf-8")
            if self.account is not None:
                _write(work / ACCOUNT, account_text(self.account).encode())
            for name, data in image.render(self.mapping).items():
                _write(work / "image" / name, data)
            for name, text in rtl.emit(self.chip).items():
                _write(work / "rtl" / name, text.encode())
            files = sorted(p for p in work.rglob("*") if p.is_file())
            manifest = {**self._said, "files": {p.relative_to(work).as_posix(): sha256(p) for p in files}}
            manifest["sha256"] = digest(manifest)
            (work / MANIFEST).write_text(json_text(manifest), encoding="utf-8")
        return target

    @classmethod
    def load(cls, folder: str | Path) -> "Program":
        """Inverse of `save`. Raises ImageError when a file is missing, damaged or swapped.

        A line for each file, and for each of the first places in it that are wrong.

        >>> import codesign
        >>> codesign.Program.load(program.save("build/mlp"))
        Program(net0 on tiny: 5 of 6 arrays, interval 42)
        """
        return cls._read(Path(folder), SHOWN)

    @classmethod
    def verify(cls, folder: str | Path) -> "Program":
        """`load` that tells every place of an image file that is wrong."""
        return cls._read(Path(folder), image.MOST)

    @classmethod
    def _read(cls, root: Path, most: int) -> "Program":
        """most: places to tell of one file."""
        manifest = read_manifest(root)
        chip = read_chip(root, manifest)
        damaged = check_files(root, manifest.files, chip)
        if chip is None or NETWORK in damaged:
            raise ImageError("\n".join(damaged.values()))
        network = ir.load(root / NETWORK)
        if problem := spot_problem(outline(network), chip, manifest.spots):
            raise ImageError(f"{root / MANIFEST}: spots: {problem}; compile again")
        mapping = place(network, chip, manifest.trims, spots=manifest.spots)
        listed = f"image/{image.LIST}" in manifest.files or None  # a long one: by request or from an older version
        damaged_image = image.damages(root / "image", mapping, listed, most)
        found = {f"image/{name}": line for name, line in damaged_image.items()}
        if damaged:
            raise ImageError("\n".join(found.get(name, line) for name, line in damaged.items()))
        if "image/image.bin" in found:
            image.read_image(root / "image" / image.BIN, chip)
            raise ImageError(f"{root}: the image does not match its network and chip; compile again")
        program = cls(mapping, read_account(root, manifest))
        if line := program._contradicted(root, manifest):
            raise ImageError(f"{root / MANIFEST}: {line}; compile again")
        if found:
            raise ImageError("\n".join(found.values()))
        return program

    def _brief(self) -> str:
        used = f"{self.arrays_used} of {self.chip.arrays.count} arrays"
        return f"{self.network.name} on {self.chip.name}: {used}, interval {self._shown('interval')}"

    def _repr_html_(self) -> str:
        """For notebooks: arrays and cycles, what each layer takes, and where it lies."""
        rows = [(f"{quantity}, cycles", self._shown(quantity)) for quantity in ("bound", "latency", "interval")]
        arrays = ("arrays", f"{self.arrays_used} of {self.chip.arrays.count}, at least {self.arrays_lower_bound}")
        taken = [(u.layer, f"{u.inputs} x {u.outputs}", u.slices, runs(u.arrays), u.cycles) for u in self._usage]
        heads = ("layer", "matrix", "slices", "arrays", "converter cycles")
        return "\n".join(
            (
                html_table(f"{self.network.name} on {self.chip.name}", [arrays, *rows]),
                html_table("layers", taken, heads),
                self.mapping._repr_html_(),
            )
        )

    @property
    def _usage(self) -> tuple[LayerUse, ...]:
        return usage(self.mapping.plan)

    def _shown(self, quantity: str) -> str:
        """Predicted cycles for people: a stream that is not periodic has none."""
        try:
            return str(round(getattr(self.cycles, quantity), 2))
        except CapacityError:
            return "not known"

    @property
    def _said(self) -> dict[str, Any]:
        """What program.json says beside its files and its own digest."""
        cycles = self.cycles
        return {
            "schema": SCHEMA,
            "provenance": {"codesign": version_here(), "chip": f"0x{self.chip.id:08x}", "network": self.network.name},
            "arrays": {
                "used": self.arrays_used,
                "lower_bound": self.arrays_lower_bound,
                "budget": self.chip.arrays.count,
            },
            "cycles": {"bound": cycles.bound, "latency": cycles.latency, "interval": cycles.interval},
            "trims": {s.layer: [s.trim.gain, s.trim.shift] for s in self.mapping.steps},
            "spots": {k: [list(spot) for spot in v] for k, v in self.mapping.plan.spots.items()},
        }

    def _contradicted(self, root: Path, manifest: Manifest) -> str | None:
        """What program.json says that its network and chip contradict; None if nothing.

        Another version may predict other cycles, and emit other Verilog.
        """
        said, own = manifest.said, self._said
        current = said["provenance"].get("codesign") == own["provenance"]["codesign"]
        if {**said["provenance"], "codesign": ""} != {**own["provenance"], "codesign": ""} or (
            said["arrays"] != own["arrays"]
        ):
            return "does not match the network and chip beside it"
        for key in ("trims", "spots", "cycles") if current else ("trims", "spots"):
            if said[key] != own[key]:
                return f"{key} are {_sorted(own[key])} by its network and chip, got {_sorted(said[key])}"
        for name, content in rtl.emit(self.chip).items():  # image/ has been compared, listed or not
            listed = manifest.files.get(f"rtl/{name}")
            if listed is None and (current or os.path.lexists(root / "rtl" / name)):
                return f"does not list rtl/{name}"
            if current and listed != hashlib.sha256(content.encode()).hexdigest():
                return f"lists another rtl/{name} than this codesign emits for its chip"
        return None


def _sorted(content: Any) -> str:
    """In one line, keys in order."""
    return json.dumps(content, sort_keys=True)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
