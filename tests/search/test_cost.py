"""Costs are those of the compiled program; what breaks a limit says so in its own words."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from codesign import compiler
from codesign.chip.description import Chip
from codesign.ir import Linear
from codesign.mapping import Outline, timing
from codesign.mapping.mapping import Plan
from codesign.mapping.plan import draft
from codesign.program import Program
from codesign.search.cost import Cost, Facts, Miss, Pricer
from codesign.search.describe import Limits, Question
from codesign.search.space import Candidate, space
from tests.hdl.programs import net
from tests.search.toy import toy

WIDE = ("limits.arrays=1024", *(f"set.chip.memory.{m}=4096" for m in ("loads", "tiles", "constants", "steps")))


def pricer(question: Question, **limits: float) -> Pricer:
    """On a chip of 1024 arrays, or as many as the limits say."""
    base = question.base([("chip.arrays.count", int(limits.get("arrays", 1024)))])
    return Pricer(base, Limits.model_validate(limits), {1: Facts((1, 8, 8), 10), 2: Facts((1, 4, 4), 10)})


def candidate(*hidden: int, downsample: int = 1, **chip: object) -> Candidate:
    more = [(f"chip.{k.replace('_', '.', 1)}", v) for k, v in chip.items()]
    return Candidate((("network.hidden", hidden), ("data.downsample", downsample), *more))


def words(cost: Cost) -> list[str]:
    return [str(m) for m in cost.misses]


def used(program: Program) -> int:
    """Arrays with cells of a layer."""
    return len({a for s in program.mapping.steps for load in s.loads for a in load.arrays})


class TestCompiled:
    @pytest.mark.parametrize("seed", range(12))
    def test_as_the_compiler_says(self, tmp_path: Path, seed: int) -> None:
        rng = np.random.default_rng(seed)
        lanes = int(rng.choice([1, 2, 4, 8]))
        price = pricer(toy(tmp_path, *WIDE, f"set.chip.adc.lanes={lanes}"))
        hidden = tuple(int(w) for w in rng.integers(1, 40, rng.integers(0, 4)))
        downsample = int(rng.integers(1, 3))
        cost = price(candidate(*hidden, downsample=downsample))
        sizes = [64 // downsample**2, *hidden, 10]
        quantize, chip = price.base.quantize, price.base.chip
        program = compiler.compile(net(sizes, chip, quantize.input, quantize.activation, seed), None, chip)
        steps = program.mapping.steps
        assert cost.fits
        assert (cost.interval, cost.latency) == (program.cycles.interval, program.cycles.latency)
        assert cost.activation_words == max((-(-(s.write + s.outputs) // 16) for s in steps if not s.raw), default=0)
        assert cost.arrays == used(program)
        assert cost.cells == 2 * sum(a * b for a, b in pairwise(sizes))
        assert cost.lower_bound == -(-cost.cells // (16 * 16)) <= cost.arrays

    def test_another_chip_has_another_price(self, tmp_path: Path) -> None:
        price = pricer(toy(tmp_path, *WIDE, "set.chip.device.code_bits=4"))
        one, four = price(candidate(16, adc_lanes=1)), price(candidate(16, adc_lanes=4))
        assert one.arrays == four.arrays and one.interval > four.interval  # type: ignore[operator]
        assert price(candidate(16, arrays_columns=8)).arrays == 4 * 4 + 3
        assert price(candidate(16, device_levels=8)) == four
        assert price.chip(candidate(16, device_levels=8)).device.levels == 8
        assert price.base.chip.device.levels == 4
        assert price(candidate(16, arrays_count=9)).misses[0].allowed == 9
        lone = Chip.model_validate(price.base.chip.model_dump() | {"adc": {"bits": 6, "lanes": 1}})
        assert price.chip(candidate(16, adc_lanes=1)) == lone


class TestPacked:
    def test_where_own_tiles_do_not_fit(self, tmp_path: Path) -> None:
        question = toy(tmp_path, *WIDE)
        own, cost = (pricer(question, arrays=n)(candidate(24, downsample=2)) for n in (7, 6))
        assert (own.arrays, cost.arrays, own.fits, cost.fits) == (7, 6, True, True)
        assert own.lower_bound == cost.lower_bound == 5
        assert cost.interval > own.interval  # type: ignore[operator]

    @pytest.mark.parametrize("objective", ["cycles", "arrays"])
    @pytest.mark.parametrize(
        ("hidden", "arrays"), [((24,), 6), ((8, 8), 3), ((16, 8), 4), ((24, 16), 8), ((8, 24, 8), 7)]
    )
    def test_as_the_compiler_says(self, tmp_path: Path, hidden: tuple[int, ...], arrays: int, objective: str) -> None:
        price = pricer(toy(tmp_path, *WIDE, f"compile.objective='{objective}'"), arrays=arrays)
        cost = price(candidate(*hidden, downsample=2))
        quantize, chip = price.base.quantize, price.base.chip
        network = net([16, *hidden, 10], chip, quantize.input, quantize.activation, 0)
        program = compiler.compile(network, None, chip, objective=objective)
        assert cost.fits
        assert cost.arrays == used(program) <= arrays
        assert (cost.interval, cost.latency) == (program.cycles.interval, program.cycles.latency)
        assert cost.arrays < pricer(toy(tmp_path, *WIDE))(candidate(*hidden, downsample=2)).arrays

    def test_always_for_the_objective_arrays(self, tmp_path: Path) -> None:
        cycles, arrays = (pricer(toy(tmp_path, *WIDE, f"compile.objective='{o}'")) for o in ("cycles", "arrays"))
        found = {
            c.label: (cycles(c).arrays, arrays(c).arrays)
            for c in (candidate(*h, downsample=d) for h in [(8,), (16,), (24,), (8, 8), (8, 24)] for d in (1, 2))
        }
        assert found == {
            "hidden 8, downsample 1": (6, 5),
            "hidden 8, downsample 2": (3, 2),
            "hidden 16, downsample 1": (10, 10),
            "hidden 16, downsample 2": (4, 4),
            "hidden 24, downsample 1": (16, 15),
            "hidden 24, downsample 2": (7, 6),
            "hidden 8-8, downsample 1": (7, 6),
            "hidden 8-8, downsample 2": (4, 3),
            "hidden 8-24, downsample 1": (11, 9),
            "hidden 8-24, downsample 2": (8, 6),
        }

    def test_a_candidate_may_have_an_objective(self, tmp_path: Path) -> None:
        price = pricer(toy(tmp_path, *WIDE))
        packed = Candidate((*candidate(24, downsample=2).settings, ("compile.objective", "arrays")))
        assert (price(packed).arrays, price(candidate(24, downsample=2)).arrays) == (6, 7)
        assert price.spots(packed) != price.spots(candidate(24, downsample=2))

    def test_of_limit_and_chip_the_chip_decides(self, tmp_path: Path) -> None:
        """The compiler packs for the arrays that the chip has, whatever else limits them."""
        price = pricer(toy(tmp_path, *WIDE), arrays=6)
        assert words(price(candidate(24, downsample=2, arrays_count=20))) == ["arrays 7, allowed 6"]
        assert price(candidate(24, downsample=2, arrays_count=6)).fits

    @pytest.mark.parametrize(
        ("hidden", "allowed", "expected", "tried"),
        [(24, 12, 15, False), (24, 14, 15, False), (20, 12, 14, False), (20, 13, 14, False), (20, 14, 15, True)],
    )
    def test_too_many_arrays_in_numbers(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hidden: int, allowed: int, expected: int, tried: bool
    ) -> None:
        """A bound where that is enough to tell; else the fewest that the packer found."""
        asked: list[Chip] = []

        def drafted(outline: Outline, chip: Chip, objective: str) -> Plan:
            asked.append(chip)
            return draft(outline, chip, objective)

        monkeypatch.setattr("codesign.search.cost.draft", drafted)
        question = toy(tmp_path, *WIDE)
        cost = pricer(question, arrays=allowed)(candidate(hidden))
        assert words(cost) == [f"arrays {expected}, allowed {allowed}"]
        assert (cost.arrays, cost.interval, len(asked)) == (expected, None, tried)
        assert pricer(question, arrays=15)(candidate(hidden)).fits


class TestSlices:
    @pytest.mark.parametrize(
        ("slices", "counts"), [(1, (1, 1)), (2, (2, 2)), ("free", (1, 1)), ({"fc2": 3}, (1, 3)), ({"fc1": 2}, (2, 1))]
    )
    def test_as_the_compiler_says(self, tmp_path: Path, slices: object, counts: tuple[int, int]) -> None:
        price = pricer(toy(tmp_path, *WIDE))
        cost = price(Candidate((*candidate(16).settings, ("quantize.slices", slices))))
        quantize, chip = price.base.quantize, price.base.chip
        network = net([64, 16, 10], chip, quantize.input, quantize.activation)
        nodes = []
        for node, count in zip(network.nodes, counts, strict=True):
            assert isinstance(node, Linear)
            small = replace(node.requant, mult=np.maximum(node.requant.mult >> 4 * (count - 1), 1))
            nodes.append(replace(node, slices=count, requant=small))
        program = compiler.compile(replace(network, nodes=tuple(nodes)), None, chip)
        assert cost.fits
        assert cost.cells == 2 * (64 * 16 * counts[0] + 16 * 10 * counts[1])
        assert (cost.interval, cost.latency) == (program.cycles.interval, program.cycles.latency)
        assert cost.arrays == used(program)

    def test_free_ones_take_cycles_and_no_array(self, tmp_path: Path) -> None:
        question = toy(tmp_path, *WIDE, "free.quantize.slices=[1, 2, 'free', {fc1=2}]")
        found = {c["quantize.slices"] if isinstance(c["quantize.slices"], int | str) else "table": pricer(question)(c)
                 for c in space(question) if c["network.hidden"] == (4,) and c["data.downsample"] == 1}  # fmt: skip
        assert [(k, c.cells, c.arrays) for k, c in found.items()] == [
            (1, 592, 6), (2, 1184, 7), ("free", 1104, 6), ("table", 1104, 6),
        ]  # fmt: skip
        assert found["free"] == found["table"]
        assert found[1].interval < found["free"].interval < found[2].interval  # type: ignore[operator]

    def test_packed(self, tmp_path: Path) -> None:
        sliced = Candidate((*candidate(8, downsample=2).settings, ("quantize.slices", 2)))
        question = toy(tmp_path, *WIDE)
        own, cost = pricer(question)(sliced), pricer(question, arrays=4)(sliced)
        assert (own.arrays, cost.arrays, cost.lower_bound, cost.fits) == (5, 4, 4, True)
        assert words(pricer(question, arrays=3)(sliced)) == ["arrays 4, allowed 3"]

    def test_more_than_a_weight_can_have(self, tmp_path: Path) -> None:
        cost = pricer(toy(tmp_path, *WIDE))(Candidate((*candidate(16).settings, ("quantize.slices", {"fc2": 8}))))
        (found,) = words(cost)
        assert found.startswith("recipe: quantize.slices: layer fc2: ") and "\n" not in found


class TestMisses:
    def test_each_limit_in_its_own_words(self, tmp_path: Path) -> None:
        question = toy(tmp_path, *WIDE)
        cost = pricer(question)(candidate(16))
        assert (cost.arrays, words(cost)) == (10, [])
        assert words(pricer(question, arrays=9)(candidate(16))) == ["arrays 10, allowed 9"]
        for name, got in cost.quantities().items():
            assert got is not None
            assert pricer(question, **{name: got})(candidate(16)).fits
            if name != "arrays":
                less = got - 1 if isinstance(got, int) else got * 0.99
                found = pricer(question, **{name: max(1, less) if isinstance(got, int) else less})(candidate(24, 24))
                assert [m.limit for m in found.misses] == [name]
        found = pricer(question, interval=10, latency=20, energy_nj=0.5, programming_s=0.00125)(candidate(16))
        assert words(found) == [
            f"interval {cost.interval}, allowed 10",
            f"latency {cost.latency}, allowed 20",
            "energy_nj 1.569, allowed 0.5",
            "programming_s 0.02018, allowed 0.00125",
        ]
        assert found.excess == pytest.approx(sum(m.got / m.allowed - 1 for m in found.misses))
        assert words(pricer(question, arrays=1)(candidate(512, 512))) == ["arrays 2,368, allowed 1"]

    def test_a_limit_may_be_a_mean(self) -> None:
        given = Limits.model_validate({"interval": 4.5}).given()
        assert (given, Limits.model_validate({"interval": 4}).given()) == ({"interval": 4.5}, {"interval": 4})
        assert str(Miss("interval", 4.5, 4)) == "interval 4.5, allowed 4"

    def test_a_stream_that_is_not_periodic_does_not_fit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(timing, "LONGEST", 0)
        (found,) = words(pricer(toy(tmp_path, *WIDE))(candidate(16)))
        assert found.startswith("chip tiny: the network's stream is not periodic within 0 images")

    def test_of_limit_and_chip_the_smaller_counts(self, tmp_path: Path) -> None:
        price = pricer(toy(tmp_path, *WIDE), arrays=8)
        assert price(candidate(16, arrays_count=20)).misses[0].allowed == 8
        assert price(candidate(16, arrays_count=6)).misses[0].allowed == 6

    @pytest.mark.parametrize(
        ("memory", "hidden", "expected"),
        [
            ("input_words=3", (8,), "memory.input_words 4, allowed 3"),
            ("steps=2", (8, 8), "memory.steps 3, allowed 2"),
            ("loads=4", (8,), "memory.loads 5, allowed 4"),
            ("tiles=2", (8,), "memory.tiles 3, allowed 2"),
            ("constants=4", (8,), "memory.constants 5, allowed 4"),
        ],
    )
    def test_memories_of_the_chip(self, tmp_path: Path, memory: str, hidden: tuple[int, ...], expected: str) -> None:
        cost = pricer(toy(tmp_path, *WIDE, f"set.chip.memory.{memory}"))(candidate(*hidden))
        assert words(cost) == [expected]
        assert cost.interval is None

    def test_memory_of_activations(self, tmp_path: Path) -> None:
        price = pricer(toy(tmp_path, *WIDE))
        assert price(candidate(64, 64)).activation_words == 8
        cost = price(candidate(80, 80))
        assert words(cost) == [
            "layer fc2: its 80 activations need words 5..9, memory.activation_words is 8; raise it to 10 or narrow the "
            "layer"
        ]
        assert (cost.arrays, cost.fits) == (4 * 10 + 5 * 10 + 5 * 2, False)

    @pytest.mark.parametrize(
        ("key", "value", "expected"),
        [
            (
                "quantize.layers",
                "linear",
                "quantize.layers: the compiler cannot map real weights to a chip yet, got 'linear'",
            ),
            ("quantize.scale", "column", ""),
        ],
    )
    def test_what_no_chip_takes(self, tmp_path: Path, key: str, value: object, expected: str) -> None:
        cost = pricer(toy(tmp_path, *WIDE))(
            Candidate((("network.hidden", (16,)), *candidate().settings[1:], (key, value)))
        )
        assert [m.limit for m in cost.misses] == (["placement"] if expected else [])
        assert "".join(words(cost)) == expected

    def test_impossible_together(self, tmp_path: Path) -> None:
        price = pricer(toy(tmp_path, *WIDE, "set.chip.device.code_bits=6"))
        cost = price(candidate(16, device_levels=8, device_code_bits=1))
        assert [m.limit for m in cost.misses] == ["placement"]
