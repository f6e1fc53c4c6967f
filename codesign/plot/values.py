"""Values: histograms, cycles, classes, and scores against costs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from codesign.arrays import as_array
from codesign.errors import InputError
from codesign.ir.labels import check_labels
from codesign.ir.run import check_inputs
from codesign.mapping import Mapping
from codesign.plot.style import colour, figure, mapped
from codesign.program import Program
from codesign.views import confusion as classes
from codesign.views import spread
from codesign.views.timeline import timeline as turns
from codesign.views.tried import unbeaten

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def histogram(program: Program | Mapping, layer: str, x: ArrayLike | None = None) -> "Figure":
    """The integer weights of a layer; with inputs (images, features), its currents in converter codes, unclamped.

    Dashed lines are the ends of the converters' range. Raises InputError for a layer without a matrix, and for inputs
    that the network does not take.
    """
    mapping = mapped(program)
    if x is None:
        every = spread.weights(mapping)
    else:
        every = spread.currents(mapping, check_inputs(as_array(x, "x"), mapping.network))
    found = {s.layer: s for s in every}
    if layer not in found:
        raise InputError(f"layer {layer}: has no matrix on the chip; give one of {', '.join(found)}")
    s = found[layer]
    clips = "none clips" if not s.beyond else f"{100 * s.share:.3g} % clip"
    made, axes = figure(f"{layer}: {clips if x is not None else f'{s.total:,} weights'}")
    at = s.first + s.width * np.arange(len(s.counts)) + (s.width - 1) / 2
    axes.bar(at, 100 * np.array(s.counts) / s.total, 0.92 * s.width, color=colour(list(found).index(layer)))
    axes.set(xlabel="weight" if x is None else "converter code before the clamp", ylabel="percent")
    if s.low is not None and s.high is not None:
        for end in (s.low - 0.5, s.high + 0.5):
            axes.axvline(end, color="black", linestyle="--", linewidth=1)
    return made


def timeline(program: Program | Mapping) -> "Figure":
    """The cycles of an image, layer by layer: solid where its converters work. The bar on top is their bound."""
    line = turns(mapped(program))
    made, axes = figure(
        f"{line.end:,} cycles of an image, converters alone {line.bound:,}", height=1.2 + 0.3 * len(line.turns)
    )
    axes.barh("converters alone", line.bound, color="#7b8591")
    for k, turn in enumerate(line.turns):
        c = turn.cycles
        busy = min(c.convert, c.takes)
        axes.barh(c.layer, busy, left=turn.start, color=colour(k))
        axes.barh(c.layer, c.takes - busy, left=turn.start + busy, color=colour(k), alpha=0.35, hatch="///")
    axes.invert_yaxis()
    axes.set_xlabel("cycle, from the first input word")
    return made


def confusion(outputs: ArrayLike, labels: ArrayLike) -> "Figure":
    """Counts of images by class and by the class of the largest output. outputs: (images, classes).

    Raises InputError when there is not one label for each image.
    """
    scores = as_array(outputs, "outputs")
    if scores.ndim != 2 or not len(scores):
        raise InputError(f"outputs: must be (images, classes), got shape {scores.shape}; give what Program.run returns")
    found = classes.confusion(scores, check_labels(labels, len(scores), scores.shape[1]))
    counts = np.array(found.counts)
    right = found.images - found.wrong
    made, axes = figure(f"{right:,} of {found.images:,} right", 5.2, 4.6)
    axes.imshow(np.log1p(counts), cmap="Blues")
    places = np.arange(len(counts))
    axes.set(xlabel="told", ylabel="class", xticks=places, yticks=places)
    for (row, column), n in np.ndenumerate(counts):
        if n:
            pale = np.log1p(n) > 0.6 * np.log1p(counts.max())
            axes.text(column, row, f"{n}", ha="center", va="center", fontsize=8, color="white" if pale else "black")
    return made


def front(points: Sequence[tuple[float, float]] | Any, cost: str = "cost", score: str = "score") -> "Figure":
    """(cost, score) pairs, or (label, cost, score) triples, with the edge of what the unbeaten ones dominate.

    Raises InputError when there are no points.
    """
    named = [p if len(p) == 3 else ("", *p) for p in points]
    if not named:
        raise InputError("points: there are none; give (cost, score) pairs")
    pairs = [(float(c), float(s)) for _, c, s in named]
    on = unbeaten(pairs)
    made, axes = figure(f"{sum(on)} of {len(on)} are not beaten")
    best = sorted(pair for pair, is_on in zip(pairs, on, strict=True) if is_on)
    rest = [pair for pair, is_on in zip(pairs, on, strict=True) if not is_on]
    if rest:
        axes.plot(*zip(*rest, strict=True), "x", color="#7b8591", label="dominated")
    axes.plot(*zip(*best, strict=True), "o", color=colour(0), label="not beaten")
    axes.step(*zip(*best, strict=True), where="post", color=colour(0), linestyle="--", linewidth=1)
    for (label, *_), pair, is_on in zip(named, pairs, on, strict=True):
        if label and is_on:
            axes.annotate(label, pair, xytext=(4, 4), textcoords="offset points", fontsize=8)
    axes.set(xlabel=cost, ylabel=score)
    axes.legend(frameon=False)
    return made
