"""The pipeline of steps with operands: instance by instance by hand, and skipping against it."""

from collections.abc import Iterator

import numpy as np
import pytest

from codesign.fixed import INT32, IntType
from codesign.ir.geometry import Window
from codesign.mapping import LayerSize, Outline, plan, predict, stream
from codesign.mapping.outline import Places
from codesign.mapping.pipeline import MOST, OPERAND, Core, Instances
from tests.mapping.pictures import reference

ALONE = (((0,), (4,)),)  # a tile of one term and one column group
MATRIX = Instances(MOST, False, (0,), 1, False, 0, 8, 1, False, ALONE)
VECTOR = Instances(MOST, False, (0,), 1, True, 1, 8, 0, False, (((OPERAND,), (4,)),))


def core(operands: int = 32) -> Core:
    return Core(1, operands, True)


@pytest.mark.parametrize("between", range(5))
@pytest.mark.parametrize("groups", [1, 3])
def test_converters_pass_over_vector_steps_one_a_cycle(between: int, groups: int) -> None:
    """The first matrix loads in cycle 0 and samples from 2 on, its last plane in 2 + 7 * groups.

    The next one could follow it without a gap, had the converters not to pass over each step between.
    """
    found, matrix = core(), MATRIX._replace(groups=groups)
    found.first(matrix, 0)
    for _ in range(between):
        found.first(VECTOR, 0)
    found.first(matrix, 0)
    last = 2 + 7 * groups
    assert found.sampled[0] == last and found.last_load == between + 1
    assert found.sampled[1] == max(last + groups, last + 1 + between) + 7 * groups
    found.first(matrix, 0)
    assert found.sampled[1] - found.sampled[0] == 8 * groups, "only once"


def test_seven_instances_are_in_flight() -> None:
    """Six vector steps load while a matrix converts, one a cycle; the seventh when its results are written."""
    found = core()
    found.first(MATRIX._replace(planes=8, groups=4), 0)
    written = found.drained[-1]
    assert written > 32
    found.first(VECTOR, 0)
    loads = [found.last_load]
    for _ in range(7):
        found.next(VECTOR)
        loads.append(found.last_load)
    assert loads == [1, 2, 3, 4, 5, 6, written + 1, loads[-1]] and loads[-1] > written + 1


def test_operands_wait_for_places() -> None:
    """One is taken two cycles after its load; then its place is free, and a load may go there in the next one."""
    for operands, cycles in ((2, [0, 1, 3, 4, 6, 7, 9, 10]), (3, [*range(8)]), (32, [*range(8)])):
        seen = []
        for count in range(1, 9):
            found = core(operands)
            found.first(VECTOR._replace(beats=(0,) * count, operands=count), 0)
            seen.append(found.last_load)
        assert seen == cycles


def test_operands_of_a_fused_sum_wait_for_places() -> None:
    """Two of an instance, and two places: the next instance loads one when the drain has taken the one before."""
    step = MATRIX._replace(beats=(0,) * 3, operands=2, groups=2, tiles=(((0, OPERAND), (4, 4)),))
    found = core(operands=2)
    found.first(step, 0)
    assert (found.last_load, found.sampled[-1]) == (2, 4 + 7 * 2)
    complete = 4 + 7 * 2 + found.pipe.delay  # of column group 0; its operand is the next term
    assert [*found.taken] == [complete + 1, complete + 3]
    found.next(step)
    assert found.last_load == complete + 3 + 2, "the operands in the cycles after, then the wordlines"
    plenty = core()
    plenty.first(step, 0)
    plenty.next(step)
    assert plenty.last_load == 5


def pooled() -> Outline:
    """Twenty channels of 16 x 16, averaged over windows of 8 x 8: three lane groups of eight at each of four places."""
    picture = Places((1, 16, 16), Window((1, 1)))
    return Outline(
        "pooled",
        256,
        IntType(4),
        (
            LayerSize("conv", "input", 1, 20, IntType(4), places=picture),
            LayerSize("pool", "conv", 0, 20, IntType(4), places=Places((20, 16, 16), Window((8, 8), (8, 8)))),
            LayerSize("fc", "pool", 20 * 4, 10, INT32),
        ),
    )


@pytest.mark.parametrize(("operands", "each"), [(2, 96), (3, 64), (32, 64)])
def test_a_global_average_of_more_operands_than_places(
    operands: int, each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 operands an instance: a load a cycle, with two places two in three cycles. It neither hangs nor drifts."""
    planned = plan(pooled(), reference(8, operands=operands, activation_words=64))
    step = planned.steps[1]
    assert (step.is_vector, step.instances, len(step.loads)) == (True, 12, 64)
    found = predict(planned), stream(planned, 5)
    last = []
    plain = Core._combine

    def timed(core: Core, step: Instances, start: int) -> None:
        plain(core, step, start)
        last.append(core.last_load)

    monkeypatch.setattr(Core, "_combine", timed)
    monkeypatch.setattr(Core, "others", one_by_one)
    assert (predict(planned), stream(planned, 5)) == found
    assert {*np.diff(last[:12]).tolist()} == {each}


def one_by_one(core: Core, step: Instances) -> None:
    """`Core.others`, without skipping."""
    for _ in range(step.instances - 1):
        core.next(step)


def programs(rng: np.random.Generator, operands: int) -> Iterator[Instances]:
    """Steps of any kind, the last of them raw; what none of the compiler's programs has, too."""
    steps, done = int(rng.integers(2, 7)), 0
    for k in range(steps):
        last, vector = k == steps - 1, bool(rng.integers(2)) and 0 < k < steps - 1
        groups = 1 if vector else int(rng.integers(1, 4))
        widths = tuple(int(w) for w in rng.integers(1, 9, groups))
        fused = not vector and not last and k > 0 and groups <= operands and bool(rng.integers(2))
        more = int(rng.integers(1, 2 * operands + 2)) if vector else groups * fused
        terms = (OPERAND,) * more if vector else (0,) * int(rng.integers(1, 3)) + (OPERAND,) * fused
        count = int(rng.choice([1, 2, int(rng.integers(3, 90))]))
        wait = int(rng.integers(1, min(MOST, done) + 1)) if k else 0
        loads = more if vector else more + int(rng.integers(1, 12))
        planes = int(rng.integers(1, 9))
        yield Instances(wait, k == 0, (0,) * loads, count, vector, more, planes, groups, last, ((terms, widths),))
        done += count


class Counting(Core):
    """Counts the instances that it goes through."""

    passed = 0

    def next(self, step: Instances) -> None:
        self.passed += 1
        super().next(step)


@pytest.mark.parametrize("operands", [2, 3, 9])
def test_skipping_is_instance_by_instance(operands: int) -> None:
    """Of any steps, on a core that has run others: every cycle that later instances depend on."""
    skipped = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        steps = list(programs(rng, operands))
        plain, skipping = Counting(1, operands, True), Counting(1, operands, True)
        for image in range(4):
            for step in steps:
                plain.first(step, 100 * image)
                skipping.first(step, 100 * image)
                one_by_one(plain, step)
                skipping.others(step)
                assert skipping.state == plain.state, (seed, image, step)
        skipped += skipping.passed < plain.passed / 2
    assert skipped > 40, "nothing to skip"
