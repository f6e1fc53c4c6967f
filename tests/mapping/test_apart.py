"""Networks drawn without a layout: the same cells as on a chip where every block has arrays of its own."""

from dataclasses import replace

import numpy as np
import pytest

from codesign import ir
from codesign.chip.description import Chip
from codesign.chip.device import Device
from codesign.devices import Cells
from codesign.errors import InputError
from codesign.fixed import INT32
from codesign.ir import Conv, Linear, Network, Requant
from codesign.mapping import Die, place, run
from codesign.mapping.apart import apart
from tests.hdl.programs import U8, images, net
from tests.ir.networks import conv, raw, residual

DEVICE = Device(levels=4, code_bits=8)
REAL = Cells(variation=0.1, stuck_on=0.02, stuck_off=0.02, wire=1e-3)


def chip_of(rows: int = 16, columns: int = 16, lanes: int = 4, count: int = 40, device: Device = DEVICE) -> Chip:
    return Chip.model_validate(
        {
            "name": "some",
            "arrays": {"count": count, "rows": rows, "columns": columns},
            "device": device.model_dump(),
            "adc": {"bits": 12, "lanes": lanes},
            "memory": {"word": 64, "activation_words": 64},
        }
    )


def sliced(network: Network, chip: Chip, slices: int) -> Network:
    """The same network with weights that take so many pairs of cells."""
    rng = np.random.default_rng(slices)
    nodes = []
    for n in network.nodes:
        assert isinstance(n, Linear)
        digits = rng.choice(chip.device.weights, (slices, *n.weight.shape))
        weight = sum(chip.device.levels**s * d for s, d in enumerate(digits))
        requant = replace(n.requant, mult=np.maximum(n.requant.mult >> 4 * (slices - 1), 1))
        nodes.append(replace(n, weight=np.asarray(weight, np.int32), slices=slices, requant=requant))
    return replace(network, nodes=tuple(nodes))


def layer(inputs: int, outputs: int, weight: np.ndarray | int = 0, slices: int = 1) -> Linear:
    requant = Requant(np.ones(outputs, np.int64), np.zeros(outputs, np.int64), 0, INT32)
    return Linear("fc", "input", np.full((inputs, outputs), weight, np.int32), requant, slices=slices)


def held(node: Linear | Conv, chip: Chip, cells: Cells, seed: int = 0) -> np.ndarray:
    """A layer's matrix on a die, if it is the first of its network."""
    drawn = apart(Network("one", node.inputs, U8, (node,)), chip, cells, seed).nodes[0]
    assert isinstance(drawn, Linear | Conv)
    return drawn.matrix


@pytest.mark.parametrize("slices", [1, 2])
@pytest.mark.parametrize(
    "chip",
    [chip_of(), chip_of(11, 20, 3, 80), chip_of(64, 64, 8), chip_of(16, 14, 4, 90)],
    ids=["tiny", "odd", "large", "short group"],
)
@pytest.mark.parametrize("sizes", [[20, 10, 5], [33, 17, 21, 9]], ids=str)
def test_as_on_a_chip_where_every_block_has_its_own_arrays(sizes: list[int], chip: Chip, slices: int) -> None:
    network = sliced(net(sizes, chip), chip, slices)
    mapping = place(network, chip)
    x = images(20, network)
    assert len(mapping.arrays) >= len(mapping.steps)
    for seed in (3, (1, 4)):
        expected = run(mapping, x, Die.draw(mapping, REAL, seed), adc=False)
        assert (ir.run(apart(network, chip, REAL, seed), x) == expected).all()
        assert (expected != network.run(x)).any()
    few = Chip.model_validate(chip.model_dump() | {"arrays": chip.arrays.model_dump() | {"count": 1}})
    assert (ir.run(apart(network, few, REAL, (1, 4)), x) == expected).all(), "in as many arrays as it takes"


def test_packed_into_few_arrays_a_network_meets_other_cells() -> None:
    chip = chip_of()
    network = net([20, 10, 5], chip)
    x, packed = images(20, network), place(network, chip, objective="arrays")
    assert len(packed.arrays) < 5
    assert (run(packed, x, Die.draw(packed, REAL, 3), adc=False) != ir.run(apart(network, chip, REAL, 3), x)).any()


def test_a_convolution_is_drawn_as_the_linear_layer_of_its_matrix() -> None:
    """After another one: the arrays of layers follow each other."""
    chip = chip_of()
    first = conv("one", "input", (10, 3, 2, 2), raw(10))
    second = conv("two", "one", (9, 5, 2, 2), raw(9), seed=1, groups=2)
    first, second = (
        n.holding(np.random.default_rng(k).choice(chip.device.weights, n.matrix.shape))
        for k, n in enumerate((first, second))
    )
    network = Network("pictures", 3 * 6 * 6, U8, (first, second), shape=(3, 6, 6))
    drawn = apart(network, chip, REAL, 2)
    flat = [replace(layer(len(n.matrix), n.outputs, n.matrix), name=n.name, source=n.source) for n in (first, second)]
    linear = apart(replace(network, nodes=tuple(flat)), chip, REAL, 2)
    for n, same, ideal in zip(drawn.nodes, linear.nodes, (first, second), strict=True):
        assert isinstance(n, Conv) and isinstance(same, Linear)
        assert (n.matrix == same.matrix).all() and (n.matrix != ideal.matrix).mean() > 0.5
        assert (n.window, n.requant) == (ideal.window, ideal.requant)


def test_what_has_no_cells_stays() -> None:
    network = residual()
    chip = chip_of(device=Device(levels=8, code_bits=3))
    drawn = apart(network, chip, Cells(), 0)
    assert [n.name for n in drawn.nodes] == [n.name for n in network.nodes]
    kept = [(a, b) for a, b in zip(drawn.nodes, network.nodes, strict=True) if not isinstance(b, Linear | Conv)]
    assert kept and all(a is b for a, b in kept)


@pytest.mark.parametrize(
    "device",
    [
        DEVICE,
        Device(levels=4, code_bits=6, spacing="resistance", on_off_ratio=20),
        Device(levels=3, code_bits=12, spacing="table", table=(0.1, 0.4, 1.0)),
    ],
    ids=["even", "resistance", "table"],
)
@pytest.mark.parametrize("slices", [1, 2])
def test_ideal_cells_hold_the_weights(device: Device, slices: int) -> None:
    chip = chip_of(device=device)
    network = sliced(net([33, 17, 9], chip), chip, slices)
    for drawn, node in zip(apart(network, chip, Cells(), 0).nodes, network.nodes, strict=True):
        assert isinstance(drawn, Linear) and isinstance(node, Linear)
        assert drawn.weight.dtype == np.int32 and (drawn.weight == node.weight).all()


def test_every_slice_has_cells_of_its_own() -> None:
    """Two slices of zeros: variances add up with the squares of their significances, 1 and 4."""
    chip = chip_of(device=Device(levels=4, code_bits=12))
    one, two = (held(layer(200, 200, slices=s), chip, Cells(variation=0.1), 4).astype(float) for s in (1, 2))
    assert two.std() == pytest.approx(one.std() * np.sqrt(1 + 4**2), rel=0.03)  # alike: 1 + 4
    assert abs(two.mean()) < 4.5 * two.std() / 200


def test_stuck_slices_amount_to_sums_of_significances() -> None:
    """All + cells stuck on or off, all - cells too: every weight is one of the sums of two ends."""
    found = held(layer(40, 30, slices=2), chip_of(), Cells(stuck_on=0.5, stuck_off=0.5), 5)
    ends = (-255, 0, 255)
    assert set(np.unique(found).tolist()) == {a + 4 * b for a in ends for b in ends}


def test_wires_weaken_far_columns_and_far_rows() -> None:
    """One array of on cells: drivers at the first column, converters below the last row."""
    found = held(layer(16, 8, 255), chip_of(), Cells(wire=1e-3))
    assert (np.diff(found, axis=1) <= 0).all() and (np.diff(found, axis=0) >= 0).all()
    assert 150 < found[0, 7] < found[15, 0] < 255


def test_wires_end_with_the_array() -> None:
    """Every array of on cells loses the same."""
    found = held(layer(32, 16, 255), chip_of(), Cells(wire=1e-3))
    assert all((found[r : r + 16, c : c + 8] == found[:16, :8]).all() for r in (0, 16) for c in (0, 8))


def test_weights_that_cells_cannot_hold_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        held(layer(4, 4, 84), chip_of(), Cells())
    assert str(caught.value).startswith("layer fc: weight 84 is not a difference of two cells; ")
