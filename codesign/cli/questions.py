"""Questions on a terminal from which a chip file follows; answers that no chip can have are asked again."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from codesign.chip.description import Chip
from codesign.chip.edit import edited
from codesign.cli.common import tell
from codesign.errors import ConfigError, plain
from codesign.resources import meant
from codesign.settings import changes

ASKED = ("arrays.count", "arrays.rows", "arrays.columns", "device.levels", "adc.bits", "adc.lanes")  # a designer's


def are_possible() -> bool:
    """Whether somebody reads and answers: standard input and error are a terminal."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def ask(name: str, presets: Mapping[str, Path], default: str) -> tuple[str, list[str]]:
    """A preset, and as KEY=VALUE what a chip called `name` has different.

    Asks on stderr and reads standard input. Each answer is validated as the file would be. What is wrong with a key
    that was not asked yet waits for its turn: fewer columns may need fewer converters. Raises KeyboardInterrupt where
    the input ends.
    """
    _tell("Enter takes the value in brackets. Ctrl-C ends without a file.", "")
    like = _preset(presets, default)
    text = presets[like].read_text(encoding="utf-8")
    preset, answers, keys = Chip.parse(text), dict[str, Any](), list(ASKED)
    while len(answers) < len(keys):
        key = keys[len(answers)]
        _tell("", _field(key) or key)
        before = _at(preset, key)
        unfit = [line for k, line in _wrong(name, text, answers) if k == key]
        if unfit:
            _tell(f"{before}, as in {like}, does not go with the answers so far:", *unfit)
        while True:
            answer = _read(key, "" if unfit else str(before))
            ((_, value),) = changes([f"{key}={answer}"])
            wrong = _wrong(name, text, answers | {key: value})
            later = {k for k, _ in wrong if k != key and k not in answers and _field(k)}
            if not (refused := [line for k, line in wrong if k not in later]):
                break
            _tell(*refused)
        answers[key] = value
        keys += sorted(later - {*keys})
    return like, [f"{key}={value}" for key, value in answers.items() if value != _at(preset, key)]


def no_preset(name: str, presets: Mapping[str, Path]) -> str:
    """What is said of a preset that does not exist."""
    return f"{name}: no such preset; use one of {', '.join(presets)}{meant(name, presets)}"


def _preset(presets: Mapping[str, Path], default: str) -> str:
    """The preset to start from; the comment at the top of each says what it is."""
    for name, file in presets.items():
        told = " ".join(_comment(file.read_text(encoding="utf-8")))
        _tell(name, f"  {told}")
    _tell("")
    while (answer := _read("preset to start from", default)) not in presets:
        _tell(no_preset(answer, presets))
    return answer


def _comment(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        if not line.startswith("#"):
            return
        yield line.lstrip("# ")


def _wrong(name: str, text: str, answers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Dotted key and line of everything that is wrong with a preset's text after these answers."""
    try:
        Chip.parse(edited(text, [("name", name), *answers.items()]))
    except ConfigError as e:
        lines = [line.removeprefix("chip: ") for line in str(e).split("\n")]
        return [(line.partition(":")[0], line) for line in lines]
    return []


def _field(key: str) -> str | None:
    """What a chip's dotted key means; None if it is no key of a chip."""
    model: Any = Chip
    for part in key.split("."):
        if part not in getattr(model, "model_fields", {}):
            return None
        field = model.model_fields[part]
        model = field.annotation
    return str(field.description)


def _at(chip: Chip, key: str) -> Any:
    value: Any = chip
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _read(what: str, default: str) -> str:
    """A line of input, without blanks around it; `default` for an empty one, or until there is an answer."""
    while True:
        try:
            typer.echo(f"{what} [{default}]: " if default else f"{what}: ", nl=False, err=True)
            line = sys.stdin.readline()
        except KeyboardInterrupt:
            _tell("")
            raise
        if not line:
            _tell("")
            raise KeyboardInterrupt
        if answer := line.strip() or default:
            return answer


def _tell(*lines: str) -> None:
    for line in lines:
        tell(plain(line))
