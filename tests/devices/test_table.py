"""CSV tables of cells: every line that names no cell is told, and nothing large is read."""

from pathlib import Path

import pytest

from codesign.chip.description import Chip
from codesign.devices.table import read_table
from codesign.errors import InputError

TINY = Chip.load("tiny")


def read(path: Path, text: str | bytes):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(path, TINY, [("state", "conductance_uS")])


def test_what_it_reads(tmp_path: Path) -> None:
    text = '\ufeff# by tester 3\n\n wordline,array, bitline,state,who\r\n15,5,0,stuck_on,x\n0,0,15, off ,"a, b"\n'
    found = read(tmp_path / "a.csv", text)
    assert found.array.tolist() == [5, 0] and found.wordline.tolist() == [15, 0] and found.bitline.tolist() == [0, 15]
    assert found.columns == {"state": ["stuck_on", "off"], "who": ["x", "a, b"]}
    assert found.lines.tolist() == [4, 5]
    assert read(tmp_path / "a.csv", "array,wordline,bitline,state\n").lines.tolist() == []


HEAD = "array,wordline,bitline,state\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "",
            "must name the columns array, wordline, bitline, state or conductance_uS, divided by commas, got ''",
        ),
        (
            "array,row,col\n",
            "wordline, bitline, state or conductance_uS, divided by commas, got 'array, row, col'",
        ),
        ("array,wordline,bitline,state,state\n", "its first line names the column state twice; give each name once"),
        (HEAD + "6,0,0,on\n", "line 2: array 6 is not on chip tiny, which has 0..5; give a list of this chip"),
        (HEAD + "0,16,0,on\n", "line 2: wordline 16 is not on chip tiny, which has 0..15; give a list of this chip"),
        (HEAD + "0,0,-1,on\n", "line 2: bitline -1 is not on chip tiny, which has 0..15; give a list of this chip"),
        (HEAD + "0,0,1.5,on\n", "line 2: array, wordline and bitline must be whole numbers, got 0, 0, 1.5"),
        (HEAD + "0,0,,on\n", "line 2: array, wordline and bitline must be whole numbers"),
        (HEAD + "0,0,1\n", "line 2: has 3 values, the first line names 4 columns"),
        (
            HEAD + "0,0,1,on\n1,0,1,on\n0,0,1,off\n",
            "line 4: array 0, wordline 0, bitline 1 was named in line 2; keep one",
        ),
        (HEAD.encode() + b"0,0,1,\xff\n", "line 2: is not UTF-8 text; save it as UTF-8"),
        (HEAD + "0,0,1," + "x" * 5000, "line 2: has 5,006 bytes; give a .csv file of cells"),
    ],
)
def test_what_it_refuses(text: str | bytes, told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path / "a.csv", text)
    assert told in str(caught.value) and str(caught.value).startswith(f"{tmp_path / 'a.csv'}: ")


def test_all_mistakes_at_once_and_no_more_than_anyone_reads(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path / "a.csv", HEAD + "0,0,0,on\nx,0,0,on\n9,0,0,on\n0,0,0,on\n")
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["line 3", "line 4", "line 5"]
    with pytest.raises(InputError) as caught:
        read(tmp_path / "a.csv", HEAD + "9,0,0,on\n" * 100)
    assert str(caught.value).splitlines()[-1] == f"{tmp_path / 'a.csv'}: 80 more lines are wrong"


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\); give a \.csv file of cells"):
        read_table(tmp_path / "none.csv", TINY, [])
    with (tmp_path / "large.csv").open("wb") as f:
        f.truncate(1 << 40)
    with pytest.raises(InputError, match=r"1,099,511,627,776 bytes, at most"):
        read_table(tmp_path / "large.csv", TINY, [])
