"""The digits data set: same split every time, class by class."""

import numpy as np

from codesign.data import digits


def test_digits_split_is_stratified_and_fixed() -> None:
    a, b = digits(), digits()
    assert (a.x_train.shape, a.x_test.shape, a.classes, a.shape) == ((1437, 64), (360, 64), 10, (1, 8, 8))
    assert a.digest == b.digest == 0xE879FC02 != digits(seed=1).digest
    counts = np.bincount(np.concatenate([a.y_train, a.y_test]))
    assert (np.abs(np.bincount(a.y_test) - counts * 360 / 1797) <= 1).all()
    assert a.x_train.max() == 255 and a.x_train.dtype == np.uint8
    rows = {r.tobytes() for r in a.x_train}
    assert len(rows) == 1437 and not any(r.tobytes() in rows for r in a.x_test)
