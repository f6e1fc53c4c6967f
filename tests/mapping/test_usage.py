"""What layers take of a chip, and what would fit beside them."""

from dataclasses import replace

import pytest

from codesign.chip.description import Chip
from codesign.mapping import outline, plan, predict, usage
from codesign.mapping.arrange import own
from codesign.mapping.plan import unsliced
from codesign.mapping.tiles import free_slices
from tests.hdl.programs import net

TINY = Chip.load("tiny")
WIDE = TINY.model_copy(
    update={"arrays": TINY.arrays.model_copy(update={"count": 30, "columns": 44})}
)  # 22 signed columns: five groups of 4, one of 2


@pytest.mark.parametrize("chip", [TINY, WIDE], ids=["whole groups", "a narrower one"])
@pytest.mark.parametrize("outputs", [1, 2, 3, 5, 9, 10, 18, 22, 23])
def test_as_many_slices_more_fit_as_training_takes(outputs: int, chip: Chip) -> None:
    chip = chip.model_copy(update={"arrays": chip.arrays.model_copy(update={"count": 30})})
    sizes = outline(net([20, outputs], chip))
    found = usage(plan(sizes, chip))[0]

    assert found.further == free_slices(outputs, chip) - 1
    sliced = replace(sizes, layers=(replace(sizes.layers[0], slices=1 + found.further),))
    assert own(sliced, chip) == own(sizes, chip) == len(found.arrays)
    assert usage(plan(sliced, chip))[0].further == 0, "none is left"


def test_what_one_slice_a_weight_would_take() -> None:
    sizes = outline(net([20, 9, 5], WIDE))
    single = plan(sizes, WIDE)
    assert unsliced(single) is None
    for slices, arrays in ((2, 3), (4, 4)):
        layers = (sizes.layers[0], replace(sizes.layers[1], slices=slices))
        planned = plan(replace(sizes, layers=layers), WIDE)
        found = unsliced(planned)
        assert found is not None and (planned.arrays, found.arrays) == (arrays, 3)
        assert predict(found) == predict(single) != predict(planned)


def test_columns_left_need_not_hold_a_slice() -> None:
    """5 outputs are two groups of 4; of 22 columns 17 are left, three whole groups, which hold one slice."""
    found = usage(plan(outline(net([20, 5], WIDE)), WIDE))[0]
    assert (found.left, found.further) == (17, 1)
