"""Range trim: nothing clips without calibration, the least mean square error with it, undone in the requantizer."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from codesign.chip.description import Chip
from codesign.chip.device import Device
from codesign.errors import CapacityError
from codesign.fixed import INT32, Ints, IntType, Trim
from codesign.ir import Linear, Network, Requant
from codesign.mapping import layers, outline, place, plan, run
from codesign.mapping.cells import to_levels
from codesign.mapping.trim import SAMPLES
from codesign.mapping.trim import choose_trims as choose
from tests.hdl.programs import U8, images, net
from tests.mapping.sliced import sliced_net

TINY, REFERENCE = Chip.load("tiny"), Chip.load("reference-128")
WIDE = 12  # bits of a converter that no current of TINY (48 at most) can clip


def choose_trims(network: Network, chip: Chip, calibration: Ints | None) -> dict[str, Trim]:
    """Of a network that is not packed."""
    return choose(network, plan(outline(network), chip), calibration)


def with_adc(bits: int, chip: Chip = TINY) -> Chip:
    return chip.model_copy(update={"adc": chip.adc.model_copy(update={"bits": bits})})


def column(weight: list[int], kind: IntType = U8) -> Network:
    """One raw output."""
    w = np.array(weight, np.int32)[:, None]
    requant = Requant(np.ones(1, np.int64), np.zeros(1, np.int64), 0, INT32)
    return Network("column", len(weight), kind, (Linear("fc", "input", w, requant),))


def worst(network: Network) -> Ints:
    """Random inputs, and for every column of fc1 the two that drive most and least current."""
    positive = network.nodes[0].weight.T > 0
    top = network.input.hi
    return np.concatenate([images(300, network, zeros=0.2), positive * top, ~positive * top])


def errors(currents: Ints, bits: int) -> list[float]:
    """Mean square error of each shift, from the contract."""
    lo, hi = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    result = []
    for shift in range(16):
        half = (1 << shift) >> 1
        codes = np.minimum(np.maximum((currents + half) >> shift, lo), hi)
        result.append(float(np.mean(np.square((codes * (1 << shift) - currents).astype(np.float64)))))
    return result


class TestWithoutCalibration:
    @pytest.mark.parametrize("bits", [2, 3, 4, 5, 6])
    @pytest.mark.parametrize("kind", [IntType(8), IntType(4, True), IntType(1)], ids=str)
    @pytest.mark.parametrize("sizes", [[30, 11], [30, 11, 5]], ids=str)
    def test_no_input_clips(self, bits: int, kind: IntType, sizes: list[int]) -> None:
        network = net(sizes, TINY, kind)
        trims = choose_trims(network, with_adc(bits), None)
        x = worst(network)
        narrow, wide = (run(place(network, with_adc(b), trims), x) for b in (bits, WIDE))
        assert (narrow == wide).all()

    @pytest.mark.parametrize("bits", [2, 3, 4, 5])
    def test_one_shift_less_would_clip(self, bits: int) -> None:
        network = net([30, 11], TINY)
        x = worst(network)
        shift = choose_trims(network, with_adc(bits), None)["fc1"].shift
        finer = {"fc1": Trim(1, shift - 1)}
        narrow, wide = (run(place(network, with_adc(b), finer), x) for b in (bits, WIDE))
        assert (narrow != wide).any()

    @pytest.mark.parametrize(
        ("weight", "shift"),
        [
            ([1] * 31, 0),  # 6 bits hold -32..31
            ([1] * 32, 1),
            ([-1] * 32, 0),
            ([-1] * 33, 1),
            ([1] * 31 + [-1] * 32, 0),
            ([1] * 62, 1),  # (62 + 1) >> 1 = 31
            ([1] * 63, 2),
            ([-1] * 65, 1),  # (-65 + 1) >> 1 = -32
            ([-1] * 66, 2),
            ([1] * 128 + [1] * 30, 3),  # 128 rows an array: the larger tile counts
            ([0] * 128 + [1] * 31, 0),
        ],
    )
    def test_binary_columns_by_hand(self, weight: list[int], shift: int) -> None:
        assert choose_trims(column(weight), REFERENCE, None) == {"fc": Trim(1, shift)}

    def test_small_binary_networks_need_no_trim(self) -> None:
        network = net([31, 20, 10], REFERENCE)
        trims = choose_trims(network, REFERENCE, None)
        assert all(t.is_identity for t in trims.values()) and list(trims) == ["fc1", "fc2"]
        x = worst(network)
        mapping = place(network, REFERENCE, trims)
        assert (run(mapping, x) == run(mapping, x, adc=False)).all()

    def test_a_range_that_the_requantizer_cannot_undo(self) -> None:
        """Shift 0 and the largest multiplier leave no shift at all, yet a current of 9 needs one."""
        network = hidden_first(32767, 0)
        with pytest.raises(CapacityError) as caught:
            choose_trims(network, with_adc(2), None)
        assert str(caught.value) == (
            "layer fc1: its currents span -6..9, 2-bit converters hold only -2..1 in units of 1; "
            "give calibration inputs, raise adc.bits or choose a chip with fewer rows"
        )


def hidden_first(mult: int, shift: int) -> Network:
    weight = np.array([[3, -3], [3, -3], [3, 1]], np.int32)
    first = Requant(np.full(2, mult), np.zeros(2, np.int64), shift, IntType(8))
    last = Requant(np.ones(1, np.int64), np.zeros(1, np.int64), 0, INT32)
    nodes = (Linear("fc1", "input", weight, first), Linear("fc2", "fc1", np.ones((2, 1), np.int32), last))
    return Network("net", 3, IntType(4), nodes)


class TestWithCalibration:
    @pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
    @pytest.mark.parametrize("zeros", [0.0, 0.5, 0.95])
    def test_least_mean_square_error_of_every_layer(self, bits: int, zeros: float) -> None:
        chip = with_adc(bits)
        network = net([30, 11, 5], chip)
        x = images(40, network, seed=bits, zeros=zeros)
        trims = choose_trims(network, chip, x)
        edges = {"input": x} | layers(place(network, chip, trims), x)
        for node in network.nodes:
            kind = network.type_of(node.source)
            currents = [
                ((edges[node.source][:, r : r + n] >> b) & 1) @ node.weight[r : r + n]
                for r, n in [(r, min(16, node.inputs - r)) for r in range(0, node.inputs, 16)]
                for b in range(kind.bits)
            ]
            expected = errors(np.stack(currents), bits)
            assert trims[node.name] == Trim(1, int(np.argmin(expected)))

    def test_the_error_may_rise_before_it_falls(self) -> None:
        """Eight currents of 4 and one of 16, codes -2..1: shift 3 is worse than 2, and 4 better than both."""
        x = np.zeros((9, 16), np.int64)
        x[:8, :4] = x[8] = 1
        expected = errors(x.sum(axis=1), 2)[:5]
        assert [e * 9 for e in expected] == [8 * 9 + 225, 8 * 4 + 196, 144, 8 * 16 + 64, 8 * 16]
        assert choose_trims(column([1] * 16, IntType(1)), with_adc(2), x) == {"fc": Trim(1, 4)}

    def test_later_layers_see_what_trimmed_ones_give(self) -> None:
        """Codes -4..3 in steps of 16 give fc1's outputs as 48 and 0; in steps of 1 they would clip to 3 and 3."""
        first = np.zeros((16, 2), np.int32)
        first[:, 0] = first[0, 1] = 3
        through = Requant(np.ones(2, np.int64), np.zeros(2, np.int64), 0, IntType(8))
        last = column([3, 3]).nodes[0]
        nodes = (Linear("fc1", "input", first, through), replace(last, name="fc2", source="fc1"))
        trims = choose_trims(Network("net", 16, IntType(1), nodes), with_adc(3), np.ones((1, 16), np.int64))
        assert trims == {"fc1": Trim(1, 4), "fc2": Trim(1, 0)}

    def test_each_layer_that_another_reads_is_placed_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Cells are what costs time: laying all layers out for each of them is quadratic in their number."""
        placed: list[str] = []

        def spy(weight: Ints, device: Device, where: str) -> NDArray[np.uint8]:
            placed.append(where)
            return to_levels(weight, device, where)

        monkeypatch.setattr(sys.modules["codesign.mapping.place"], "to_levels", spy)
        network = net([30, 11, 8, 5], TINY)
        choose_trims(network, with_adc(4), images(40, network))
        assert placed == ["fc1", "fc2"]

    def test_the_finest_of_equals(self) -> None:
        assert choose_trims(column([1] * 40), TINY, np.zeros((1, 40), np.int64)) == {"fc": Trim(1, 0)}

    def test_only_the_first_samples_count(self) -> None:
        network = column([3] * 16)
        x = np.zeros((SAMPLES + 9, 16), np.int64)
        x[SAMPLES:] = 255
        assert choose_trims(network, with_adc(3), x) == {"fc": Trim(1, 0)}
        x[SAMPLES - 1] = 255
        assert choose_trims(network, with_adc(3), x)["fc"].shift > 0

    def test_finer_than_without_when_inputs_are_small(self) -> None:
        """A converter ranged for 48 would round away the currents of 3 that really come."""
        network = column([3] * 16)
        x = np.zeros((8, 16), np.int64)
        x[:, 0] = 255
        assert choose_trims(network, with_adc(3), None) == {"fc": Trim(1, 4)}
        assert choose_trims(network, with_adc(3), x) == {"fc": Trim(1, 0)}

    def test_never_coarser_than_the_requantizer_can_undo(self) -> None:
        x = np.full((4, 3), 15)
        for mult, shift, coarsest in ((32767, 0, 0), (16384, 0, 0), (16383, 0, 1), (32767, 2, 2), (1, 0, 3)):
            network = hidden_first(mult, shift)
            trims = choose_trims(network, with_adc(2), x)
            assert trims["fc1"] == Trim(1, coarsest)
            place(network, with_adc(2), trims)

    def test_the_multiplier_of_the_highest_slice_counts(self) -> None:
        x = np.full((4, 3), 15)
        for mult, shift, coarsest in ((8191, 0, 0), (4095, 0, 1)):
            network = hidden_first(mult, shift)
            sliced = replace(network, nodes=(replace(network.nodes[0], slices=2), *network.nodes[1:]))
            trims = choose_trims(sliced, with_adc(2), x)
            assert trims["fc1"] == Trim(1, coarsest)
            place(sliced, with_adc(2), trims)


class TestOwn:
    """A layer that was trained with a trim keeps it."""

    def own(self, trim: Trim, at: int = 0) -> Network:
        network = net([30, 11, 5], TINY)
        nodes = list(network.nodes)
        nodes[at] = replace(nodes[at], trim=trim)
        return replace(network, nodes=tuple(nodes))

    @pytest.mark.parametrize("calibrated", [False, True])
    @pytest.mark.parametrize("trim", [Trim(), Trim(1, 5), Trim(3, 4)])
    def test_is_kept(self, trim: Trim, calibrated: bool) -> None:
        network = self.own(trim)
        x = images(40, network) if calibrated else None
        trims = choose_trims(network, with_adc(4), x)
        assert list(trims) == ["fc1", "fc2"] and trims["fc1"] is trim
        assert trims != choose_trims(net([30, 11, 5], TINY), with_adc(4), x)  # or the test could not fail

    def test_later_layers_are_ranged_behind_it(self) -> None:
        """Codes up to 3: steps of 16 give fc1's outputs as 48 and 0, currents of 3; steps of 1 as 3 and 3, of 6."""
        first = np.zeros((16, 2), np.int32)
        first[:, 0] = first[0, 1] = 3
        through = Requant(np.ones(2, np.int64), np.zeros(2, np.int64), 0, IntType(8))
        last = replace(column([3, 3]).nodes[0], name="fc2", source="fc1")
        for own, behind in ((Trim(1, 4), Trim(1, 0)), (Trim(1, 0), Trim(1, 1))):
            network = Network("net", 16, IntType(1), (Linear("fc1", "input", first, through, own), last))
            assert choose_trims(network, with_adc(3), np.ones((1, 16), np.int64))["fc2"] == behind

    def test_of_the_last_layer(self) -> None:
        assert choose_trims(self.own(Trim(1, 3), at=1), TINY, None)["fc2"] == Trim(1, 3)

    @pytest.mark.parametrize("calibrated", [False, True])
    def test_that_cannot_be_undone(self, calibrated: bool) -> None:
        network = self.own(Trim(1, 15), at=1)
        with pytest.raises(CapacityError) as caught:
            choose_trims(network, TINY, images(4, network) if calibrated else None)
        assert str(caught.value) == (
            "layer fc2: range trim Trim(gain=1, shift=15) overflows the 16-bit multiplier; choose a smaller trim"
        )


class TestPlaced:
    @pytest.mark.parametrize("shift", range(1, 6))
    @pytest.mark.parametrize("kind", [IntType(8), IntType(5, True)], ids=str)
    def test_raw_outputs_within_the_rounding_of_the_converters(self, shift: int, kind: IntType) -> None:
        """Each of two row tiles and each plane of weight 2^b is off by half a step of 2^shift at most."""
        network = net([30, 5], TINY, kind)
        mapping = place(network, with_adc(WIDE), {"fc1": Trim(1, shift)})
        step = mapping.steps[0]
        assert (step.mult == 1 << shift).all() and step.shift == 0
        assert (step.bias == network.nodes[0].requant.bias).all()
        x = worst(network) if not kind.signed else images(300, network)
        off = np.abs(run(mapping, x) - run(mapping, x, adc=False))
        assert 0 < off.max() <= 2 * ((1 << kind.bits) - 1) * (1 << (shift - 1))

    @pytest.mark.parametrize("shift", range(1, 6))
    def test_hidden_outputs_within_the_rounding_of_the_converters(self, shift: int) -> None:
        network = net([30, 11, 5], TINY)
        mapping = place(network, with_adc(WIDE), {"fc1": Trim(1, shift)})
        q = network.nodes[0].requant
        x = worst(network)
        off = np.abs(layers(mapping, x)["fc1"] - layers(mapping, x, adc=False)["fc1"]).max(axis=0)
        sums = 2 * 255 * (1 << (shift - 1))  # what the accumulator can be off
        assert off.any() and (off <= np.ceil(sums * q.mult / 2**q.shift) + 1).all()

    def test_a_shift_of_half_the_least_current_costs_nothing(self) -> None:
        """Currents that are multiples of the step come out exact."""
        network = net([30, 5], TINY)
        node = network.nodes[0]
        network = replace(network, nodes=(replace(node, weight=np.sign(node.weight) * 2),))
        mapping = place(network, TINY, {"fc1": Trim(1, 1)})
        x = worst(network)
        assert (run(mapping, x) == run(mapping, x, adc=False)).all()


class TestPieces:
    """What converters see are the pieces of a plan: the same layer lies elsewhere, and another range is right."""

    def chosen(self, wordline: int, x: Ints | None) -> dict[str, Trim]:
        network = column([3] * 16 + [0] * 8, IntType(1))
        return choose(network, plan(outline(network), with_adc(4), spots={"fc": ((wordline, 0),)}), x)

    def test_without_calibration(self) -> None:
        """Sixteen weights of 3 in one array are 48, 8 of them 24; codes reach 7."""
        assert self.chosen(0, None) == {"fc": Trim(1, 3)}  # (48 + 4) >> 3 = 6
        assert self.chosen(8, None) == {"fc": Trim(1, 2)}  # (24 + 2) >> 2 = 6

    def test_with_calibration(self) -> None:
        x = np.ones((1, 24), np.int64)
        assert self.chosen(0, x) == {"fc": Trim(1, 3)} and self.chosen(8, x) == {"fc": Trim(1, 2)}

    def test_every_slice_counts(self) -> None:
        """Weights of 12 = 3 * 4 + 0 are 0 in the lower slice: the upper one decides."""
        node = column([12] * 16, IntType(1)).nodes[0]
        network = Network("column", 16, IntType(1), (replace(node, slices=2),))
        assert choose_trims(network, with_adc(4), None) == {"fc": Trim(1, 3)}
        assert choose_trims(network, with_adc(4), np.ones((1, 16), np.int64)) == {"fc": Trim(1, 3)}

    @pytest.mark.parametrize("seed", range(4))
    def test_packed_no_input_clips(self, seed: int) -> None:
        sizes, slices = [20, 4, 9, 3], (2, 1, 1)
        wide, narrow = with_adc(WIDE), with_adc(3)
        network = sliced_net(sizes, slices, wide, seed)
        spots = {"fc1": ((5, 0),), "fc2": ((25, 0), (0, 0)), "fc3": ((29, 1),)}
        trims = choose(network, plan(outline(network), narrow, spots=spots), None)
        x = worst(network)
        found = [run(place(network, chip, trims, spots=spots), x) for chip in (narrow, wide)]
        assert (found[0] == found[1]).all() and len(np.unique(found[0])) > 10
