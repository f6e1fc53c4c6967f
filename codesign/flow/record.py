"""The record of a run: what its stages found, as `summary.json` and the report have it."""

from collections.abc import Sequence

import numpy as np

from codesign import ir, passes
from codesign.errors import CapacityError
from codesign.flow.images import CHUNK, all_tested, of_reference
from codesign.flow.stage import Context
from codesign.ir.labels import accuracy
from codesign.mapping import Plan, by_layer, predict, usage
from codesign.mapping.clipping import clipped
from codesign.mapping.plan import unsliced
from codesign.report import (
    Accuracies,
    Accuracy,
    Arrays,
    Cycles,
    Data,
    Inputs,
    Layer,
    LayerCycles,
    Losses,
    Metrics,
    Speed,
    Unsliced,
)


def collect(context: Context, stages: Sequence[str]) -> Metrics:
    """The one record of a run whose `stages`, those before `report`, are finished."""
    from codesign.program import Program

    flow = context.flow
    trained, reference = context.read("train", "train.json"), context.read("reference", "reference.json")
    simulated = context.read("simulate", "simulate.json")
    program = Program.load(context.folder("compile") / "program")
    images, clock = trained["images"], flow.chip.clock_mhz
    accuracies = Accuracies(
        float=None if trained["float"] is None else Accuracy(percent=trained["float"], images=images),
        quantized=Accuracy(percent=trained["quantized"], images=images),
        network=_network_on(context, program.network),
        reference=Accuracy(**reference),
        reference_simulated=_reference_on(context, simulated["images"]),
        rtl=Accuracy(percent=simulated["percent"], images=simulated["images"]),
    )
    return Metrics(
        name=flow.name,
        chip=flow.chip.name,
        chip_id=f"0x{flow.chip.id:08x}",
        die=None if flow.die is None else flow.die.map,
        accuracy=accuracies,
        losses=Losses.of(accuracies),
        removed=passes.removed(ir.load(context.folder("train") / "network.safetensors"), program.network),
        clipped=clipped(program.mapping, all_tested(context)[0][: simulated["images"]])[0],
        arrays=Arrays(
            used=program.arrays_used,
            lower_bound=program.arrays_lower_bound,
            least=program.mapping.plan.least,
            budget=flow.chip.arrays.count,
        ),
        layers=tuple(Layer(**vars(u)) for u in usage(program.mapping.plan)),
        layer_cycles=tuple(LayerCycles(**vars(n)) for n in by_layer(program.mapping)),
        unsliced=_unsliced(program.mapping.plan, flow.compile.objective),
        cycles=Cycles(
            bound=program.cycles.bound,
            predicted=program.cycles.latency,
            simulated=simulated["cycles"],
            interval=program.cycles.interval,
            interval_simulated=simulated["interval"] if simulated["images"] > 1 else None,
            timing_errors=simulated["timing_errors"],
        ),
        mismatches=len(simulated["mismatches"]),
        first_mismatch=next(iter(simulated["mismatches"]), None),
        data=Data(**trained["data"]),
        inputs=Inputs(**trained["inputs"]),
        seed=flow.train.seed,
        simulator=flow.simulate.simulator,
        simulator_version=simulated.get("version"),
        words_compared=simulated.get("words_compared"),
        cycles_compared=simulated.get("cycles_compared"),
        speed=None if clock is None else Speed.of(clock, program.cycles.latency, program.cycles.interval),
        images_per_second=simulated["images_per_second"],
        time_s={name: context.seconds(name) for name in stages},
    )


def _unsliced(planned: Plan, objective: str) -> Unsliced | None:
    """What slices are compared with; None where there are none, or where that has no plan or no rhythm."""
    try:
        single = unsliced(planned, objective)
        return None if single is None else Unsliced(arrays=single.arrays, interval=predict(single).interval)
    except CapacityError:
        return None


def _network_on(context: Context, network: ir.Network) -> Accuracy:
    """The integer network on the reference's images, without converters."""
    x, labels = of_reference(context)
    parts = []
    for k in range(0, len(x), CHUNK):
        context.progress("report", k, len(x), "the network without converters")
        parts.append(network.run(x[k : k + CHUNK]))
    return Accuracy(percent=accuracy(np.concatenate(parts), labels), images=len(labels))


def _reference_on(context: Context, images: int) -> Accuracy:
    """The reference on the first `images` test images, those that are simulated."""
    outputs = np.load(context.folder("reference") / "outputs.npy")
    return Accuracy(percent=accuracy(outputs[:images], all_tested(context)[1][:images]), images=images)
