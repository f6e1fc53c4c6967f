"""What documents tell a reader to type: commands and Python blocks, found in the text."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
STARTS = ("codesign ", "./dev ", "python -m ", "torchrun ")
SHELL = ("sh", "bash", "console", "shell")  # fences whose lines are commands


@dataclass(frozen=True)
class Command:
    """A line to type. `inline`: it stands within a sentence, where it may also just name a command."""

    document: str
    text: str
    inline: bool


@dataclass(frozen=True)
class Block:
    """A fenced block of Python, the k-th of its document."""

    document: str
    number: int
    text: str


def documents() -> dict[str, str]:
    """Every document that tells how to use codesign: name, text."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "hdl_templates" / "README.md"]
    found += sorted((ROOT / "docs").rglob("*.md")) + sorted((ROOT / "flows").rglob("*.md"))
    return {str(p.relative_to(ROOT)): p.read_text(encoding="utf-8") for p in found if p.is_file()}


def fences(text: str) -> list[tuple[str, str]]:
    """Language and text of every fenced block."""
    found = re.findall(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [(language, block) for _, language, block in found]


def commands(name: str, text: str) -> list[Command]:
    """Every command of a document: lines of shell blocks, lines after `$ ` in any block, and inline code."""
    found: list[Command] = []
    for language, block in fences(text):
        lines = block.replace("\\\n", " ").splitlines()
        if language in SHELL and not any(line.startswith("$ ") for line in lines):
            typed = lines
        else:
            typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        found += [Command(name, plain, False) for line in typed if (plain := _uncommented(line))]
    prose = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`([^`]+)`", prose):
        words = " ".join(code.split())
        if words.startswith(STARTS):
            found.append(Command(name, words, True))
    return found


def blocks(name: str, text: str) -> list[Block]:
    """Every fenced block of Python of a document."""
    python = [block for language, block in fences(text) if language in ("python", "py")]
    return [Block(name, k, block) for k, block in enumerate(python)]


def _uncommented(line: str) -> str:
    words = shlex.shlex(line, posix=False, punctuation_chars=";&|")
    words.whitespace_split, words.commenters = True, "#"
    return " ".join(words)


def parts(line: str) -> list[list[str]]:
    """The commands of a line, one after another, as words."""
    return [shlex.split(part) for part in re.split(r";|&&", line)]
