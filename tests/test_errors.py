"""The tree of errors is what its docstring draws."""

import re

import pytest

from codesign import errors

FAMILY = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, errors.CodesignError)]


def test_docstring_draws_every_class() -> None:
    drawn = re.findall(r"^ +(?:[├└]── )?(\w+Error) ", errors.__doc__ or "", re.MULTILINE)
    assert sorted(drawn) == sorted(c.__name__ for c in FAMILY)


@pytest.mark.parametrize("kind", FAMILY, ids=lambda c: c.__name__)
def test_one_family_told_apart_from_bugs(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.CodesignError)
    assert kind.__mro__[1] in {errors.CodesignError, Exception}
    assert str(kind("where: what; do this")) == "where: what; do this"
    assert kind.__doc__
    assert not issubclass(kind, ValueError | OSError | RuntimeError)
