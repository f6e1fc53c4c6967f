"""Which classes are taken for which, and examples of the worst mistakes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.brief import Brief


@dataclass(frozen=True)
class Mistake(Brief):
    """Images of class `label` that were taken for `told`: how many, and the numbers of the first of them."""

    label: int
    told: int
    count: int
    images: tuple[int, ...]


@dataclass(frozen=True)
class Confusion(Brief):
    """counts[label][told]: images of a class by the class that they were taken for. worst: most frequent first."""

    counts: tuple[tuple[int, ...], ...]
    worst: tuple[Mistake, ...]

    @property
    def images(self) -> int:
        """Images counted."""
        return sum(map(sum, self.counts))

    @property
    def wrong(self) -> int:
        """Images taken for another class."""
        return self.images - sum(row[k] for k, row in enumerate(self.counts))


def confusion(
    outputs: NDArray[np.generic], labels: NDArray[np.generic], worst: int = 6, examples: int = 4
) -> Confusion:
    """The confusion matrix of outputs (images, classes), the largest of which tells the class.

    worst: how many kinds of mistakes are listed; examples: how many images of each.
    """
    told, known = outputs.argmax(axis=1), np.asarray(labels).astype(np.int64)
    counts = np.zeros((outputs.shape[1], outputs.shape[1]), dtype=np.int64)
    np.add.at(counts, (known, told), 1)
    pairs = [(int(n), a, b) for (a, b), n in np.ndenumerate(counts) if n and a != b]
    mistakes = []
    for count, label, other in sorted(pairs, key=lambda p: (-p[0], p[1], p[2]))[:worst]:
        at = np.flatnonzero((known == label) & (told == other))[:examples]
        mistakes.append(Mistake(label, other, count, tuple(at.tolist())))
    return Confusion(tuple(map(tuple, counts.tolist())), tuple(mistakes))
