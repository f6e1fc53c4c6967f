"""The integer contract, against values worked out by hand."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codesign import fixed
from codesign.errors import CapacityError, CodesignError, InputError
from codesign.fixed import IntType, Trim

U4, I4 = IntType(4), IntType(4, signed=True)


def message(call: object, *args: object, kind: type[CodesignError] = InputError) -> str:
    with pytest.raises(kind) as caught:
        call(*args)  # type: ignore[operator]
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "lo", "hi", "text"),
    [
        (U4, 0, 15, "u4"),
        (I4, -8, 7, "i4"),
        (IntType(1), 0, 1, "u1"),
        (IntType(1, True), -1, 0, "i1"),
        (fixed.INT32, -2147483648, 2147483647, "i32"),
    ],
)
def test_ranges(kind: IntType, lo: int, hi: int, text: str) -> None:
    assert (kind.lo, kind.hi, str(kind)) == (lo, hi, text)
    assert kind.holds([lo, hi])
    assert not kind.holds([lo - 1])
    assert not kind.holds([hi + 1])
    assert kind.holds([])


def test_a_type_has_1_to_64_bits() -> None:
    assert message(IntType, 0) == "integer type: bits must be 1..64, got 0"
    assert message(IntType, 65) == "integer type: bits must be 1..64, got 65"


def test_a_range_inside_a_type() -> None:
    kind = IntType(2, True, (-1, 1))
    assert (kind.bits, kind.signed, kind.lo, kind.hi, kind.limits) == (2, True, -1, 1, (-2, 1))
    assert str(kind) == "i2[-1..1]" and str(IntType(8, within=(3, 3))) == "u8[3..3]"
    assert kind.holds([-1, 0, 1]) and not kind.holds([-2]) and not kind.holds([2])
    assert fixed.clamp([-9, -2, -1, 0, 1, 2], kind).tolist() == [-1, -1, -1, 0, 1, 1]
    assert fixed.clamp([-9, 9], IntType(4, True, (-5, -3))).tolist() == [-5, -3]
    assert fixed.requantize([-100, 100], [3, 3], [7, 7], 4, IntType(8, True, (-4, 9))).tolist() == [-4, 9]
    assert fixed.requantize_sum([-5, 5], [3, 3], [0, 0], [1, 1], [0, 0], 0, kind).tolist() == [-1, 1]


def test_a_range_of_all_that_the_bits_hold_is_the_type() -> None:
    assert IntType(2, True, (-2, 1)) == IntType(2, True) and hash(IntType(2, True, (-2, 1))) == hash(IntType(2, True))
    assert str(IntType(3, within=(0, 7))) == "u3"
    assert IntType(32, True, (-5, 5)) != fixed.INT32
    assert IntType(2, True, (-1, 1)) != IntType(2, True)


@pytest.mark.parametrize(
    ("kind", "came"),
    [
        ((2, True, (1, -1)), "range of i2 must be integers lo..hi, lo <= hi, in -2..1, got 1..-1"),
        ((2, True, (-3, 1)), "range of i2 must be integers lo..hi, lo <= hi, in -2..1, got -3..1"),
        ((4, False, (0, 16)), "range of u4 must be integers lo..hi, lo <= hi, in 0..15, got 0..16"),
        ((4, False, (-1, 3)), "range of u4 must be integers lo..hi, lo <= hi, in 0..15, got -1..3"),
        ((4, False, (0, 1.0)), "range of u4 must be integers lo..hi, lo <= hi, in 0..15, got 0..1.0"),
        ((4, False, (False, 3)), "range of u4 must be integers lo..hi, lo <= hi, in 0..15, got False..3"),
        ((4, False, (1,)), "range of u4 must be integers lo..hi, lo <= hi, in 0..15, got (1,)"),
        ((4, False, [0, 1]), "range of u4 must be integers lo..hi, lo <= hi, in 0..15, got [0, 1]"),
    ],
)
def test_a_range_outside_its_type_is_refused(kind: tuple[object, ...], came: str) -> None:
    assert message(IntType, *kind) == f"integer type: {came}"


@pytest.mark.parametrize(
    ("value", "shift", "expected"),
    [
        (7, 0, 7),
        (-7, 0, -7),
        (5, 1, 3),  # 2.5: halves go up
        (-5, 1, -2),  # -2.5: up, too
        (1, 2, 0),
        (2, 2, 1),  # 0.5
        (-2, 2, 0),  # -0.5
        (-3, 2, -1),  # -0.75
        (-6, 2, -1),  # -1.5
        (100, 5, 3),  # 3.125
    ],
)
def test_shift_right(value: int, shift: int, expected: int) -> None:
    assert fixed.shift_right([value], shift).tolist() == [expected]


@pytest.mark.parametrize("step", [1.0, 0.25, 3.0])
def test_quantize_takes_the_nearest_integer_halves_up(step: float) -> None:
    reals = np.array([-100.0, -8.5, -2.5, -0.51, -0.5, 0.49, 0.5, 6.5, 9e99, -np.inf])
    assert fixed.quantize(reals * step, step, I4).tolist() == [-8, -8, -2, -1, 0, 0, 1, 7, 7, -8]
    assert fixed.quantize([1e308, -1e308], 1e-9, I4).tolist() == [7, -8], "beyond every number"
    assert fixed.quantize([0.0, 15.5, 3.5], 1.0, U4).tolist() == [0, 15, 4]
    assert fixed.quantize(np.float32([0.1]), 0.1, U4).dtype == np.int64


def test_clamp() -> None:
    assert fixed.clamp([-100, -8, -1, 0, 7, 8], I4).tolist() == [-8, -8, -1, 0, 7, 7]
    assert fixed.clamp([-1, 0, 15, 16], U4).tolist() == [0, 0, 15, 15]


def test_bit_planes_unsigned() -> None:
    assert fixed.bit_planes([10, 1], U4).tolist() == [[1, 0], [0, 0], [1, 0], [0, 1]]
    assert fixed.plane_weights(U4).tolist() == [8, 4, 2, 1]


def test_bit_planes_signed() -> None:
    assert fixed.bit_planes([-3, 7], I4).tolist() == [[1, 0], [1, 1], [0, 1], [1, 1]]  # 1101, 0111
    assert fixed.plane_weights(I4).tolist() == [-8, 4, 2, 1]


@given(st.integers(1, 8), st.booleans(), st.data())
def test_planes_add_up_to_the_value(bits: int, signed: bool, data: st.DataObject) -> None:
    kind = IntType(bits, signed)
    x = data.draw(st.integers(kind.lo, kind.hi))
    planes = fixed.bit_planes([x], kind)
    assert planes.shape == (bits, 1)
    assert int((planes[:, 0].astype(int) * fixed.plane_weights(kind)).sum()) == x


def test_convert() -> None:
    # (5*3 + 1 + 2) >> 2 = 18 >> 2 = 4; a 3-bit code ends at 3
    assert fixed.convert([5], Trim(3, 2), [1], IntType(4, True)).tolist() == [4]
    assert fixed.convert([5], Trim(3, 2), [1], IntType(3, True)).tolist() == [3]
    assert fixed.convert([-9, 9], Trim(), [0, 0], I4).tolist() == [-8, 7]


@pytest.mark.parametrize("fraction", [0, 4, 8])
@pytest.mark.parametrize("trim", [Trim(), Trim(1, 3), Trim(7, 0), Trim(255, 15), Trim(181, 9)])
def test_columns_convert_as_single_currents(trim: Trim, fraction: int) -> None:
    """The product of floats gives the contract's codes: rounding ties, both ends, sums that float32 cannot hold."""
    rng, adc = np.random.default_rng([fraction, trim.gain, trim.shift]), IntType(6, True)
    code = max(1, (1 << fraction + trim.shift) // trim.gain)  # a current of about one code
    weight, offset = rng.integers(-5 * code, 5 * code + 1, (96, 40)), rng.integers(-40, 41, 40)
    planes = (rng.random((200, 96)) < 0.3).astype(np.float32)
    planes[0], planes[1] = 0, 1
    columns = fixed.Columns.of(weight, trim, offset, adc, fraction)
    want = fixed.convert(planes.astype(np.int64) @ weight, trim, offset, adc, fraction)
    assert {-32, 31} < set(want.ravel().tolist())
    assert (columns.codes(planes) == want).all()


def test_columns_take_the_narrowest_floats_that_hold_their_sums() -> None:
    for most, kind in ((2**24 - 1, np.float32), (2**24, np.float64)):
        weight = np.array([[most - 6], [1], [2]])
        columns = fixed.Columns.of(weight, Trim(), 3, IntType(6, True))
        assert columns.weight.dtype == kind


@pytest.mark.parametrize(("gain", "shift"), [(0, 0), (256, 0), (1, -1), (1, 16)])
def test_trim_range(gain: int, shift: int) -> None:
    assert message(Trim, gain, shift) == f"ADC trim: gain must be 1..255 and shift 0..15, got {gain} and {shift}"


def test_trim_identity() -> None:
    assert Trim().is_identity
    assert not Trim(2, 1).is_identity  # rounds and scales by 1, but is not the same function


def test_requantize() -> None:
    # (100*3 + 7 + 8) >> 4 = 315 >> 4 = 19;  (-300 + 15) >> 4 = -18
    acc, mult, bias = [100, -100], [3, 3], [7, 7]
    assert fixed.requantize(acc, mult, bias, 4, IntType(8, True)).tolist() == [19, -18]
    assert fixed.requantize(acc, mult, bias, 4, U4).tolist() == [15, 0]


def test_requantize_sum() -> None:
    # (5*3 + -2*4 + 1 + 2) >> 2 = 10 >> 2 = 2;  (-5*3 + 2*4 + 1 + 2) >> 2 = -4 >> 2 = -1
    a, b = [5, -5], [-2, 2]
    assert fixed.requantize_sum(a, [3, 3], b, [4, 4], [1, 1], 2, I4).tolist() == [2, -1]
    assert fixed.requantize_sum(a, [3, 3], b, [4, 4], [1, 1], 2, U4).tolist() == [2, 0]
    assert fixed.requantize_sum(a, [3, 3], b, [0, 0], [1, 1], 2, I4).tolist() == [
        *fixed.requantize(a, [3, 3], [1, 1], 2, I4)
    ]


def test_trimmed() -> None:
    m, b = np.array([3, -5]), np.array([100, -6])

    def constants(shift: int, trim: Trim) -> tuple[list[int], list[int], int]:
        mult, bias, left = fixed.trimmed(m, b, shift, trim, "fc1")
        return mult.tolist(), bias.tolist(), left

    assert constants(4, Trim()) == ([3, -5], [100, -6], 4)
    assert constants(4, Trim(1, 2)) == ([3, -5], [25, -1], 2)  # (-6 + 2) >> 2
    assert constants(1, Trim(1, 2)) == ([12, -20], [100, -6], 1)  # no shift to give
    assert constants(4, Trim(3, 2)) == ([4, -7], [100, -6], 4)  # 4 / 3 of each


def test_trimmed_keeps_room_for_slices() -> None:
    """The highest slice's multiplier is `reserve` times the lowest's: both fit 16 bits."""
    m, b = np.array([4000, -7]), np.array([100, -6])
    assert fixed.trimmed(m, b, 4, Trim(3, 3), "fc1")[0].tolist() == [10667, -19]
    assert fixed.trimmed(m, b, 4, Trim(3, 3), "fc1", 4)[0].tolist() == [5333, -9]  # 4 * 10667 is too much
    raw, none = np.array([1]), np.array([0])
    assert fixed.trimmed(raw, none, 0, Trim(1, 12), "fc2", 4)[0].tolist() == [4096]
    assert message(fixed.trimmed, raw, none, 0, Trim(1, 13), "fc2", 4, kind=CapacityError) == (
        "layer fc2: range trim Trim(gain=1, shift=13) overflows the 16-bit multiplier of its highest slice; choose a "
        "smaller trim"
    )
    for trim in (Trim(), Trim(1, 2)):
        assert fixed.trimmed(m, b, 4, trim, "fc1", 8)[0].tolist() == [4000, -7]
        assert message(fixed.trimmed, -m, b, 4, trim, "fc1", 9, kind=CapacityError) == (
            "layer fc1: multiplier -4000 times 9, for its highest slice, exceeds 16 bits; train it with these slices, "
            "or use fewer"
        )


def test_trimmed_beside_a_term_that_no_converter_reads() -> None:
    """Its multipliers follow the shift, so the range goes into those of the codes."""
    m, b, second = np.array([3, -5]), np.array([100, -6]), np.array([300, -7])

    def constants(
        m: np.ndarray, shift: int, trim: Trim, reserve: int = 1
    ) -> tuple[list[int], list[int], list[int], int]:
        other, mult, bias, left = fixed.trimmed_sum(m, second, b, shift, trim, "add", reserve)
        assert other is not None
        return other.tolist(), mult.tolist(), bias.tolist(), left

    assert constants(m, 4, Trim()) == ([300, -7], [3, -5], [100, -6], 4)
    assert constants(m, 4, Trim(1, 2)) == ([300, -7], [12, -20], [100, -6], 4)  # alone: the shift would be 2
    assert constants(m, 4, Trim(3, 2)) == ([300, -7], [4, -7], [100, -6], 4)
    large = np.array([20000, -5])
    # 80000 needs two bits less; all of it is a fourth: 75, -7 / 4 = -1.75, 25, (-6 + 2) >> 2.
    assert constants(large, 4, Trim(1, 2)) == ([75, -2], [20000, -5], [25, -1], 2)
    assert constants(large, 4, Trim(1, 3)) == ([38, -1], [20000, -5], [13, -1], 1)  # 37.5 and 12.5: halves up
    assert constants(large // 4, 4, Trim(1, 2), 4) == ([75, -2], [5000, -2], [25, -1], 2), "room for slices"
    assert message(constants, large, 1, Trim(1, 2), kind=CapacityError) == (
        "layer add: range trim Trim(gain=1, shift=2) overflows the 16-bit multiplier; choose a smaller trim"
    )
    second = np.array([300, -1])  # (-1 + 2) >> 2
    assert message(constants, large, 4, Trim(1, 2), kind=CapacityError) == (
        "layer add: range trim Trim(gain=1, shift=2) leaves a multiplier of 0, which makes an output constant; "
        "choose a smaller gain or a larger shift"
    )


@given(
    st.integers(-32768, 32767),
    st.integers(-32768, 32767),
    st.integers(0, 31),
    st.integers(1, 255),
    st.integers(0, 15),
)
def test_a_trimmed_sum_keeps_the_scales_of_both_terms(mult: int, other: int, shift: int, gain: int, by: int) -> None:
    """As real numbers: within half a unit of each multiplier, for the one shift that is left."""
    trim = Trim(gain, by)
    try:
        second, first, bias, left = fixed.trimmed_sum(
            np.array([mult]), np.array([other]), np.array([1 << 20]), shift, trim, "add"
        )
    except CapacityError:
        return
    assert second is not None and IntType(16, True).holds(first) and IntType(16, True).holds(second)
    assert abs(int(first[0]) / 2**left - mult * 2**by / gain / 2**shift) <= 0.5 / 2**left
    assert abs(int(second[0]) / 2**left - other / 2**shift) <= 0.5 / 2**left
    assert abs(int(bias[0]) / 2**left - 2**20 / 2**shift) <= 0.5 / 2**left


@pytest.mark.parametrize(
    ("scale", "bias", "expected"),
    [
        ([0.5], [0.0], ([16384], [0], 15)),  # 2^16 / 2 would be 32768, one too many for 16 bits
        ([1 / 3], [0.25], ([21845], [16384], 16)),  # 65536 / 3 = 21845.33
        ([1 / 3, -0.001], [0.0, 0.0], ([21845, -66], [0, 0], 16)),  # one shift for all; 65.536
        ([1e-9], [0.0], ([2], [0], 31)),  # 2147483648e-9 = 2.147
        ([0.5], [2.0**20], ([512], [2**30], 10)),  # the bias limits the shift
        ([32767.0], [0.0], ([32767], [0], 0)),
    ],
)
def test_requant_constants(scale: list[float], bias: list[float], expected: tuple[list[int], list[int], int]) -> None:
    mult, add, shift = fixed.requant_constants(scale, bias)
    assert (mult.tolist(), add.tolist(), shift) == expected


@given(st.floats(1e-6, 30000), st.floats(-1000, 1000))
def test_requant_constants_keep_every_bit_there_is(scale: float, bias: float) -> None:
    mult, add, shift = fixed.requant_constants([scale], [bias])
    assert abs(int(mult[0]) - scale * 2**shift) <= 0.5
    assert abs(int(add[0]) - bias * 2**shift) <= 0.5
    twice = shift == 31 or round(scale * 2 ** (shift + 1)) > 32767 or abs(round(bias * 2 ** (shift + 1))) > 2**31 - 1
    assert twice  # a larger shift would overflow


@given(st.floats(1e-6, 100), st.floats(-1000, 1000), st.sampled_from([1, 2, 4, 9, 128]))
def test_requant_constants_keep_room_for_slices(scale: float, bias: float, reserve: int) -> None:
    """And no more than that: twice the constants would not fit."""
    mult, add, shift = fixed.requant_constants([scale, -scale / 3], bias, "fc1", reserve)
    assert abs(mult * reserve).max() <= 32767
    assert abs(int(mult[0]) - scale * 2**shift) <= 0.5 and abs(int(add[0]) - bias * 2**shift) <= 0.5
    twice = round(scale * 2 ** (shift + 1)) * reserve > 32767 or abs(round(bias * 2 ** (shift + 1))) > 2**31 - 1
    assert shift == 31 or twice


def test_requant_constants_keep_room_in_some_columns() -> None:
    """For a slice of significance 16 in the first; the second column takes its whole register."""
    mult, _, shift = fixed.requant_constants([1 / 64, 1.9], 0.0, "sum", [16, 1])
    assert (mult.tolist(), shift) == ([256, 31130], 14)
    mult, _, shift = fixed.requant_constants([0.5, 1.9], 0.0, "sum", [16, 1])
    assert (mult.tolist(), shift) == ([1024, 3891], 11)
    assert message(fixed.requant_constants, [9000.0, 1.0], 0.0, "sum", [4, 1]) == (
        "sum: 4 (of its highest slice) times scale 36000 needs 17 bits, its register has 16; rescale the layer"
    )


def test_requant_constants_refuse() -> None:
    assert message(fixed.requant_constants, [3.0, 9000.0], 0.0, "layer fc1", 4) == (
        "layer fc1: 4 (of its highest slice) times scale 36000 needs 17 bits, its register has 16; rescale the layer"
    )
    assert message(fixed.requant_constants, [np.nan], [0.0]) == (
        "requantizer: scale and bias must be finite, got NaN or infinity; check the layer's weights"
    )
    assert message(fixed.requant_constants, [40000.0], [0.0]) == (
        "requantizer: scale 40000 needs 17 bits, its register has 16; rescale the layer"
    )
    assert message(fixed.requant_constants, [40000.0], [-3e9]) == (
        "requantizer: scale 40000 needs 17 bits, its register has 16 and bias 3e+09 needs 33 bits, its register has "
        "32; rescale the layer"
    )


def test_pack_fields() -> None:
    assert fixed.pack_fields([1, 2, 3], 4) == 0x321
    assert fixed.pack_fields([-1, 0, -4], 3) == 0b100_000_111
    assert fixed.unpack_fields(0x321, 4, 3) == [1, 2, 3]
    assert fixed.unpack_fields(0b100_000_111, 3, 3, signed=True) == [-1, 0, -4]


@given(st.integers(1, 40), st.booleans(), st.data())
def test_unpack_undoes_pack(width: int, signed: bool, data: st.DataObject) -> None:
    kind = IntType(width, signed)
    values = data.draw(st.lists(st.integers(kind.lo, kind.hi), max_size=9))
    assert fixed.unpack_fields(fixed.pack_fields(values, width), width, len(values), signed) == values


def test_words_of() -> None:
    assert fixed.words_of(0x1_89ABCDEF, 3) == [0x89ABCDEF, 1, 0]


def test_crc32_check_value() -> None:
    # The published check of CRC-32: "123456789" gives CBF43926. Eight of its bytes are two words.
    words = [int.from_bytes(b"1234", "little"), int.from_bytes(b"5678", "little")]
    assert fixed.crc32(words) == 0x9AE0DAAF
    assert zlib.crc32(b"9", fixed.crc32(words)) == 0xCBF43926
    assert fixed.crc32(words[1:], fixed.crc32(words[:1])) == 0x9AE0DAAF
    assert fixed.crc32([]) == 0


@pytest.mark.parametrize(("value", "bits"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (1024, 10), (1025, 11)])
def test_clog2(value: int, bits: int) -> None:
    assert fixed.clog2(value) == bits


def test_lane_values() -> None:
    """Lanes 5, -8 and -1 of 4 bits, plane by plane from bit 0; a further plane of the memory is ignored."""
    word = 0b101 | 0b100 << 3 | 0b101 << 6 | 0b110 << 9 | 0b111 << 12
    assert fixed.lane_values(word, 3, fixed.IntType(4, signed=True)) == [5, -8, -1]
    assert fixed.lane_values(word, 3, fixed.IntType(4)) == [5, 8, 15]
    narrow = fixed.IntType(4, signed=True, within=(-8, -1))  # the range does not say how bits are read
    assert fixed.lane_values(word, 3, narrow) == [5, -8, -1]


def test_a_mean_is_an_int_where_it_is_whole() -> None:
    whole, half = fixed.mean(12, 4), fixed.mean(9, 2)
    assert (whole, type(whole), half) == (3, int, 4.5)
