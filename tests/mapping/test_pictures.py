"""Random networks over pictures: the reference, a plain machine and the predicted cycles agree, whatever the layout."""

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from codesign import ir
from codesign.errors import CapacityError
from codesign.fixed import Ints
from codesign.ir import Conv, Linear
from codesign.mapping import layers, place, predict, run, stream
from codesign.mapping.clipping import clipped
from codesign.mapping.layer import Matrix
from codesign.mapping.pipeline import Core, Instances
from codesign.program import Program
from codesign.sim.judge import in_order
from tests.hdl.random_chips import random_die
from tests.hdl.random_pictures import FEATURES, features, random_picture_chip, random_pictures
from tests.mapping.machine import Machine

SEEDS = 130


@cache
def programs() -> list[tuple[Program, Ints]]:
    """Random programs with three images each; made once."""
    found = []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        found.append(random_pictures(rng, random_picture_chip(rng), 3))
    return found


def test_the_random_programs_hold_everything() -> None:
    seen = Counter(name for program, _ in programs() for name in features(program))
    assert not [name for name in FEATURES if not seen[name]], seen
    assert any(s.wait > 7 for program, _ in programs() for s in program.mapping.steps), "more than `wait` can say"


def test_without_converters_the_chip_computes_the_network() -> None:
    for program, x in programs():
        assert (run(program.mapping, x, adc=False) == ir.run(program.network, x)).all()


def test_converters_that_do_not_clip_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit plane by bit plane. Ranges and offsets round, so the programs get none."""
    monkeypatch.setitem(run.__globals__, "cannot_clip", lambda *_: False)
    wide = 0
    for program, x in programs()[:60]:
        nodes = tuple(
            replace(n, trim=None, cut=0) if isinstance(n, Conv | Linear) else n for n in program.network.nodes
        )
        chip = program.chip.model_copy(update={"adc": program.chip.adc.model_copy(update={"bits": 12})})
        network = replace(program.network, nodes=nodes)
        try:
            mapping = place(network, chip)
        except CapacityError:
            continue
        shares, outputs = clipped(mapping, x)
        if not any(shares.values()):
            assert (run(mapping, x) == ir.run(network, x)).all() and (outputs == run(mapping, x)).all()
            wide += 1
    assert wide > 20


def test_a_plain_machine_computes_what_the_reference_does() -> None:
    """Words leave pixel by pixel, and what clips is counted as it converts. Stale memory is never read."""
    clips, total = 0, 0
    for program, x in programs():
        mapping, machine = program.mapping, Machine(program.mapping)
        words = np.array([machine.run(image) for image in x])
        assert (in_order(words, mapping.layers[-1].pixels) == program.run(x)).all()
        shares, outputs = clipped(mapping, x)
        assert shares == {name: n / machine.conversions[name] for name, n in machine.clipped.items()}
        assert (outputs == program.run(x)).all()
        clips, total = clips + any(machine.clipped.values()), total + 1
    assert total / 4 < clips < total, "dull converters"


def test_no_images_give_no_outputs() -> None:
    for program, x in programs()[:40]:
        none = run(program.mapping, x[:0])
        assert none.shape == (0, program.network.outputs) == ir.run(program.network, x[:0]).shape


def test_a_plain_machine_computes_it_on_a_die() -> None:
    """Sums of accumulators among them, in networks with several slices."""
    seen = Counter[str]()
    for seed, (program, x) in enumerate(programs()):
        if "sums of accumulators" in (found := features(program)):
            seen.update(found)
            die = random_die(np.random.default_rng(seed), program)
            words = np.array([Machine(program.mapping, die).run(image) for image in x])
            assert (in_order(words, program.mapping.layers[-1].pixels) == program.run(x, die)).all()
            seen["another die"] += bool((program.run(x, die) != program.run(x)).any())
    assert min(seen["another die"], seen["rows in several arrays"]) > 5, seen


def test_no_images() -> None:
    for program, x in programs()[:40]:
        assert program.run(x[:0]).shape == program.run(x[:0], adc=False).shape == (0, program.network.outputs)


def test_edges_have_the_shapes_of_the_network() -> None:
    for program, x in programs():
        network, chip_layers = program.network, program.mapping.layers
        found = layers(program.mapping, x)
        scaled_in_a_sum = {n.name for n in chip_layers if isinstance(n, Matrix) and n.add}
        assert found.keys() == {"input", *(n.name for n in network.nodes if n.name not in scaled_in_a_sum)}
        assert all(edge.shape == (len(x), *network.shape_of(name)) for name, edge in found.items())


def times(program: Program, images: int = 6) -> tuple[list[int], list[int]]:
    return stream(program.mapping, images)


def test_skipped_instances_take_what_instance_by_instance_do(monkeypatch: pytest.MonkeyPatch) -> None:
    skipping = [times(program) for program, _ in programs()]
    taken = Counter[str]()

    def others(core: Core, step: Instances) -> None:
        for _ in range(step.instances - 1):
            core.next(step)
            taken["all"] += 1

    monkeypatch.setattr(Core, "others", others)
    assert [times(program) for program, _ in programs()] == skipping
    monkeypatch.undo()
    plain = Core.next

    def counted(core: Core, step: Instances) -> None:
        plain(core, step)
        taken["skipping"] += 1

    monkeypatch.setattr(Core, "next", counted)
    assert [times(program) for program, _ in programs()] == skipping
    assert 0 < taken["skipping"] < taken["all"] / 2


def test_waits_count_instances_from_the_nearest_producer_on() -> None:
    far = set[int]()
    for program, _ in programs():
        done = {"input": 0}  # edge: instances when it is complete
        total = 0
        for step, layer in zip(program.mapping.steps, program.mapping.layers, strict=True):
            last = max(done[source] for source in layer.size.sources)
            of_input = layer.node.source == "input"
            assert step.wait == (0 if of_input else total - last + 1)
            assert step.whole_input == (of_input and (step.instances > 1 or step.walk.bounded))
            total += step.instances
            done[layer.size.gives] = total
            far.add(step.wait)
    assert len(far) > 4


@pytest.mark.parametrize("most", [7, 1])
def test_more_instances_back_than_an_entry_can_say_are_done(most: int) -> None:
    """`wait` holds 7 at most, and that is as good as more; 1 is not."""
    programs_ = [p for p, _ in programs() if any(s.wait > 7 for s in p.mapping.steps)]
    limited = []
    for program in programs_:
        steps = tuple(replace(s, wait=min(s.wait, most)) for s in program.mapping.steps)
        limited.append(times(Program(replace(program.mapping, steps=steps))))
    assert programs_ and (limited == [times(program) for program in programs_]) == (most == 7)


def test_no_stream_beats_its_converters() -> None:
    for program, _ in programs():
        mapping = program.mapping
        wanted = sum(
            s.walk.instances * s.input.bits * max((b.groups for b in s.blocks), default=0) for s in mapping.steps
        )
        cycles = predict(mapping)
        assert cycles.bound == wanted <= cycles.interval
        assert cycles.interval >= max(mapping.beats, mapping.network.outputs)
