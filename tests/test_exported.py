"""The public names are a promise: adding one is a decision, losing one a version note."""

import codesign
from codesign import errors

# Only what scripts are promised beyond the errors; `codesign/errors.py` lists those.
PROMISED = {"Cells", "Chip", "Die", "Network", "Program", "Result", "__version__", "compile", "simulate"}


def test_public_names() -> None:
    raised = {n for n, value in vars(errors).items() if isinstance(value, type) and value.__module__ == errors.__name__}
    assert set(codesign.__all__) == PROMISED | raised
    assert len(codesign.__all__) == len(set(codesign.__all__))


def test_every_name_is_there() -> None:
    for name in codesign.__all__:
        assert getattr(codesign, name) is not None
        assert name in dir(codesign)


def test_errors_are_the_same_classes() -> None:
    for name in (n for n in codesign.__all__ if n.endswith("Error")):
        assert getattr(codesign, name) is getattr(errors, name)


def test_unknown_name() -> None:
    assert not hasattr(codesign, "compyle")
