"""The confusion matrix, with example images of the worst cells."""

import numpy as np

from codesign.brief import counted
from codesign.page.blocks import Block, Column, Section, Text, section, table
from codesign.page.figures import Example, Examples, Matrix, Pair
from codesign.page.folder import Run
from codesign.page.picture import image
from codesign.views.confusion import Confusion, confusion

CLASSES = 40  # beyond which the matrix is not drawn


def mistakes(run: Run) -> Section | None:
    """Which classes the chip takes for which."""
    if run.tested is None:
        return None
    found = confusion(run.tested.outputs, run.tested.labels)
    right = found.images - found.wrong
    said = (
        f"The reference names {right:,} of {counted(found.images, 'test image')} rightly and {found.wrong:,} wrongly."
    )
    rows = [
        (k, sum(row), row[k], 100 * row[k] / sum(row) if sum(row) else None, sum(r[k] for r in found.counts))
        for k, row in enumerate(found.counts)
    ]
    heads = (Column("class", is_text=True), "images", "right", Column("percent right", 2), "told as this class")
    return section(
        "confusion",
        "Confusion",
        Text((said,)),
        *_figures(run, found),
        table("classes", "By class", heads, rows, is_folded=True),
        table(
            "mistakes",
            "The most frequent mistakes",
            (Column("class", is_text=True), Column("told as", is_text=True), "images"),
            [(str(w.label), str(w.told), w.count) for w in found.worst],
            is_folded=True,
        )
        if found.worst
        else None,
    )


def _figures(run: Run, found: Confusion) -> tuple[Block, ...]:
    examples = _examples(run, found)
    if len(found.counts) > CLASSES:
        return () if examples is None else (examples,)
    matrix = _matrix(found)
    return (matrix,) if examples is None else (Pair(matrix, examples),)


def _matrix(found: Confusion) -> Matrix:
    wrong = max((n for k, row in enumerate(found.counts) for j, n in enumerate(row) if k != j), default=0)
    right = max(row[k] for k, row in enumerate(found.counts))
    shades = tuple(
        tuple(100 * n / max(1, right if k == j else wrong) for j, n in enumerate(row))
        for k, row in enumerate(found.counts)
    )
    return Matrix("Test images by class (rows) and by the class that the chip tells (columns)", found.counts, shades)


def _examples(run: Run, found: Confusion) -> Examples | None:
    """Example images, if the inputs are images."""
    shape = run.metrics.data.shape if run.metrics.data else None
    if run.tested is None or run.program is None or not shape or shape[0] not in (1, 3) or not found.worst:
        return None
    kind = run.program.network.input
    items = []
    for w in found.worst:
        pictures = tuple(
            (
                image(np.asarray(run.tested.x[n], dtype=np.int64), shape, kind),
                f"test image {n}, a {w.label} told as {w.told}",
            )
            for n in w.images
        )
        items.append(Example(f"{w.label} told as {w.told}: {counted(w.count, 'image')}", pictures))
    return Examples("Images of the most frequent mistakes, as the chip gets them", tuple(items))
