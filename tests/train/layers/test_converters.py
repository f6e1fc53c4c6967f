"""Converters in the loop: exact codes, gradients that saturation stops, a scale that learns, registers that hold it."""

import numpy as np
import pytest
import torch

from codesign.fixed import IntType, Trim, bit_planes, convert, plane_weights
from codesign.ir.geometry import Window
from codesign.train.layers.converters import Converters
from codesign.train.layers.grid import Grid
from codesign.train.layers.unfold import convolve

RNG = torch.Generator().manual_seed(0)


def with_scale(
    scale: float, bits: int = 3, rows: int = 5, whole: bool = False, top: int = 1, cut: int = 0
) -> Converters:
    made = Converters(rows, bits, whole, top, cut)
    with torch.no_grad():
        made.log_scale.fill_(float(np.log2(scale)))
    return made


def tiles(inputs: int, made: Converters) -> list[slice]:
    """The inputs on each array: the first one lies on wordline `cut`."""
    array = [(made.cut + row) // made.rows for row in range(inputs)]
    return [slice(array.index(a), len(array) - array[::-1].index(a)) for a in range(array[-1] + 1)]


def expected(x: np.ndarray, codes: np.ndarray, kind: IntType, made: Converters) -> np.ndarray:
    """The sums of codes, one conversion at a time by the integer contract."""
    total = np.zeros((len(x), len(codes)), np.int64)
    for bit, weight in zip(bit_planes(x, kind), plane_weights(kind), strict=True):
        for rows in tiles(x.shape[1], made):
            for image in range(len(x)):
                for output in range(len(codes)):
                    current = int(bit[image, rows].astype(int) @ codes[output, rows])
                    total[image, output] += int(weight) * int(convert(current, made.trim, 0, made.code))
    return total


@pytest.mark.parametrize("kind", [IntType(4), IntType(3, True), IntType(1)], ids=str)
@pytest.mark.parametrize("scale", [1.0, 1.37, 2.0, 5.3])
@pytest.mark.parametrize(("rows", "cut"), [(5, 0), (5, 2), (5, 4), (16, 3), (16, 15), (12, 0), (6, 0), (6, 3)])
def test_forward_is_the_chips_codes_times_their_scale(kind: IntType, scale: float, rows: int, cut: int) -> None:
    made = with_scale(scale, rows=rows, cut=cut)
    x = torch.randint(kind.lo, kind.hi + 1, (7, 12), generator=RNG)
    codes = torch.randint(-3, 4, (4, 12), generator=RNG)
    sums = expected(x.numpy(), codes.numpy(), kind, made)
    assert (made.integers(x.numpy(), codes, kind, Grid((-1, 0, 1)), None) == sums).all()
    y = made(x.float(), [codes.float()], kind, 1, None, None).detach().numpy()
    assert (np.rint(y * made.trim.gain / 2**made.trim.shift) == sums).all()


def test_windows_and_groups_are_read_as_matrices() -> None:
    made, window, kind = with_scale(1.0, bits=3), Window.square(3, 2, 1), IntType(4)
    x = torch.randint(0, 16, (3, 4, 6, 6), generator=RNG)
    w = torch.randint(-1, 2, (6, 2, 3, 3), generator=RNG)
    whole = made.integers(x.numpy(), w, kind, Grid((-1, 0, 1)), window)
    y = made(x.float(), [w.float()], kind, 1, window, None).detach()
    assert y.shape == convolve(x.float(), w.float(), window).shape
    assert (np.rint(y.numpy()) == whole).all()
    wide = with_scale(1.0, bits=12)  # cannot clip: the exact product
    assert (wide.integers(x.numpy(), w, kind, Grid((-1, 0, 1)), window) == convolve(x, w, window).numpy()).all()


@pytest.mark.parametrize(
    ("scale", "whole", "trim"),
    [
        (0.3, False, Trim(1, 0)),
        (1.0, False, Trim(1, 0)),
        (1.5, False, Trim(171, 8)),
        (2.0, False, Trim(128, 8)),
        (3.1, True, Trim(1, 2)),
        (1.3, True, Trim(1, 0)),
        (1e9, False, Trim(2, 15)),
        (1e9, True, Trim(1, 14)),
    ],
)
def test_registers_hold_the_nearest_trim(scale: float, whole: bool, trim: Trim) -> None:
    assert with_scale(scale, whole=whole).trim == trim


def unsaturated(x: np.ndarray, codes: np.ndarray, kind: IntType, made: Converters) -> np.ndarray:
    """Share of conversions in range, by significance of the top four planes: (arrays, images, outputs)."""
    planes, weights = bit_planes(x, kind)[:4].astype(int), np.abs(plane_weights(kind)[:4])
    wide = IntType(16, signed=True)
    arrays = []
    for rows in tiles(x.shape[1], made):
        read = convert(planes[:, :, rows] @ codes[:, rows].T, made.trim, 0, wide)
        inside = (read >= made.code.lo) & (read <= made.code.hi)
        arrays.append(np.tensordot(weights / weights.sum(), inside, axes=1))
    return np.stack(arrays)


@pytest.mark.parametrize("kind", [IntType(6), IntType(3, True), IntType(1)], ids=str)
@pytest.mark.parametrize(("bits", "scale", "cut"), [(4, 1.4, 0), (2, 1.0, 0), (2, 1.3, 0), (2, 1.0, 1), (4, 1.4, 4)])
def test_gradients_are_the_exact_products_where_arrays_do_not_saturate(
    kind: IntType, bits: int, scale: float, cut: int
) -> None:
    made, rng = with_scale(scale, bits=bits, cut=cut), torch.Generator().manual_seed(3)
    x = torch.randint(kind.lo, kind.hi + 1, (30, 12), generator=rng).float().requires_grad_()
    codes = torch.randint(-1, 2, (4, 12), generator=rng).float().requires_grad_()
    g = torch.randn(30, 4, generator=rng)
    made(x, [codes], kind, 1, None, None).backward(g)
    flat, cells = x.detach(), codes.detach()
    shares = unsaturated(flat.numpy().astype(int), cells.numpy().astype(int), kind, made)
    assert bool((shares == 1).all()) == (bits == 4)  # that one is wide enough for every current
    passed = [g * torch.from_numpy(share).float() for share in shares]
    gx = torch.cat([p @ cells[:, t] for p, t in zip(passed, tiles(12, made), strict=True)], 1)
    gw = torch.cat([p.t() @ flat[:, t] for p, t in zip(passed, tiles(12, made), strict=True)], 1)
    assert x.grad is not None and torch.allclose(x.grad, gx, atol=1e-5)
    assert codes.grad is not None and torch.allclose(codes.grad, gw, atol=1e-4)


def test_saturated_arrays_take_no_gradient() -> None:
    """Two arrays, the second one driven past its largest code: only the first one's cells can move the sum."""
    made, kind = with_scale(1.0, bits=3, rows=4), IntType(2)
    codes = torch.ones(1, 8).requires_grad_()
    x = torch.tensor([[3.0, 3.0, 0.0, 0.0, 3.0, 3.0, 3.0, 3.0]]).requires_grad_()  # currents 2 and 4; codes end at 3
    made(x, [codes], kind, 1, None, None).sum().backward()
    assert codes.grad is not None and codes.grad.tolist() == [[3, 3, 0, 0, 0, 0, 0, 0]]
    assert x.grad is not None and x.grad.tolist() == [[1, 1, 1, 1, 0, 0, 0, 0]]


def test_the_scales_gradient_is_lsqs() -> None:
    """code - current / scale where a conversion is inside its range, the code elsewhere; per doubling of the scale.

    Two images: the first one teaches for both.
    """
    made, kind = with_scale(2.0, bits=3, rows=8), IntType(1)
    codes = torch.tensor(
        [[1.0] * 5 + [0.0] * 3, [1.0] * 8, [-1.0] * 3 + [0.0] * 5]
    )  # currents 5, 8, -3: scales 2.5, 4, -1.5
    g = torch.tensor([[1.0, 10.0, 100.0], [7.0, 7.0, 7.0]])
    made(torch.ones(2, 8), [codes], kind, 1, None, None).backward(g)
    inside = 1 * (3 - 2.5) + 100 * (-1 + 1.5)
    outside = 10 * 3  # 4 is past the largest code, 3
    assert made.log_scale.grad is not None
    assert made.log_scale.grad.item() == pytest.approx(2 * (inside + outside) * 2.0 * np.log(2), rel=1e-5)


@pytest.mark.parametrize(("scale", "sign"), [(1.0, 1), (8.0, -1)])
def test_the_scale_learns_towards_a_smaller_error(scale: float, sign: int) -> None:
    """Too fine a scale clips and must grow, too coarse a one rounds everything away and must shrink."""
    made, kind = with_scale(scale, bits=3, rows=64), IntType(4)
    x = torch.randint(0, 16, (64, 64), generator=torch.Generator().manual_seed(1)).float()
    codes = torch.randint(-1, 2, (8, 64), generator=torch.Generator().manual_seed(2)).float()
    exact = x @ codes.t()
    optimiser = torch.optim.Adam(made.parameters(), lr=0.05)

    def loss() -> torch.Tensor:
        return (made(x, [codes], kind, 1, None, None) - exact).square().mean()

    before = loss().item()
    for _ in range(60):
        optimiser.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert loss().item() < 0.7 * before
    assert np.sign(made.log_scale.item() - np.log2(scale)) == sign


def test_wide_codes_are_read_in_double_precision() -> None:
    """Currents times gains past 2^24 would round in float32."""
    made = with_scale(300.5, bits=8, rows=128, top=4095)
    assert not made.narrow and with_scale(1.0).narrow
    x = torch.randint(0, 256, (20, 256), generator=RNG)
    codes = torch.randint(-4095, 4096, (5, 256), generator=RNG)
    whole = made.integers(x.numpy(), codes, IntType(8), Grid((-1, 0, 1)), None)
    y = made(x.float(), [codes.float()], IntType(8), 1, None, None).detach().double().numpy()
    assert np.abs(y * made.trim.gain / 2**made.trim.shift - whole).max() < 1e-6 * np.abs(whole).max()


def test_they_start_at_one_cell() -> None:
    assert Converters(8, 4, top=255).log_scale.item() == pytest.approx(np.log2(255))
