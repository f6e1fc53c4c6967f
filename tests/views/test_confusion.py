"""Which classes are taken for which, by hand."""

import numpy as np

from codesign.views.confusion import Mistake, confusion

OUTPUTS = np.eye(3, dtype=int)[[0, 0, 1, 1, 2, 1, 0, 1]]
LABELS = np.array([0, 1, 1, 2, 2, 2, 1, 0])


def test_by_hand() -> None:
    found = confusion(OUTPUTS, LABELS)
    assert found.counts == ((1, 1, 0), (2, 1, 0), (0, 2, 1))
    assert (found.images, found.wrong) == (8, 5)
    assert found.worst == (Mistake(1, 0, 2, (1, 6)), Mistake(2, 1, 2, (3, 5)), Mistake(0, 1, 1, (7,)))


def test_only_the_worst_and_the_first_images() -> None:
    found = confusion(OUTPUTS, LABELS, worst=1, examples=1)
    assert found.worst == (Mistake(1, 0, 2, (1,)),)


def test_nothing_is_wrong() -> None:
    found = confusion(np.eye(4, dtype=int), np.arange(4))
    assert (found.wrong, found.worst) == (0, ())
