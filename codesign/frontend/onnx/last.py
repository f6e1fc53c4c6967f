"""The last layer: scores of the file that raw accumulators and whole biases can hold."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from codesign.errors import UnsupportedError
from codesign.fixed import Ints, raw_bias
from codesign.frontend.graph import Real
from codesign.frontend.onnx.certificate import CHUNK, MOST, Certificate
from codesign.frontend.onnx.flow import Flow, Product
from codesign.frontend.onnx.model import Node
from codesign.frontend.onnx.weights import Held, whole_ratios

AFFINE = ("Add", "Sub", "Mul", "Div", "Neg", "BatchNormalization", "Identity", "Dropout")
NEAR = 1e-6  # in steps of the outputs: what float64 makes of constants that are whole numbers of them


@dataclass(frozen=True, eq=False)
class Scores:
    """The last layer's integers. A word q stands for `step * q + constant` in the file; exact: for all words."""

    weight: Ints
    bias: Ints
    step: float
    constant: float
    exact: bool
    certificate: Certificate
    dropped: Node | None = None  # a quantizer of the scores


def scores_of(flow: Flow, held: Callable[[Held], Held]) -> Scores:
    """The last layer of a file; `held` brings weights onto the chip's cells.

    Raises UnsupportedError where columns have scales that no whole weights bring together, or steps bend the scores.
    """
    draft, dropped = flow.draft, None
    assert isinstance(draft, Product)
    if flow.quantizer is not None:
        dropped, flow = flow.steps[-1].node, replace(flow, steps=flow.steps[:-1])
    gains, offsets = affine(flow)
    ratios = whole_ratios(gains)
    if ratios is None:
        raise UnsupportedError(
            f"layer {draft.name}: its outputs have scales of their own, {np.abs(gains).min():.3g} to "
            f"{np.abs(gains).max():.3g}, but raw accumulators share one; use one scale for its weights, and one gain"
        )
    unit, whole = ratios
    wide = Held(draft.weight * whole[:, None], np.full(draft.channels, unit))
    chip = held(wide)
    step = float(chip.scale[0])
    steps = offsets / step
    parts = steps - steps[0]
    whole_steps = bool(np.abs(parts - np.rint(parts)).max() <= NEAR * max(1.0, float(np.abs(parts).max())))
    constant = float(offsets[0] - np.rint(steps[0]) * step) if whole_steps else 0.0
    bias = raw_bias((offsets - constant) / step, draft.name)
    tried = _tried(flow, draft, chip, bias, step, constant) if whole_steps else Certificate()
    return Scores(chip.ints, bias, step, constant, whole_steps, tried, dropped)


def affine(flow: Flow) -> tuple[Real, Real]:
    """(gains, offsets) per column of what the steps make of accumulators: `gain * acc + offset`, in float64.

    Raises UnsupportedError for a step that bends.
    """
    draft = flow.draft
    assert isinstance(draft, Product)
    for step in flow.steps:
        if step.node.op not in AFFINE or (step.node.op == "Div" and step.at == 1):
            raise UnsupportedError(
                f"{step.node.where}: bends the scores behind layer {draft.name}, the last; end the model in that layer"
            )
    found = np.empty((draft.channels, 2))
    for j in range(draft.channels):
        unit = draft.edge.scale * float(draft.scale[j])
        ends = np.array([draft.edge.base * float(draft.weight[j].sum()), 0.0])
        ends[1] = ends[0] + draft.edge.unit
        found[j] = flow.before(ends * unit, j, len(flow.steps)).astype(np.float64)
    return found[:, 1] - found[:, 0], found[:, 0]


def _tried(flow: Flow, draft: Product, chip: Held, bias: Ints, step: float, constant: float) -> Certificate:
    """Every accumulator of the last layer against the file's score for it, in whole steps."""
    total = sum(draft.count(j) for j in range(draft.channels))
    if total > MOST:
        raise UnsupportedError(f"layer {draft.name}: has {total:,} accumulators to try, at most {MOST:,} are")
    differ = 0
    for j in range(draft.channels):
        acc, flat, wide = draft.reached(j), draft.weight[j].ravel(), chip.ints[j].ravel()
        some = int(np.flatnonzero(flat)[0]) if flat.any() else 0
        times, by = (int(wide[some]), int(flat[some])) if flat.any() else (0, 1)
        for k in range(0, len(acc), CHUNK):
            part = acc[k : k + CHUNK]
            score = flow.before(draft.real(part, j), j, len(flow.steps)).astype(np.float64)
            differ += int((np.rint((score - constant) / step) != part * times // by + bias[j]).sum())
    if differ:
        raise UnsupportedError(
            f"layer {draft.name}: {draft.channels} columns x {total:,} values, {differ:,} differ from the scores, "
            "which float32 cannot tell apart; use larger scales or smaller biases"
        )
    return Certificate(draft.channels, total)
