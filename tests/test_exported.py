"""The public names are a promise: adding one is a decision, losing one a version note."""

import codesign
from codesign import errors


def test_public_names() -> None:
    assert sorted(codesign.__all__) == sorted(
        [
            "CapacityError",
            "Cells",
            "Chip",
            "CodesignError",
            "CodesignWarning",
            "ConfigError",
            "Dataset",
            "Die",
            "Flow",
            "ImageError",
            "InputError",
            "Metrics",
            "Network",
            "OutputError",
            "Program",
            "Question",
            "Recipe",
            "Result",
            "ToolError",
            "UnsupportedError",
            "Workers",
            "__version__",
            "compile",
            "optimize",
            "quantize",
            "run",
            "simulate",
            "train",
        ]
    )


def test_every_name_is_there() -> None:
    for name in codesign.__all__:
        assert getattr(codesign, name) is not None
        assert name in dir(codesign)


def test_errors_are_the_same_classes() -> None:
    for name in (n for n in codesign.__all__ if n.endswith("Error")):
        assert getattr(codesign, name) is getattr(errors, name)


def test_unknown_name() -> None:
    assert not hasattr(codesign, "compyle")
