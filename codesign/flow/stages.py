"""The stages of a flow, in order. Each reads earlier stages' folders and fills its own."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign import __version__, ir, page
from codesign.data import Dataset
from codesign.errors import UnsupportedError
from codesign.fixed import IntType
from codesign.flow.describe import Flow
from codesign.flow.images import CHUNK, of_reference, of_simulation
from codesign.flow.record import collect
from codesign.flow.stage import Context, Stage
from codesign.ir.labels import accuracy
from codesign.report import (
    SUMMARY,
    text,
)
from codesign.train.recipe import Recipe

DIE = "die.npz"  # the measured die, kept with the simulation
CALIBRATION = 256  # training images the compiler may look at


def unplaced(recipe: Recipe) -> str | None:
    """Why the compiler cannot map a recipe's networks: the key, what it asks for, its value. None if it can."""
    layers = recipe.quantize.layers
    if layers == "all":
        return None
    return f"quantize.layers: the compiler cannot map real weights to a chip yet, got {layers!r}"


def prepare(stages: Sequence[Stage], flow: Flow) -> None:
    """Refuse at once what `stages` would refuse only after minutes of training. Raises ToolError, UnsupportedError."""
    if any(s.name == "compile" for s in stages) and (refused := unplaced(flow)):
        raise UnsupportedError(f"{refused}; train it alone with --until train")
    if any(s.name == "simulate" for s in stages):
        from codesign.sim.simulators import SIMULATORS

        SIMULATORS[flow.simulate.simulator].require()
    _ = flow.on_die  # raises what is wrong with its file


def _train(context: Context, folder: Path) -> None:
    from codesign import train

    flow = context.flow
    settings = flow.train
    dataset = flow.data.load(context.data)
    kind = dataset.input_type(flow.quantize.input)
    dataset.warn_of_range(kind)

    def progress(epoch: train.Epoch) -> None:
        note = f"{epoch.phase}, loss {epoch.loss:.3f}, {epoch.accuracy:.1f}%"
        phases = 1 + settings.baseline
        before = settings.epochs if epoch.phase == "quantized" and settings.baseline else 0
        context.progress("train", before + epoch.epoch, phases * settings.epochs, note)

    result = train.fit(flow, dataset, flow.chip, folder, progress)
    ir.save(replace(result.network, name=flow.name), folder / "network.safetensors")
    _save(folder / "inputs.npy", _stored(dataset.test_inputs(kind)))
    _save(folder / "labels.npy", dataset.y_test)
    _save(folder / "calibration.npy", _stored(dataset.train_inputs(kind, CALIBRATION)))
    _dump(
        folder / "train.json",
        {
            "data": {
                "name": dataset.name,
                "train": len(dataset.y_train),
                "test": len(dataset.y_test),
                "features": dataset.features,
                "classes": dataset.classes,
                "scale": dataset.scale,
                "shape": dataset.shape or None,
            },
            "versions": {name: version(name) for name in ("numpy", "torch")},
            "crc32": f"0x{dataset.digest:08x}",
            "inputs": _inputs(dataset, kind),
            "float": result.accuracy_baseline,
            "quantized": result.accuracy_quantized,
            "images": result.images,
        },
    )


def _inputs(dataset: Dataset, kind: IntType) -> dict[str, Any]:
    """What summary.json says of inputs: see `codesign.report.Inputs`."""
    found = {"bits": kind.bits, "signed": kind.signed, "low": dataset.range.lo, "high": dataset.range.hi}
    scaling = dataset.scaling(kind)
    if not scaling.scales:
        found |= {"step": scaling.step, "offset": next(iter(scaling.offset), 0.0)}
    return found | {"real": dataset.is_real}


def help_to_train(context: Context) -> None:
    """What torchrun's other processes do: their share of the training, if the first process trains."""
    from codesign.train.distributed import Excused
    from codesign.train.loop import fit

    flow = context.flow
    with suppress(Excused):
        fit(flow, flow.data.load(context.data), flow.chip, context.folder("train"))


def excuse_helpers(context: Context) -> None:
    """Release torchrun's other processes without a training."""
    from codesign.train.distributed import excuse

    excuse(context.flow.machine.device)


def _compile(context: Context, folder: Path) -> None:
    from codesign.compiler import compile

    home = context.folder("train")
    network = ir.load(home / "network.safetensors")
    calibration, flow = np.load(home / "calibration.npy"), context.flow
    program = compile(network, calibration, flow.chip, network.name, objective=flow.compile.objective)
    program.save(folder / "program")


def _reference(context: Context, folder: Path) -> None:
    from codesign.program import Program

    program = Program.load(context.folder("compile") / "program")
    x, labels = of_reference(context)
    parts = []
    for k in range(0, len(x), CHUNK):
        context.progress("reference", k, len(x), "")
        parts.append(program.run(x[k : k + CHUNK], context.flow.on_die))
    outputs = np.concatenate(parts)
    _save(folder / "outputs.npy", outputs)
    _dump(folder / "reference.json", {"percent": accuracy(outputs, labels), "images": len(labels)})


def _simulate(context: Context, folder: Path) -> None:
    from codesign.program import Program
    from codesign.sim import simulate

    settings = context.flow.simulate
    home = context.folder("compile") / "program"
    x, labels = of_simulation(context)
    program = Program.load(home)
    die, kept = context.flow.on_die, folder / DIE
    if die is not None:
        die.save(kept, program.chip)
    on = f" --die {kept}" if die else ""
    result = simulate(
        program,
        x,
        simulator=settings.simulator,
        folder=folder / "job",
        load=settings.load,
        die=die,
        progress=lambda done, of: context.progress("simulate", done, of, ""),
    ).reproduced_by(f"codesign simulate {home} --inputs {context.folder('train') / 'inputs.npy'}{on}")
    _save(folder / "outputs.npy", result.outputs)
    _dump(
        folder / "simulate.json",
        {
            "percent": accuracy(result.outputs, labels),
            "images": result.images,
            "cycles": result.latency,
            "interval": result.interval,
            "timing_errors": result.timing_errors,
            "mismatches": [str(m) for m in result.mismatches],
            "images_per_second": round(result.images_per_second, 1),
            "version": result.version,
            "words_compared": result.words_compared,
            "cycles_compared": result.cycles_compared,
        },
    )


def _report(context: Context, folder: Path) -> None:
    metrics = collect(context, [s.name for s in STAGES if s.name != "report"])
    (folder / SUMMARY).write_text(metrics.json_text(), encoding="utf-8")
    (folder / "report.txt").write_text(text(metrics), encoding="utf-8")
    page.write_run(context.out, metrics)


STAGES = (
    Stage("train", (), lambda c: c.training, _train, resumes=True),
    Stage(
        "compile",
        ("train",),
        lambda c: {
            "codesign": __version__,
            "chip": c.flow.chip.model_dump(mode="json"),
            "rtl": _rtl_digest(c),
            **c.flow.compile.model_dump(mode="json"),
        },
        _compile,
    ),
    Stage("reference", ("train", "compile"), lambda c: c.flow.reference.model_dump(mode="json") | _die(c), _reference),
    Stage(
        "simulate",
        ("train", "compile"),
        lambda c: c.flow.simulate.model_dump(mode="json") | _die(c),
        _simulate,
    ),
    Stage("report", ("train", "compile", "reference", "simulate"), lambda c: {"name": c.flow.name}, _report),
)


def _die(context: Context) -> dict[str, Any]:
    """What the stages that run on a measured die depend on."""
    return {} if context.flow.die is None else {"die": context.flow.die.digest}


def _rtl_digest(context: Context) -> str:
    """Checksum of the chip's Verilog: changed templates make the program and its simulation stale."""
    from codesign.rtl import emit

    return hashlib.sha256(json.dumps(emit(context.flow.chip), sort_keys=True).encode()).hexdigest()


def _stored(x: NDArray[np.int16]) -> NDArray[np.generic]:
    """Inputs in one byte each."""
    return x.astype(np.int8 if x.min() < 0 else np.uint8)


def _save(path: Path, array: NDArray[np.generic]) -> None:
    np.save(path, array, allow_pickle=False)


def _dump(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
