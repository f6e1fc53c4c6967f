"""Tables of numbers: what a .csv may look like, and what is refused, with row and column."""

from pathlib import Path

import numpy as np
import pytest

from codesign.data import Dataset, breast_cancer, csv_files, inputs, load, table, wine
from tests.data.told import told

ROWS = [(5.1, -3.5, "setosa"), (4.9, 3.0, "setosa"), (6.3, 3.3, "other"), (5.8, 2.7, "other"), (6.0, 2.0, "setosa")]
FORMS = {
    "plain": "\n".join(f"{a},{b},{c}" for a, b, c in ROWS),
    "names": "length,width,kind\n" + "\n".join(f"{a},{b},{c}" for a, b, c in ROWS) + "\n\n",
    "semicolons": '"length";"width";"kind"\r\n' + "\r\n".join(f'{a};{b};"{c}"' for a, b, c in ROWS),
    "tabs": "length\twidth\tkind\n" + "\n".join(f" {a} \t{b}\t{c} " for a, b, c in ROWS),
    "mark": "\ufefflength,width,kind\n" + "\n".join(f"{a},{b},{c}" for a, b, c in ROWS),
}


def put(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "mine.csv"
    path.write_text(text, encoding=encoding, newline="")
    return path


def seen(data: Dataset) -> set[tuple[float, float, str]]:
    x, y = np.vstack([data.x_train, data.x_test]), np.concatenate([data.y_train, data.y_test])
    return {(a, b, data.names[k]) for (a, b), k in zip(x.tolist(), y.tolist(), strict=True)}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_table(form: str, tmp_path: Path) -> None:
    data = load(str(put(tmp_path, FORMS[form])))
    assert (data.name, data.names, data.classes, data.is_real) == ("mine", ("other", "setosa"), 2, True)
    assert seen(data) == set(ROWS)
    assert len(data.y_test) == 1


def test_a_column_of_labels_by_name(tmp_path: Path) -> None:
    text = "kind,length,width\n" + "\n".join(f"{c},{a},{b}" for a, b, c in ROWS)
    assert seen(table(put(tmp_path, text), "kind")) == set(ROWS)
    numbered = "7,0.5,1.5,0\n" * 3 + "3,1.5,2.5,0\n" * 4 + "3,1.5,2.5,1\n"
    assert table(put(tmp_path, numbered)).names == ("0", "1")
    names = "kind,a,b,c\n" + numbered
    assert (table(put(tmp_path, names), "kind").names, table(put(tmp_path, names), "kind").features) == (("3", "7"), 3)
    assert len(table(put(tmp_path, names), "kind", 0.5).y_test) == 4


def test_whole_numbers_are_bytes(tmp_path: Path) -> None:
    assert not table(put(tmp_path, "1,2,a\n3,4,b\n1,2,a\n3,255,b\n")).is_real
    assert table(put(tmp_path, "1,2,a\n3,4,b\n1,2,a\n3,256,b\n")).is_real


_GIVE = "give a .csv of numbers with a column of labels"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f" is empty; {_GIVE}"),
        ("\n\n", f" is empty; {_GIVE}"),
        ("length,width,kind\n", f" names columns, but has no rows; {_GIVE}"),
        ("1\n2\n", f" has a single column; {_GIVE}"),
        ("1,2,a\n3,b\n", " row 2 has 2 columns, row 1 has 3; complete or remove it"),
        ("1,2,a\n\n3,4,b\n", " row 2 has 0 columns, row 1 has 3; complete or remove it"),
        ("1,2,a\n3,,b\n", " row 2, column 2: is missing; fill it in, or remove the row"),
        (",2,a\n3,4,b\n", " row 1, column 1: is missing; fill it in, or remove the row"),
        ("x,y,z\n1,2,a\n3,nan,b\n", " row 3, column 2 (y): is missing; fill it in, or remove the row"),
        ("x,y,z\n1,2,a\n?,4,b\n", " row 3, column 1 (x): is missing; fill it in, or remove the row"),
        (
            "x,y,z\n1,2,a\n3,inf,b\n",
            " row 3, column 2 (y): must be a number, got 'inf'; turn it into a number, or remove the column",
        ),
        (
            "1,2,a\n3,red,b\n",
            " row 2, column 2: must be a number, got 'red'; turn it into a number, or remove the column",
        ),
        (
            "1,2,a\n3,1_0,b\n",
            " row 2, column 2: must be a number, got '1_0'; turn it into a number, or remove the column",
        ),
        ("1,2,a\n3,4,\n", " row 2, column 3: the label is missing; fill it in, or remove the row"),
        (
            "1,2,0\n3,4,0.5\n",
            " row 2, column 3: label 0.5 is not a class; name the column of labels with data.label (label= in Python)",
        ),
        ('1,2,a\n3,"4,b\n', f" is not a table (unexpected end of data); {_GIVE}"),
    ],
)
def test_mistakes_are_told_with_row_and_column(text: str, message: str, tmp_path: Path) -> None:
    path = put(tmp_path, text)
    assert told(table, path) == f"{path}:{message}"


def test_other_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, FORMS["names"])
    assert told(table, path, "colour") == f"{path}: has no column 'colour'; its columns: length, width, kind"
    assert told(table, put(tmp_path, FORMS["plain"]), "colour") == (
        f"{path}: has no column 'colour'; its columns: none has a name"
    )
    assert told(table, put(tmp_path, "1,2,a\n3,4,a\n")) == (
        "data set mine: must have 2 to 65536 classes, got only class a; check its labels"
    )
    assert told(table, put(tmp_path, FORMS["names"], "utf-16")) == (
        f"{path}: cannot be read (UTF-16 text; save it as UTF-8); {_GIVE}"
    )
    assert told(table, tmp_path / "none.csv") == f"{tmp_path}/none.csv: no such file; {_GIVE}"
    assert told(table, tmp_path) == f"{tmp_path}: cannot be read (Is a directory); {_GIVE}"
    put(tmp_path, "1,2," + "a" * 200_000)
    assert told(table, path) == f"{path}: is not a table (field larger than field limit (131072)); {_GIVE}"
    monkeypatch.setattr(csv_files, "LIMIT", 100)
    assert told(table, path) == (f"{path}: cannot be read (200,004 bytes, at most 100 are expected); {_GIVE}")


@pytest.mark.parametrize("text", ["1,2\n3,-4.5\n", "a,b\n1,2\n3,-4.5\n"])
def test_inputs_alone(text: str, tmp_path: Path) -> None:
    assert inputs(put(tmp_path, text)).tolist() == [[1, 2], [3, -4.5]]
    path = put(tmp_path, "1,2\n3,x\n")
    assert told(inputs, path).startswith(f"{path}: row 2, column 2: must be a number, got 'x'; ")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("image,input_0,input_1", [[5, 6], [7, 8]]),  # a known-answer pack's
        ("image,input_1,input_0", [[0, 5, 6], [1, 7, 8]]),  # someone else's
        ("image,a,b", [[0, 5, 6], [1, 7, 8]]),
    ],
)
def test_numbers_of_images_in_a_pack_are_no_inputs(head: str, expected: list[list[int]], tmp_path: Path) -> None:
    assert inputs(put(tmp_path, f"{head}\n0,5,6\n1,7,8\n")).tolist() == expected


def test_tables_that_come_with_scikit_learn() -> None:
    a, b = wine(), breast_cancer()
    assert (len(a.y_train), len(a.y_test), a.features, a.classes) == (142, 36, 13, 3)
    assert (len(b.y_train), len(b.y_test), b.features, b.names) == (455, 114, 30, ("malignant", "benign"))
    assert a.names == ("class_0", "class_1", "class_2") and load("wine", None, None, 0.5).y_test.size == 89
    assert a.identity == wine().identity and a.is_real and not a.shape
    assert np.abs(np.bincount(a.y_test) / 36 - np.bincount(a.y_train) / 142).max() < 0.02
