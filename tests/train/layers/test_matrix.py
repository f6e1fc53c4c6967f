"""Gradients, rounding and the integer side of the quantized layers."""

import math

import numpy as np
import pytest
import torch

from codesign.errors import InputError
from codesign.fixed import INT32, IntType
from codesign.ir.geometry import Window
from codesign.train.layers.edges import Edge, IntEdge, QuantReLU, span
from codesign.train.layers.grid import Grid
from codesign.train.layers.matrix import QuantLayer
from codesign.train.layers.pooling import QuantAdd, QuantAvgPool, QuantMaxPool
from codesign.train.layers.ste import product, to_codes

TERNARY = Grid((-1, 0, 1))
U8 = IntType(8)


def edge(x: torch.Tensor, scale: float = 1.0, kind: IntType = U8) -> Edge:
    return Edge(x, kind, scale)


def layer(
    weight: list[list[float]], clip: float = 1.0, grid: Grid = TERNARY, act: QuantReLU | None = None
) -> QuantLayer:
    made = QuantLayer("fc", "input", torch.tensor(weight), grid, act)
    assert made.clip is not None
    with torch.no_grad():
        made.clip.fill_(clip)
    return made


def test_weights_are_scale_times_grid() -> None:
    fc = layer([[0.9, -0.2, 0.3, -7.0]], clip=0.5)
    y = fc(edge(torch.eye(4))).value
    assert y.flatten().tolist() == pytest.approx([0.5, 0.0, 0.5, -0.5])
    assert fc.codes().tolist() == [[1, 0, 1, -1]]


def test_gradient_passes_inside_the_range_only() -> None:
    fc = layer([[0.4, 1.5, -1.5, -0.1, 1.0]])  # the end of the grid itself still moves
    fc(edge(torch.ones(1, 5))).value.sum().backward()
    assert fc.weight.grad is not None
    assert fc.weight.grad.tolist() == [[1.0, 0.0, 0.0, 1.0, 1.0]]


def test_scale_gradient_is_lsq() -> None:
    # d(s q)/ds = q - w/s inside, q outside
    fc = layer([[0.4, 0.9, 1.5, -2.0]], clip=1.0)
    fc(edge(torch.tensor([[1.0, 2.0, 3.0, 5.0]]))).value.sum().backward()
    assert fc.clip is not None and fc.clip.grad is not None
    assert fc.clip.grad.item() == pytest.approx(1 * (0 - 0.4) + 2 * (1 - 0.9) + 3 * 1 + 5 * -1, rel=1e-5)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_hand_written_gradients_are_those_of_the_scalar_graph(sign: float) -> None:
    """Scales, activations and biases against autograd on the same formula, rounding passed straight through."""
    rng = torch.Generator().manual_seed(4)
    for per_column in (False, True):
        act = QuantReLU(IntType(4))
        fc = QuantLayer("fc", "input", torch.randn(6, 5, generator=rng), TERNARY, act, per_column=per_column)
        before = torch.tensor(1.7 * sign, requires_grad=True)
        x = torch.randint(0, 16, (9, 5), generator=rng).float()
        target = torch.randn(9, 6, generator=rng)
        assert fc.clip is not None
        with torch.no_grad():
            fc.clip.mul_(sign)
            act.clip.mul_(sign)
            fc.bias.copy_(torch.randn(6, generator=rng))  # no sum is exactly at the clamp, where either side would do
        out = fc(Edge(x, IntType(4), 0.1, (before,)))
        ((out.value * target).sum() * act.clip.abs() / 15).backward()
        found = [p.grad.clone() for p in (fc.weight, fc.clip, fc.bias, act.clip, before) if p.grad is not None]

        for p in (fc.weight, fc.clip, fc.bias, act.clip, before):
            p.grad = None
        v = fc.weight / fc.clip.abs()
        q = v.clamp(-1, 1) + (torch.round(v.clamp(-1, 1)) - v.clamp(-1, 1)).detach()
        acc = x @ q.t()
        t = acc * (fc.clip.abs().reshape(-1) * before.abs() * 0.1) + fc.bias
        t = (t / (act.clip.abs() / 15)).clamp(0, 15)
        y = t + (torch.round(t) - t).detach()
        assert torch.allclose(y.detach(), out.value.detach(), atol=1e-4)
        ((y * target).sum() * act.clip.abs() / 15).backward()
        for mine, p in zip(found, (fc.weight, fc.clip, fc.bias, act.clip, before), strict=True):
            assert p.grad is not None and torch.allclose(mine, p.grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("clips", [(), (6, 1)])
def test_codes_and_products_of_codes_pass_the_same_gradients(clips: tuple[int, ...]) -> None:
    """What convolutions and imperfect cells take (`to_codes`), against what perceptrons take (`product`)."""
    rng = torch.Generator().manual_seed(5)
    x, target = torch.randn(9, 5, generator=rng), torch.randn(9, 6, generator=rng)
    weight = torch.randn(6, 5, generator=rng, requires_grad=True)
    clip = torch.full(clips, 0.7, requires_grad=True)
    grads = []
    for acc in (x @ to_codes(weight, clip, TERNARY).t(), product(x, weight, clip, TERNARY)):
        grads.append(torch.autograd.grad((acc * target).sum(), (weight, clip)))
    for one, other in zip(*grads, strict=True):
        assert torch.allclose(one, other, rtol=1e-4)


def test_a_wide_grid_trains_like_its_pitch() -> None:
    fine, coarse = (
        layer([[0.4, -0.8, 0.1]], 0.9, Grid(v)) for v in ((-3, -2, -1, 0, 1, 2, 3), tuple(range(-255, 256, 85)))
    )
    x = edge(torch.randn(5, 3, generator=torch.Generator().manual_seed(1)))
    assert torch.allclose(fine(x).value, coarse(x).value, atol=1e-6)
    for fc in (fine, coarse):
        fc(x).value.square().sum().backward()
    assert fine.clip is not None and coarse.clip is not None
    assert fine.clip.grad is not None and coarse.clip.grad is not None
    assert fine.clip.grad.item() == pytest.approx(coarse.clip.grad.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (IntType(2), [0, 0, 0, 0, 1, 3]),
        (IntType(2, True), [-2, -2, -1, 0, 1, 1]),
        (IntType(2, True, (-1, 1)), [-1, -1, -1, 0, 1, 1]),
        (IntType(3, within=(1, 2)), [1, 1, 1, 1, 1, 2]),
    ],
)
def test_activation_rounds_and_clamps(kind: IntType, expected: list[int]) -> None:
    act = QuantReLU(kind)
    with torch.no_grad():
        act.clip.fill_(span(kind))
    x = torch.tensor([[-2.6, -1.6, -0.6, 0.4, 1.4, 2.6]], requires_grad=True)
    y = act(x, torch.zeros(6), 1.0)
    assert (y.value.tolist(), y.kind, y.const) == ([expected], kind, pytest.approx(1 / span(kind)))
    y.value.sum().backward()
    inside = [float(kind.lo < v < kind.hi) for v in x[0].tolist()]
    assert x.grad is not None and x.grad.tolist() == [inside]


def test_activation_clip_is_learned_unless_clipped() -> None:
    act = QuantReLU(IntType(4))
    y = act(torch.full((1, 3), 100.0), torch.zeros(()), 1.0)  # all clipped: a larger clip raises the output
    (y.value * y.const * y.clip[0].abs()).sum().backward()
    assert act.clip.grad is not None and act.clip.grad.item() > 0
    fixed = QuantReLU(IntType(4), clip=6.0)
    assert not fixed.clip.requires_grad and fixed.scale == pytest.approx(6 / 15)
    with pytest.raises(InputError, match=r"activation: must have 1\.\.8 bits, got u9"):
        QuantReLU(IntType(9))
    with pytest.raises(InputError, match=r"activation: must have at least two values, got i4\[3\.\.3\]; choose"):
        QuantReLU(IntType(4, True, (3, 3)))


@pytest.mark.parametrize(("kind", "ends"), [(IntType(2, True), (-1.0, 0.5)), (IntType(2, True, (-1, 1)), (-1.0, 1.0))])
def test_a_clip_is_reached_at_both_ends_of_a_narrow_range(kind: IntType, ends: tuple[float, float]) -> None:
    act = QuantReLU(kind, clip=1.0)
    y = act(torch.tensor([[-9.0, 9.0]]), torch.zeros(()), 1.0)
    assert (y.value * act.scale).tolist() == [[pytest.approx(v) for v in ends]]


@pytest.mark.parametrize("kind", [IntType(1), IntType(4), IntType(8), IntType(1, True), IntType(8, True)])
@pytest.mark.parametrize("options", [{}, {"per_column": True}, {"bias_on_grid": True}, {"norm": True}], ids=str)
def test_integers_follow_training_to_a_rounding_step(kind: IntType, options: dict[str, bool]) -> None:
    rng = torch.Generator().manual_seed(3)
    act = QuantReLU(kind)
    fc = QuantLayer("fc", "input", torch.randn(6, 10, generator=rng), Grid((-9, -4, -1, 0, 1, 4, 9)), act, **options)
    x = torch.randint(0, 16, (50, 10), generator=rng)
    with torch.no_grad():
        fc.bias.copy_(torch.randn(6, generator=rng))
        if fc.norm is not None:
            fc.norm.weight.copy_(torch.randn(6, generator=rng))
            fc(edge(x.float(), 0.1, IntType(4)))  # running statistics
    fc.eval()
    real = fc(edge(x.float(), 0.1, IntType(4))).value.detach().numpy()
    whole = fc.integers(IntEdge(x.numpy(), 0.1, IntType(4))).value
    assert kind.holds(whole)
    assert np.abs(real - whole).max() < 1.01  # a tie may fall either way in float32
    assert (real == whole).mean() > 0.98


def test_last_layer_leaves_raw_accumulators_with_rounded_bias() -> None:
    fc = layer([[1.0, -1.0], [1.0, 1.0]], clip=0.5)
    with torch.no_grad():
        fc.bias.copy_(torch.tensor([0.127, -0.124]))  # 2.54 and -2.48 accumulator steps of 0.5 * 0.1
    q = fc.requant(0.1, U8)
    assert (q.out, q.shift, q.mult.tolist(), q.bias.tolist()) == (INT32, 0, [1, 1], [3, -2])
    assert fc.integers(IntEdge(np.array([[7, 3]]), 0.1, U8)).value.tolist() == [[7, 8]]


def test_the_last_layer_shares_its_scale_even_per_column() -> None:
    w = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    last = QuantLayer("fc", "input", w, TERNARY, None, per_column=True)
    hidden = QuantLayer("fc", "input", w, TERNARY, QuantReLU(U8), per_column=True)
    assert last.clip is not None and hidden.clip is not None
    assert (tuple(last.clip.shape), tuple(hidden.clip.shape)) == ((), (3, 1))


def test_a_bias_on_the_grid_is_a_cell_driven_by_the_largest_activation() -> None:
    fc = QuantLayer("fc", "input", torch.tensor([[1.0], [1.0]]), TERNARY, None, bias_on_grid=True)
    assert fc.clip is not None
    with torch.no_grad():
        fc.clip.fill_(0.5)
        fc.bias.copy_(torch.tensor([0.4, -0.2]))  # one code is worth 0.5 * 255 * (1 / 255)
    assert fc.requant(1 / 255, U8).bias.tolist() == [255, 0]
    y = fc(edge(torch.zeros(1, 1), 1 / 255)).value
    assert y.tolist() == [[pytest.approx(0.5), 0.0]]


@pytest.mark.parametrize("kind", [IntType(1, True), IntType(4, True, (-5, -2)), IntType(4, True, (-5, 0))], ids=str)
def test_a_bias_on_the_grid_behind_activations_below_0(kind: IntType) -> None:
    """No activation lies above 0: the lowest drives the wordline, and the bias is the same in training and after."""
    fc = QuantLayer("fc", "input", torch.tensor([[1.0], [1.0]]), TERNARY, None, bias_on_grid=True)
    assert fc.clip is not None
    with torch.no_grad():
        fc.clip.fill_(0.5)
        fc.bias.copy_(torch.tensor([0.4, -0.1]))  # one code is worth 0.5
    assert fc.requant(-1 / kind.lo, kind).bias.tolist() == [-kind.lo, 0]
    x = edge(torch.zeros(1, 1), -1 / kind.lo, kind)
    assert fc(x).value.tolist() == [[pytest.approx(0.5), 0.0]]


def test_pooling_before_scaling_equals_pooling_after() -> None:
    rng = torch.Generator().manual_seed(2)
    w = torch.randn(3, 2, 3, 3, generator=rng)
    pool = QuantMaxPool("c_pool", "c", 2, 2)
    pooled = QuantLayer("c", "input", w, TERNARY, QuantReLU(IntType(4)), Window.square(3), pool=pool)
    plain = QuantLayer("c", "input", w, TERNARY, QuantReLU(IntType(4)), Window.square(3))
    x = edge(torch.randint(0, 16, (4, 2, 8, 8), generator=rng).float(), 0.1, IntType(4))
    assert torch.equal(pooled(x).value, torch.nn.functional.max_pool2d(plain(x).value, 2))


def test_average_pooling_rounds_halves_up() -> None:
    pool = QuantAvgPool("p", "input", 2, 2)
    x = np.array([0, 0, 1, 1]).reshape(1, 1, 2, 2)  # mean 0.5
    assert pool.integers(IntEdge(x, 1.0, IntType(4))).value.ravel().tolist() == [1]
    y = pool(edge(torch.tensor([1.0, 2.0, 4.0, 4.0]).reshape(1, 1, 2, 2))).value
    assert y.ravel().tolist() == [3.0]


def test_a_sum_is_requantized_to_its_own_scale() -> None:
    act = QuantReLU(IntType(4))
    with torch.no_grad():
        act.clip.fill_(15.0)  # step 1
    add = QuantAdd("add", "a", "b", act)
    a, b = np.array([[[[7]]]]), np.array([[[[-4]]]])
    out = add.integers(IntEdge(a, 0.5, IntType(4)), IntEdge(b, 0.25, IntType(4, True)))
    assert out.value.ravel().tolist() == [3] and out.scale == pytest.approx(1.0)  # 3.5 - 1 = 2.5, halves up
    x, y = torch.tensor([[[[7.0]]]]), torch.tensor([[[[-3.0]]]])
    real = add(Edge(x, IntType(4), 0.5), Edge(y, IntType(4, True), 0.25))
    assert real.value.ravel().tolist() == [3.0]  # 2.75


@pytest.mark.parametrize("field", ["weight", "bias", "clip"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_numbers_are_refused_by_layer(field: str, bad: float) -> None:
    fc = layer([[1.0, 0.5]])
    with torch.no_grad():
        getattr(fc, field).view(-1)[0] = bad
    with pytest.raises(
        InputError, match=r"layer fc: weights, bias and scale must be finite, got NaN or infinity; train again"
    ):
        fc.requant(1.0, U8)


def test_real_weights_cannot_be_exported() -> None:
    fc = QuantLayer("fc", "input", torch.ones(2, 2), None, None)
    with pytest.raises(
        InputError, match=r"^layer fc: its weights are real, and a chip cannot hold those; quantize every"
    ):
        fc.codes()
