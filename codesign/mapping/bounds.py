"""How many arrays blocks need at least, whoever packs them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from codesign.mapping.blocks import Block, Space


def cell_bound(blocks: Sequence[Block], space: Space) -> int:
    """Cells needed over cells of an array."""
    return -(-sum(b.rows * b.columns for b in blocks) // (space.rows * space.columns))


def lane_bound(blocks: Sequence[Block], space: Space) -> int:
    """The same in column groups, which blocks do not share."""
    return max(
        -(-sum(b.rows * width for b, width in zip(blocks, widths, strict=True)) // (space.rows * full))
        for full, widths in _views(blocks, space)
    )


def least_arrays(blocks: Sequence[Block], space: Space) -> int:
    """The largest bound known: cells, column groups, blocks too wide to stand side by side, arrays of a step."""
    least = max(cell_bound(blocks, space), lane_bound(blocks, space))
    for full, widths in _views(blocks, space):
        wordlines = _wordlines([(w, b.rows) for w, b in zip(widths, blocks, strict=True)], full)
        least = max(least, -(-wordlines // space.rows), _step_arrays(blocks, widths, full, space))
    return least


def _views(blocks: Sequence[Block], space: Space) -> Iterator[tuple[int, list[int]]]:
    """(groups of an array, those of each block): all groups, and the whole ones, which a short block may leave by one.

    Each view asks no more than a packing has to keep, so bounds of both hold.
    """
    yield space.groups, [b.groups(space) for b in blocks]
    if space.tail and space.whole:
        yield space.whole, [b.groups(space) - b.short(space) for b in blocks]


def _wordlines(blocks: list[tuple[int, int]], full: int) -> int:
    """Wordlines below which blocks of (width, rows) do not fit `full` groups.

    For each w: blocks with less than w groups beside them share no wordline with any block of w or more. Those
    others need further wordlines: as many as the tallest has, and as many as their shares of a wordline add up
    to. A share is a width in `full`, or, at most k standing side by side, rounded down to a multiple of 1/k:
    a block of more than n/(k+1) of the wordline counts n/k.
    """
    rows: dict[int, int] = defaultdict(int)
    tallest: dict[int, int] = defaultdict(int)
    for width, high in blocks:
        rows[width] += high
        tallest[width] = max(tallest[width], high)
    least = 0
    for w in {w for w in rows if 0 < 2 * w <= full} | {max(1, full // 2)}:
        alone = sum(high for width, high in rows.items() if width > full - w)
        others = [width for width in rows if w <= width <= full - w]
        more = [tallest[width] for width in others]
        more.append(-(-sum(width * rows[width] for width in others) // full))
        for k in (1, 2, 3):
            shares = sum(rows[v] * (full * ((k + 1) * v // full) if (k + 1) * v % full else k * v) for v in others)
            more.append(-(-shares // (k * full)))
        least = max(least, alone + max(more))
    return least


def _step_arrays(blocks: Sequence[Block], widths: list[int], full: int, space: Space) -> int:
    """Arrays of the blocks of a step, which share none, and those besides for blocks of another step.

    Only others too wide to lie beside any of the step's count. Such a block has at most two of the step's next to it
    and gets what they leave of their arrays, or needs arrays besides.
    """
    steps: dict[int, list[int]] = defaultdict(list)
    for k, b in enumerate(blocks):
        steps[b.step].append(k)
    least = 0
    for step, own in steps.items():
        arrays = sum(blocks[k].arrays(space) for k in own)
        left = sorted((blocks[k].arrays(space) * space.rows - blocks[k].rows for k in own), reverse=True)
        narrowest = min(widths[k] for k in own)
        more = 0
        for other, theirs in steps.items():
            high = sorted((blocks[k].rows for k in theirs if widths[k] + narrowest > full), reverse=True)
            if other != step and high:
                more = max(more, _besides(high, left, space.rows))
        least = max(least, arrays + more)
    return least


def _besides(high: list[int], left: list[int], rows: int) -> int:
    """Arrays besides for blocks of `high` wordlines, each between two neighbours with `left` wordlines to spare.

    Both lists fall. A neighbour may also take one array more than it must: then it leaves up to rows - 1 on either
    side, and each of the two blocks that it serves pays half of that array.
    """
    spare = [left[0] + sum(left[1:2]), left[0] + rows - 1, 2 * (rows - 1)]  # by neighbours with an array more
    halves = sum(min(2 * max(0, -(-(h - s) // rows)) + n for n, s in enumerate(spare)) for h in high)
    tallest = (sum(high[:n]) - sum(left[: 2 * n]) for n in range(1, len(high) + 1))  # wordlines besides for n of them
    return max(-(-halves // 2), -(-max(tallest) // rows))
