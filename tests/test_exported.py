"""The public names are a promise: adding one is a decision, losing one a version note."""

import subprocess
import sys

import codesign
from codesign import errors

# Only what scripts are promised beyond the errors; `codesign/errors.py` lists those.
PROMISED = {
    *("Cells", "Chip", "Dataset", "Die", "Flow", "Metrics", "Network", "Program", "Question", "Recipe", "Result"),
    *("Workers", "__version__", "compile", "optimize", "plot", "quantize", "run", "simulate"),
    "train",
}


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


def test_importing_is_light() -> None:
    """Nothing but the errors comes with `import codesign`; a recipe, a flow or a report does without torch."""
    code = (
        "import codesign, sys; print(sorted({'numpy', 'pydantic', 'torch'} & {*sys.modules}));"
        "codesign.Recipe, codesign.Flow, codesign.Metrics, codesign.Dataset, codesign.train, codesign.simulate;"
        "print({'torch', 'optuna', 'sklearn', 'cocotb'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\nset()\n"


def test_the_main_verbs_open_the_help() -> None:
    opening, _, _ = str(codesign.__doc__).partition(">>>")
    verbs = [
        line.split()[0].removeprefix("codesign.") for line in opening.splitlines() if line.startswith("    codesign")
    ]
    assert verbs == ["train.fit", "compile", "simulate", "optimize"]
    for verb in verbs:
        found = codesign
        for name in verb.split("."):
            found = getattr(found, name)
        assert callable(found)
