"""The tree of errors is what its docstring draws."""

import re
import sys
import unicodedata
import warnings
from types import FunctionType

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


class TestPlain:
    def test_what_a_terminal_obeys_is_escaped(self) -> None:
        assert errors.plain("a\nb\tc\x1b[31m\x7f\x9b2J\u2028\u202e\udcff") == (
            "a\\nb\\tc\\x1b[31m\\x7f\\x9b2J\\u2028\\u202e\\udcff"
        )

    def test_names_of_people_stay(self) -> None:
        for text in ("grün-3 µm", "名前", "\u0646\u200c\u0647", "👩‍🔬", "C:\\x1b", "a b"):
            assert errors.plain(text) == text

    def test_every_character(self) -> None:
        """Of controls, separators of lines and surrogates none is left; of all others that can be seen, each."""
        for c in map(chr, range(sys.maxunicode + 1)):
            kind = unicodedata.category(c)
            if kind in {"Cc", "Zl", "Zp", "Cs"}:
                assert errors.plain(c) == c.encode("unicode_escape").decode() != c
            elif kind != "Cf":
                assert errors.plain(c) == c


def test_warnings_name_the_users_line() -> None:
    """What codesign warns of is the caller's doing, however deep inside it is noticed."""

    def work() -> None:
        errors.warn("layer fc1: is dead")

    inside = FunctionType(work.__code__, {"__name__": "codesign.train.deep", "errors": errors})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        inside()
    assert [(str(w.message), w.category, w.filename) for w in caught] == [
        ("layer fc1: is dead", errors.CodesignWarning, __file__)
    ]
