"""Files of others: what is opened, what is refused, and in which words."""

import codecs
import os

import pytest

from codesign.files import open_regular, read_bytes, read_text


def test_reads_up_to_the_limit(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"abcd")
    assert read_bytes(path, 4) == b"abcd"
    with open_regular(path, 4) as f:
        assert f.read(2) == b"ab"


def test_a_larger_file_is_not_read(tmp_path):
    path = tmp_path / "f"
    with path.open("wb") as f:
        f.truncate(1 << 40)
    with pytest.raises(OSError) as e:
        read_bytes(path, 1000)
    assert e.value.strerror == "1,099,511,627,776 bytes, at most 1,000 are expected"


MAKERS = [os.mkfifo, lambda p: p.symlink_to("/dev/zero"), os.mkdir]


@pytest.mark.parametrize("make", MAKERS, ids=["fifo", "zero", "folder"])
def test_what_is_no_file_is_refused_at_once(tmp_path, make):
    path = tmp_path / "f"
    make(path)
    with pytest.raises(OSError) as e:
        read_bytes(path, 1000)
    assert e.value.strerror in ("not a regular file", "Is a directory")


def test_a_file_that_grows_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "f"
    path.write_bytes(b"abcdef")
    real = os.fstat

    def earlier(fd):
        found = list(real(fd))
        found[6] = 2  # st_size, as it was a moment ago
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", earlier)
    with pytest.raises(OSError) as e:
        read_bytes(path, 4)
    assert e.value.strerror == "more than 4 bytes"


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_text_with_and_without_a_mark(tmp_path, mark):
    path = tmp_path / "f"
    path.write_bytes(mark + "ü\n".encode())
    assert read_text(path, 100) == "ü\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("ü".encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        ("ü".encode("utf-32"), "UTF-32 text; save it as UTF-8"),
        (b"abc\xfc", "byte 3 is not UTF-8; save it as UTF-8"),
    ],
)
def test_other_encodings(tmp_path, data, words):
    path = tmp_path / "f"
    path.write_bytes(data)
    with pytest.raises(OSError) as e:
        read_text(path, 100)
    assert e.value.strerror == words
