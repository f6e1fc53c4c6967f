"""Names of data sets: each leads to its reader, unknown ones to the choices."""

from pathlib import Path

import pytest

from codesign.data import catalog, load
from tests.data.told import told


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("digits", "digits"),
        ("mnist", "mnist"),
        ("cifar10", "cifar10"),
        ("wine", "wine"),
        ("breast_cancer", "breast_cancer"),
        ("mine.npz", "arrays"),
        ("mine.csv", "table"),
        ("deep/mine.npz", "arrays"),
        ("photos", "image_folder"),
        ("absent/", "image_folder"),
        ("./mnist", "image_folder"),
    ],
)
def test_each_name_has_its_reader(name: str, reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in ("digits", "wine", "breast_cancer", "mnist", "cifar10", "arrays", "table", "image_folder"):
        monkeypatch.setattr(catalog, each, lambda *args, each=each: (each, *args))
    (tmp_path / "photos").mkdir()
    (tmp_path / "mnist").mkdir()
    monkeypatch.chdir(tmp_path)
    given: dict[str, tuple[tuple[object, ...], tuple[object, ...]]] = {  # with a folder, and without
        "digits": ((), ()),
        "wine": ((0.2,), (0.2,)),
        "breast_cancer": ((0.2,), (0.2,)),
        "table": ((tmp_path / name, None, 0.2), (Path(name), None, 0.2)),
        "mnist": ((tmp_path,), (None,)),
        "cifar10": ((tmp_path,), (None,)),
    }
    inside, plain = given.get(reader, ((tmp_path / name,), (Path(name),)))
    calls: list[object] = [load(name, tmp_path), load(name)]
    assert calls == [(reader, *inside), (reader, *plain)]


def test_absolute_paths_ignore_the_folder(tmp_path: Path) -> None:
    assert told(load, f"{tmp_path}/none.npz", Path("elsewhere")).startswith(f"{tmp_path}/none.npz: no such file; ")


@pytest.mark.parametrize("name", ["cifar", "photos", "a" * 5000, "a\0b"])
def test_unknown_names_list_the_choices(name: str, tmp_path: Path) -> None:
    assert told(load, name, tmp_path) == (
        f"data set {name!r}: is neither a known name nor a folder; use digits, wine, breast_cancer, mnist, cifar10, "
        "or the path of a .csv or .npz file or an image folder"
    )
