"""The bus transcript: what a host writes, sends, reads and expects, a line each; C, SystemVerilog and Python play it.

Specified in docs/bringup.md. A line is an operation and its fields, divided by one blank:

    codesign-transcript 1 BYTES PATIENCE    first line: bytes of an input beat, cycles to wait for a word
    w ADDRESS DATA                          write a register
    r ADDRESS PLACE                         read a register and show it
    x ADDRESS DATA MASK RANK PLACE          read a register; DATA must come where MASK has ones
    s LAST KEEP DATA                        send a beat
    m LAST DATA RANK PLACE                  take a word; LAST and DATA must come
    t CYCLES                                so many from the last beat sent to the last word taken
    end COUNT                               last line: operations before it

Addresses, data, masks and keeps are hexadecimal, the rest is decimal. RANK is 0 for a register and n for what step n
computes; of several wrong answers, that of the lowest rank is the cause. PLACE names what is read, a byte's after
another's with commas between. Lines that begin with # are comments.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codesign.chip.layout import PEEK
from codesign.chip.registers import ID_VALUE, field, offset
from codesign.errors import ImageError
from codesign.files import read_bytes
from codesign.sim.streams import beats
from codesign.vectors.answers import Answers, LayerAnswers

MAGIC = "codesign-transcript 1"
LARGEST = 1 << 31  # bytes
_HEX = "[0-9a-f]+"
_FORMS = {
    "w": rf"({_HEX}) ({_HEX})",
    "r": rf"({_HEX}) (\S+)",
    "x": rf"({_HEX}) ({_HEX}) ({_HEX}) (\d+) (\S+)",
    "s": rf"([01]) ({_HEX}) ({_HEX})",
    "m": rf"([01]) ({_HEX}) (\d+) (\S+)",
    "t": r"(\d+)",
}


@dataclass(frozen=True)
class Line:
    """An operation: its number in the file, its letter and its fields as text."""

    number: int
    op: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Transcript:
    """A transcript that was read."""

    stream_bytes: int
    patience: int
    lines: tuple[Line, ...]


def text(answers: Answers) -> Iterator[str]:
    """The transcript of a program's known answers, line by line: identify, program, then image after image.

    After each image the chip is stopped, and the activations that it still holds are read.
    """
    program, count = answers.program, 0
    patience = 10 * (program.mapping.beats + program.network.outputs + answers.latency) + 1000
    yield f"{MAGIC} {program.chip.bus.stream_bytes} {patience}"
    yield f"# {program.network.name} on {program.chip.name}, images: {len(answers.images)}"
    for line in _lines(answers):
        count += not line.startswith("#")
        yield line
    yield f"end {count}"


def _lines(answers: Answers) -> Iterator[str]:
    program = answers.program
    chip, words = program.chip, program.words
    yield _expect("ID", ID_VALUE, 0xFFFFFFFF, 0, "ID")
    yield f"r {offset('VERSION'):03x} VERSION"
    yield _expect("CHIP_ID", chip.id, 0xFFFFFFFF, 0, "CHIP_ID")
    yield _write("CONTROL", field("CONTROL", "CLEAR").bits)
    yield f"# programming image, {len(words)} words"
    for word in words:
        yield _write("IMAGE_DATA", word)
    state = field("STATUS", "IMAGE_STATE")
    reason = field("STATUS", "IMAGE_REASON")
    yield _expect("STATUS", 2 << state.low, state.bits | reason.bits, 0, "STATUS.IMAGE_STATE")
    yield _expect("IMAGE_CRC", words[-1], 0xFFFFFFFF, 0, "IMAGE_CRC")
    running, idle, busy = (field("STATUS", n).bits for n in ("RUNNING", "IDLE", "BUSY"))
    done = field("IRQ_STATUS", "DONE").bits
    for n, image in enumerate(answers.images):
        yield f"# image {n}"
        yield _write("IRQ_STATUS", 0xFFFFFFFF)
        yield _write("CONTROL", field("CONTROL", "ENABLE").bits)
        yield _expect("STATUS", running | idle, running | idle | busy, 0, "STATUS.IDLE")
        digits = 2 * chip.bus.stream_bytes
        for data, keep, last in beats(image, chip.bus.stream_bytes):
            yield f"s {int(last)} {keep:x} {data:0{digits}x}"
        final = answers.layers[-1]
        sent = final.values[n].tolist()
        for k, word in enumerate(sent):
            yield f"m {int(k + 1 == len(sent))} {word & 0xFFFFFFFF:08x} {final.step + 1} {final.place(k)}"
        yield f"t {answers.latency}"
        yield _expect("IRQ_STATUS", done, done, 0, "IRQ_STATUS.DONE")
        yield _expect("IMAGES", 1, 0xFFFFFFFF, 0, "IMAGES")
        yield _write("CONTROL", 0)
        for layer in answers.layers:
            yield from _activations(layer, n, min(PEEK, chip.word))


def _activations(layer: LayerAnswers, image: int, each: int) -> Iterator[str]:
    """Reads of what a layer left in memory, `each` activations a word."""
    if layer.kept is None:
        return
    yield _write("ACTIVATION_ADDRESS", layer.kept.first)
    values, mask = layer.values[image].tolist(), (1 << layer.bits) - 1
    for at in range(0, len(values), each):
        part = values[at : at + each]
        data = sum((v & mask) << 8 * k for k, v in enumerate(part))
        masks = sum(mask << 8 * k for k in range(len(part)))
        where = ",".join(str(layer.place(at + k)) for k in range(len(part)))
        yield _expect("ACTIVATION_DATA", data, masks, layer.step + 1, where)


def _write(register: str, value: int) -> str:
    return f"w {offset(register):03x} {value:08x}"


def _expect(register: str, value: int, mask: int, rank: int, place: str) -> str:
    return f"x {offset(register):03x} {value:08x} {mask:08x} {rank} {place}"


def read(path: Path) -> Transcript:
    """A transcript from its file. Raises ImageError that names the first line that is none, or that it was cut off."""
    again = "make it again with codesign vectors"
    try:
        content = read_bytes(path, LARGEST).decode("ascii")
    except OSError as e:
        raise ImageError(f"{path}: cannot be read ({e.strerror}); {again}") from None
    except UnicodeDecodeError:
        raise ImageError(f"{path}: is no transcript, it holds other than plain characters; {again}") from None
    given = content.split("\n")
    head = re.fullmatch(rf"{MAGIC} (\d+) (\d+)", given[0])
    if head is None:
        raise ImageError(f"{path}: line 1: must be `{MAGIC} BYTES PATIENCE`, is not a transcript; {again}")
    found: list[Line] = []
    for number, line in enumerate(given[1:], 2):
        if not line.startswith("#") and line:
            op, _, rest = line.partition(" ")
            if op == "end":
                if rest != str(len(found)) or given[number:] != [""]:
                    raise ImageError(
                        f"{path}: line {number}: `{line}` must be the last line and count {len(found)} operations; "
                        f"lines were lost or added, {again}"
                    )
                return Transcript(int(head[1]), int(head[2]), tuple(found))
            match = re.fullmatch(_FORMS.get(op, "(?!)"), rest)
            if match is None:
                raise ImageError(f"{path}: line {number}: `{line[:60]}` is no operation of a transcript; {again}")
            found.append(Line(number, op, match.groups()))
    raise ImageError(f"{path}: ends without its last line `end`, it was cut off; copy it again, or {again}")
