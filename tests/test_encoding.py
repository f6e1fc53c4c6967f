"""Text is UTF-8 on disk, with or without a byte order mark, whatever the locale says."""

import ast
import codecs
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import codesign
from codesign import search, study
from codesign.chip.description import Chip
from codesign.errors import ConfigError
from codesign.flow import Flow
from tests.chip.edits import TINY
from tests.search.toy import TOY as QUESTION
from tests.study.toy import TOY as STUDY

ROOT = Path(codesign.__file__).parent
FLOW = 'name = "mine"\nchip = "tiny"\n[train]\nepochs = 1\n'
KINDS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "chip": (Chip.load, TINY, "give a .toml file or one of the presets cnn-128, lenet-128, reference-128, tiny"),
    "flow": (Flow.load, FLOW, "give a .toml file or one of the presets "),
    "study": (study.load, STUDY, "give a .toml file or a folder of them"),
    "question": (search.load, QUESTION, "give a .toml file"),
}
# The last locale of the world: Python must neither pick UTF-8 for it nor be told to.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def by_locale(tree: ast.AST) -> Iterator[int]:
    """Lines whose call reads or writes text in the encoding of the locale."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = {k.arg for k in node.keywords}
        if name in {"read_text", "write_text"} and not isinstance(node.func, ast.Name):
            if "encoding" not in given:
                yield node.lineno
        elif name in {"open", "fdopen", "NamedTemporaryFile", "TemporaryFile"} and "encoding" not in given:
            words = [
                str(a.value) for a in (*node.args, *(k.value for k in node.keywords)) if isinstance(a, ast.Constant)
            ]
            of_os = ast.unparse(node.func) in {
                "os.open",
                "Image.open",
                "gzip.open",
                "whole.open",
            }  # the last: of an archive
            if not of_os and not any(re.fullmatch("[rwxa+]*b[rwxa+]*", w) for w in words):
                yield node.lineno
        elif name in {"run", "Popen", "check_output"} and given & {"text", "universal_newlines"}:
            yield node.lineno


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_text_goes_by_the_locale(path: Path) -> None:
    assert list(by_locale(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_the_judge_itself() -> None:
    bad = ["p.read_text()", "p.write_text(t)", "open(p)", 'p.open("w")', "open(p, 'a')", "run(c, text=True)"]
    good = [
        'p.read_text(encoding="utf-8")',
        "read_text(p, 9)",
        'open(p, "rb")',
        'p.open("r+b")',
        "os.open(p, 0)",
        "run(c)",
    ]
    assert list(by_locale(ast.parse("\n".join([*bad, *good])))) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("kind", KINDS)
class TestToml:
    def test_with_a_byte_order_mark(self, tmp_path: Path, kind: str) -> None:
        load, text, _ = KINDS[kind]
        file = tmp_path / "a.toml"
        file.write_bytes(f"# µm\n{text}".encode())
        plain = load(file)
        file.write_bytes(codecs.BOM_UTF8 + f"# µm\r\n{text}".encode())
        assert load(file) == plain

    @pytest.mark.parametrize(
        ("data", "why"),
        [
            ("name = 1".encode("utf-16"), "UTF-16 text; save it as UTF-8"),
            (b"# caf\xe9\n", "byte 5 is not UTF-8; save it as UTF-8"),
            (b"#" * (1 << 20) + b"\n", "1,048,577 bytes, at most 1,048,576 are expected"),
        ],
    )
    def test_in_another_encoding_or_too_large(self, tmp_path: Path, kind: str, data: bytes, why: str) -> None:
        load, _, remedy = KINDS[kind]
        file = tmp_path / "a.toml"
        file.write_bytes(data)
        with pytest.raises(ConfigError) as caught:
            load(file)
        assert str(caught.value).startswith(f"{kind} {file}: cannot be read ({why}); {remedy}")


def command(*argv: object) -> tuple[int, str, str]:
    """A command where the locale is ASCII; output as Latin-1, so that any byte can be looked at."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHONIOENCODING"))} | ASCII
    words = [os.fsencode(str(a)) for a in argv]
    done = subprocess.run([sys.executable, "-m", "codesign", *words], capture_output=True, env=env, timeout=120)
    return done.returncode, done.stdout.decode("latin-1"), done.stderr.decode("latin-1")


class TestAsciiLocale:
    def test_it_is_one(self) -> None:
        code = "import locale, sys; print(locale.getpreferredencoding(False), sys.flags.utf8_mode)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | ASCII)
        assert done.stdout.split()[1] == "0" and "UTF" not in done.stdout.upper()

    def test_files_and_their_names(self, tmp_path: Path) -> None:
        folder = tmp_path / "grö"
        folder.mkdir()
        (folder / "c.toml").write_bytes(codecs.BOM_UTF8 + f"# µm\n{TINY}".encode())
        status, out, err = command("chip", "check", folder / "c.toml")
        assert (status, err) == (0, "") and "is a valid chip" in out
        status, out, err = command("chip", "emit", "tiny", "--out", folder / "rtl")
        assert (status, err) == (0, "") and (folder / "rtl" / "tiny_top.v").is_file()

    def test_what_it_cannot_show_is_escaped(self, tmp_path: Path) -> None:
        (tmp_path / "q.toml").write_bytes(QUESTION.replace("Which?", "Größe ± 1?").encode())
        status, out, err = command("optimize", tmp_path / "q.toml", "--screen", "--out", tmp_path / "out")
        assert (status, err) == (0, "")
        assert out.startswith("Gr\\xf6\\xdfe \\xb1 1?\n")
