"""Numbers of others become numpy arrays, whatever holds them, or are refused in one line."""

from typing import Any

import pytest
import torch

import codesign
from codesign.arrays import as_array
from codesign.errors import InputError
from codesign.train import float_mlp
from tests.hdl.programs import images, net

TINY = codesign.Chip.load("tiny")
REAL = torch.rand((20, 12), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.float32, torch.float64])
def test_every_float_tensor_calibrates(dtype: torch.dtype) -> None:
    module, x = float_mlp((12, 6, 3), seed=1), REAL.to(dtype)
    widened = x.float() if x.element_size() < 4 else x
    expected = codesign.compile(module, widened.numpy(), TINY)
    assert codesign.compile(module, x, TINY).words == expected.words
    assert codesign.compile(expected.network, x, TINY).words == expected.words  # a network's converters


def test_tensors_that_want_gradients_lists_and_integers() -> None:
    assert as_array(REAL.clone().requires_grad_(), "x").tolist() == REAL.tolist()
    assert as_array(REAL.tolist(), "x").shape == (20, 12)
    for rows in (REAL.bfloat16(), REAL.clone().requires_grad_()):
        for nested in (list(rows), tuple(rows), [list(row) for row in rows]):
            assert as_array(nested, "x").tolist() == rows.float().tolist()
    program = codesign.compile(net([12, 4], TINY), None, TINY)
    x = images(5, program.network)
    assert (program.run(torch.from_numpy(x)) == program.run(x)).all()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("x", "why"),
    [
        ([[1, 2], [3]], r"setting an array element with a sequence\..*"),
        (REAL.to_sparse(), r"can't convert Sparse layout tensor to numpy\. Use Tensor\.to_dense\(\) first\."),
        (REAL.to("meta"), r"Cannot copy out of meta tensor; no data!"),
    ],
    ids=["ragged", "sparse", "meta"],
)
def test_others_are_refused(x: Any, why: str) -> None:
    for model in (float_mlp((12, 3)), net([12, 4], TINY)):
        with pytest.raises(
            InputError, match=rf"^calibration: cannot become an array \({why}\); give numbers of one sh"
        ):
            codesign.compile(model, x, TINY)
    program = codesign.compile(net([12, 4], TINY), None, TINY)
    with pytest.raises(InputError, match=rf"^inputs of network net0: cannot become an array \({why}\)"):
        program.run(x)
