"""Keys from before recipes had five tables: one clear line with the new one, wherever they are given."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from codesign import search, study
from codesign.errors import ConfigError
from codesign.flow import Base, Flow
from codesign.search.space import space
from codesign.train.recipe import Recipe
from codesign.train.recipe.renamed import RENAMED

FLOW = 'name = "x"\nchip = "tiny"\n'
STUDY = FLOW + 'question = "?"\n'
QUESTION = STUDY + "[search]\nvalidation = 300\n"
FREE = '[free]\n"chip.adc.lanes" = [2, 4]\n'

renamed = pytest.mark.parametrize(("old", "new"), RENAMED.items())


def told(work: Callable[[], object], folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        work()
    return str(caught.value).replace(f"{folder}/x.toml", "FILE")


def written(folder: Path, text: str) -> Path:
    file = folder / "x.toml"
    file.write_text(text)
    return file


def table(old: str) -> str:
    return f"[train]\n{old.removeprefix('train.')} = 1\n"


def test_every_key_has_one_place() -> None:
    """All that is outside [train] was in it once, or came later; no old key means something else now."""
    tables: dict[str, Any] = dict(Recipe())
    now = {f"{name}.{key}" for name, part in tables.items() for key in type(part).model_fields}
    later = {"data.label", "data.scale", "data.test", "network.kernel", "compile.objective"}
    assert {key for key in now if not key.startswith("train.")} - later <= set(RENAMED.values()) <= now - later
    assert not now & set(RENAMED)
    assert len(set(RENAMED.values())) == len(RENAMED) == 26


def test_the_base_of_studies_and_questions_has_every_table() -> None:
    assert set(Recipe.model_fields) | {"name", "chip"} == set(Base.model_fields)
    assert set(Base.model_fields) | {"reference", "simulate", "die"} == set(Flow.model_fields)


@renamed
def test_in_a_flow(old: str, new: str, tmp_path: Path) -> None:
    file, line = written(tmp_path, FLOW + table(old)), f"FILE: {old}: is now {new}"
    assert told(lambda: Flow.load(file), tmp_path) == line
    written(tmp_path, FLOW)
    assert told(lambda: Flow.load(file, [f"{old}=1"]), tmp_path) == line


def each(old: str, places: Sequence[tuple[str, list[str]]]) -> Sequence[tuple[str, list[str]]]:
    """Of some keys every place, of the others one in turn."""
    k = list(RENAMED).index(old)
    return places if k < 2 else [places[k % len(places)]]


@renamed
def test_in_a_study(old: str, new: str, tmp_path: Path) -> None:
    places: list[tuple[str, list[str]]] = [
        (table(old), []),
        (f'[[case]]\nname = "base"\nset = {{ "{old}" = 1 }}\n', []),
        (f'[vary]\n"{old}" = [1]\n', []),
        ("", [f"{old}=1"]),
    ]
    for more, sets in each(old, places):
        (described,) = study.load(written(tmp_path, STUDY + more))
        assert told(lambda: study.jobs(described, sets), tmp_path) == f"FILE, case base: {old}: is now {new}"  # noqa: B023


@renamed
def test_in_a_question(old: str, new: str, tmp_path: Path) -> None:
    places: list[tuple[str, list[str]]] = [
        (FREE + table(old), []),
        (f'[free]\n"{old}" = [1, 2]\n', []),
        (f'{FREE}[quick]\n"{old}" = 1\n', []),
        (FREE, [f"{old}=1"]),
        (FREE, [f"set.{old}=1"]),
        (FREE, [f"free.{old}=[1, 2]"]),
    ]
    for more, sets in each(old, places):
        question = search.load(written(tmp_path, QUESTION + more), sets, quick=True)
        assert told(lambda: space(question), tmp_path) == f"FILE: {old}: is now {new}"  # noqa: B023


def test_the_uniform_net_of_a_question(tmp_path: Path) -> None:
    file = written(tmp_path, QUESTION + FREE + "[baseline]\nhidden = [3]\n")
    assert told(lambda: search.load(file), tmp_path) == "FILE: baseline: is now uniform"
    written(tmp_path, QUESTION + FREE)
    assert told(lambda: search.load(file, ["baseline.hidden=[3]"]), tmp_path) == "FILE: baseline: is now uniform"
    question = search.load(file, ["uniform={ hidden = [3], set = { 'train.threads' = 2 } }"])
    assert told(lambda: space(question), tmp_path) == "FILE: uniform: train.threads: is now machine.threads"
