"""Text on a terminal that is narrower than the text: prose and commands fold at blanks, tables become blocks.

Only for a terminal: what a file or a pipe gets does not depend on the width of anything.
"""

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_WORD = re.compile(r"(\s*)((?:`[^`]*`|\S)+)")  # what stands in backticks stays together: it is to be copied
_ARGUMENT = re.compile(r"(\s*)((?:'[^']*'|\S)+)")
_COMMAND = re.compile(r"(?:^\s*|: )(?=codesign [a-z]+ )")


def width(stream: TextIO | None = None) -> int | None:
    """Columns of a terminal, standard output if none is given; None for anything else."""
    stream = sys.stdout if stream is None else stream
    return shutil.get_terminal_size().columns if stream is not None and stream.isatty() else None


def folded(text: str, columns: int | None) -> str:
    """Lines of at most `columns` characters; those after a fold are indented. No word is cut, so that it can be copied.

    A command stands on lines of its own with a backslash at each fold, as shells want it. None: the text as it is.
    """
    if columns is None:
        return text
    return "\n".join(part for line in text.split("\n") for part in _fold(line, columns))


def fitted(lines: Sequence[str], columns: int | None, indent: str = "") -> list[str]:
    """The lines of a table, or its blocks where it is wider than `columns`; prose behind it is folded.

    Two blanks or more stand between cells, none of which is empty.
    """
    if columns is None or max(map(len, lines)) <= columns:
        return list(lines)
    head, *rows = (re.split(" {2,}", line.strip()) for line in lines)
    if len(head) == 1:  # no table
        return [part for line in lines for part in _fold(line, columns)]
    table = [row for row in rows if len(row) == len(head)]
    others = (line for line, row in zip(lines[1:], rows, strict=True) if len(row) != len(head))
    prose = [part for line in others for part in _fold(line, columns)]
    return [*(f"{indent}{line}" for line in blocks(head, table)), *prose]


def blocks(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table with a block of lines for each row: its first cell, then name and value of the others that are filled."""
    room = max(map(len, head[1:]), default=0)
    lines = []
    for first, *others in rows:
        lines.append(f"{head[0]} {first}" if first.isdecimal() else f"{head[0]}: {first}" if head[0] else first)
        lines += [f"  {name:<{room}}  {cell}" for name, cell in zip(head[1:], others, strict=True) if cell]
    return lines


def _fold(line: str, columns: int) -> Iterator[str]:
    if _length(line) <= columns:
        yield line
    elif found := _COMMAND.search(line):
        indent = _indent(line)
        if before := line[: found.end()].rstrip():
            yield from _fold(before, columns)
            indent += "  "
        yield from _broken(f"{indent}{line[found.end() :]}", _ARGUMENT, columns, indent + "    ", " \\")
    else:
        label = re.match(r"\s*\S+ {2,}(?=\S)", line)  # a name, and its value in a column of its own
        hang = " " * len(label[0]) if label and 3 * len(label[0]) <= 2 * columns else _indent(line) + "  "
        yield from _broken(line, _WORD, columns, hang, "")


def _broken(line: str, word: "re.Pattern[str]", columns: int, hang: str, end: str) -> Iterator[str]:
    now = ""
    for gap, text in word.findall(line):
        if now and _length(now + gap + text) + len(end) > columns:
            yield now + end
            now = hang + text
        else:
            now += gap + text
    yield now


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _length(line: str) -> int:
    return len(_STYLE.sub("", line))
