"""Operations as nodes of the integer network: constants chosen for the calibration inputs, results computed exactly."""

from dataclasses import dataclass, replace

import numpy as np

from codesign.errors import InputError
from codesign.fixed import INT32, Ints, IntType, raw_bias, requant_constants
from codesign.frontend.edges import Values, along, type_of
from codesign.frontend.graph import Clamp, Matrix, Op, Pool, Real, Sum
from codesign.frontend.moments import moments
from codesign.frontend.observe import activation_scale
from codesign.frontend.rounding import reconstructed, rounded
from codesign.frontend.run import before, value
from codesign.frontend.scales import check_float32, fitted, is_silent, raw_scale, silent_scale, watch_columns
from codesign.ir import Add, AvgPool, Conv, Linear, MaxPool, Node, Requant
from codesign.ir.exact import convolve_exact, matmul_exact
from codesign.ir.nodes.matrix import by_input
from codesign.train.layers.edges import span
from codesign.train.layers.fit import mean_error
from codesign.train.layers.grid import Grid

IDENTITY = Clamp(-np.inf)


@dataclass(frozen=True)
class Setting:
    """What the integers are chosen for, and how."""

    grid: Grid
    bits: int  # of activations
    high: bool  # reconstruct instead of rounding


def to_nodes(op: Op, edges: tuple[Values, ...], reader: Matrix | None, how: Setting) -> tuple[tuple[Node, ...], Values]:
    """The nodes of an operation that reads `edges`, the last of its name, and the edge that leaves it.

    reader: the next matrix that its values reach; None for the last operation, whose accumulators stay raw.
    """
    match op:
        case Matrix():
            return _matrix(op, edges[0], reader, how)
        case Pool():
            return _pool(op, edges[0], reader, how)
        case Sum():
            return _sum(op, edges[0], edges[1], reader, how)


def _matrix(op: Matrix, x: Values, reader: Matrix | None, how: Setting) -> tuple[tuple[Node, ...], Values]:
    product = before(replace(op, bias=np.zeros_like(op.bias)), x.real)  # bias apart: it may be of another magnitude
    exact = product + along(op.bias, product)
    check_float32(exact, f"calibration: layer {op.name}")
    area = x.per_feature if op.window is None else np.repeat(x.scale, op.window.area)
    choose = reconstructed if how.high else rounded
    codes, unit = choose(moments(op, x.q, area.reshape(op.groups, 1, -1), product), how.grid, reader is None)
    unit = np.where(codes.any(axis=1), unit, 0.0)  # real value of one accumulator integer, by column
    acc = _accumulators(op, codes, x.q)
    rough = acc * along(unit, acc)
    bias = op.bias + mean_error(product, rough)
    drive = span(x.kind)
    if reader is None:
        watch_columns(op.name, op.weight.reshape(len(codes), -1), codes)
        step, codes = raw_scale(op.name, float(unit.max()), bias, codes, drive)
        add = raw_bias(bias / step, op.name)
        _check_outputs(op.name, codes, add, drive)
        requant = Requant(np.ones_like(add), add, 0, INT32)
        acc = acc if codes.any() else np.zeros_like(acc)
        after = Values(exact, requant(acc), np.full(len(add), step), INT32)
    else:
        terms = float(np.abs(x.real).max()) * float(np.abs(op.weight).reshape(len(codes), -1).sum(axis=1).max())
        reach = unit * drive * np.abs(codes).sum(axis=1)
        bias, scale, kind = _activation(op, rough + along(bias, rough), terms, bias, unit, reach, reader, how)
        requant = Requant(*requant_constants(unit / scale, bias / scale, f"layer {op.name}"), kind)
        after = Values(_act(op)(exact), requant(acc), scale, kind)
    node: Node
    if op.window is None:
        node = Linear(op.name, op.source, by_input(codes), requant)
    else:
        form = (op.window.stride, op.window.padding, op.groups)
        node = Conv(op.name, op.source, codes.reshape(op.weight.shape).astype(np.int32), requant, *form)
    return (node,), after


def _pool(op: Pool, x: Values, reader: Matrix | None, how: Setting) -> tuple[tuple[Node, ...], Values]:
    exact = value(op, x.real)
    if op.largest:
        assert op.act is None  # `settled` moved it
        node = MaxPool(op.name, op.source, op.window.size, op.window.stride)
        return (node,), Values(exact, node.value(x.q), x.scale, x.kind)
    unit = x.scale / op.window.area
    sums = AvgPool(op.name, op.source, op.window.size, op.window.stride, _sums(len(unit)))
    acc = sums.value(x.q)
    rough = acc * along(unit, acc)
    real = value(replace(op, act=None), x.real)
    bias = mean_error(real, rough)
    reach = x.scale * span(x.kind)
    act = op.act if op.act is not None else None if x.kind.signed else Clamp()
    bias, scale, kind = _activation(
        replace(op, act=act), rough + along(bias, rough), float(np.abs(x.real).max()), bias, unit, reach, reader, how
    )
    requant = Requant(*requant_constants(unit / scale, bias / scale, f"layer {op.name}"), kind)
    return (replace(sums, requant=requant),), Values(exact, requant(acc), scale, kind)


def _sum(op: Sum, x: Values, y: Values, reader: Matrix | None, how: Setting) -> tuple[tuple[Node, ...], Values]:
    units = op.gain * x.scale, op.other_gain * y.scale
    rough = x.q * along(units[0], x.q) + y.q * along(units[1], y.q)
    bare = replace(op, bias=np.zeros_like(op.bias), act=None)
    product = value(bare, x.real, y.real)
    check_float32(product + along(op.bias, product), f"calibration: layer {op.name}")
    bias = op.bias + mean_error(product, rough)
    reach = np.abs(units[0]) * span(x.kind) + np.abs(units[1]) * span(y.kind)
    largest = np.maximum(*(np.abs(u) for u in units))
    bias, scale, kind = _activation(
        op, rough + along(bias, rough), float(reach.max()), bias, largest, reach, reader, how
    )
    gains, bias = np.concatenate([u / scale for u in units]), np.concatenate([bias / scale, np.zeros(len(scale))])
    mult, add, shift = requant_constants(gains, bias, f"layer {op.name}")
    ours, theirs = np.split(mult, 2)
    node = Add(op.name, op.source, op.other, theirs, Requant(ours, add[: len(ours)], shift, kind))
    exact = _act(op)(product + along(op.bias, product))
    return (node,), Values(exact, node.value(x.q, y.q), scale, kind)


def _activation(
    op: Op, y: Real, terms: float, bias: Real, unit: Real, reach: Real, reader: Matrix | None, how: Setting
) -> tuple[Real, Real, IntType]:
    """Bias, scale and type of hidden activations of `y`, all that fit the requantizer.

    terms: bound of the real terms of a sum; unit: real value of one integer of an accumulator; reach: how far an
    accumulator gets; the last two are one per channel.
    """
    assert reader is not None
    wide = type_of(op.act, how.bits, 0.0) if op.act is None else IntType(how.bits, op.act.lo < 0)
    acted = _act(op)(y)
    if is_silent(acted, terms):
        fine = silent_scale(y, span(wide), reader.weight, reader.bias, how.grid.top)
    else:
        fine = activation_scale(acted, wide)
    held, scale = fitted(bias, unit, reach, np.full(bias.shape, fine), span(wide))
    return held, scale, type_of(op.act, how.bits, float(scale.max()))


def _act(op: Op) -> Clamp:
    return IDENTITY if op.act is None else op.act


def _accumulators(op: Matrix, codes: Ints, q: Ints) -> Ints:
    if op.window is None:
        return matmul_exact(q.reshape(len(q), -1), codes.T)
    return convolve_exact(q, codes.reshape(op.weight.shape), op.window)


def _sums(channels: int) -> Requant:
    """The requantizer that keeps sums as they are."""
    return Requant(np.ones(channels, np.int64), np.zeros(channels, np.int64), 0, INT32)


def _check_outputs(name: str, codes: Ints, bias: Ints, drive: int) -> None:
    """Raises InputError when inputs could drive a raw output past 32 bits."""
    largest = int((np.abs(codes).sum(axis=1) * drive + np.abs(bias)).max())
    if largest > INT32.hi:
        raise InputError(
            f"layer {name}: its outputs may reach {largest}, which needs {largest.bit_length() + 1} bits, raw outputs "
            f"have {INT32.bits}; use fewer inputs, or a chip with fewer levels or activation bits"
        )
