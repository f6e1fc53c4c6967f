"""The known-answer pack: every file by name, and the folder that holds them."""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.fixed import Ints
from codesign.folders import staged
from codesign.mapping import ends, stream
from codesign.program import Program
from codesign.rtl import emit, plan
from codesign.rtl.library import text
from codesign.sim.streams import beats
from codesign.vectors import c_source, patterns, transcript
from codesign.vectors.answers import Answers, LayerAnswers, answers, name_of

SCHEMA = "codesign-vectors/1"
MANIFEST = "vectors.json"
_STATIC = {
    "c/known_answer.c": "known_answer.c",
    "c/play.c": "play.c",
    "c/board.h": "board.h",
    "tb/Makefile": "Makefile",
    "tb/bench.sv": "bench.sv",
    "tb/player.sv": "player.sv",
    "tb/test_pack.py": "test_pack.py",
}


def write(program: Program, folder: str | Path, images: NDArray[np.generic], each_layer: bool = False) -> Path:
    """Write the pack of a program's known answers to integer images (images, features). Same arguments, same bytes.

    each_layer: also an image and a transcript until each layer, and the script that goes through them. Raises
    InputError on invalid images, OutputError when the folder holds files codesign did not write.
    """
    files = render(program, images, each_layer)
    with staged(folder, "vectors") as work:
        for name, data in files.items():
            path = work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return Path(folder)


def render(program: Program, images: NDArray[np.generic], each_layer: bool = False) -> dict[str, bytes]:
    """Every file of the pack by name."""
    known = answers(program, images)
    files = {name: content.encode() for name, content in _texts(known)}
    files |= {name: text(f"pack/{source}").encode() for name, source in _STATIC.items()}
    if each_layer:
        files |= _layers(known)
    files |= {f"rtl/{name}": content.encode() for name, content in emit(program.chip).items()}
    record = _record(known) | {"files": {n: hashlib.sha256(d).hexdigest() for n, d in sorted(files.items())}}
    files[MANIFEST] = (json.dumps(record, indent=1) + "\n").encode()
    return files


def _texts(known: Answers) -> Iterator[tuple[str, str]]:
    program = known.program
    mapping, chip, n = program.mapping, program.chip, len(known.images)
    yield "inputs.csv", _csv("input", range(program.network.features), known.images)
    yield "words.csv", _csv("word", map(str, _names(known.layers[-1])), known.words)
    for layer in known.layers[:-1]:
        yield f"activations/{layer.name}.csv", _csv("value", _names(layer), layer.values)
        yield f"activations/{layer.name}.hex", _hex(layer.values & ((1 << layer.bits) - 1), 2)
    yield "cycles.csv", _csv("", ("last_beat", "last_word"), np.array(stream(mapping, n)).T)
    width = chip.bus.stream_bytes
    sent = [f"{data:0{2 * width}x}" for image in known.images for data, _, _ in beats(image, width)]
    yield "inputs.hex", "\n".join(sent) + "\n"
    yield "words.hex", _hex(known.words & 0xFFFFFFFF, 8)
    yield "patterns.csv", _lines(patterns.table(mapping))
    yield "transcript.txt", _lines(transcript.text(known))
    yield "c/vectors.h", c_source.header(known)
    top = f"{plan(chip).module}_sim"
    yield "tb/pack.mk", f"PACK_TOP := {top}\n"
    yield "tb/pack.svh", f"`define PACK_TOP {top}\n`define PACK_STREAM_BYTES {width}\n"


def _layers(known: Answers) -> dict[str, bytes]:
    """An image and a transcript until each layer but the last, by the number of its step; and the script."""
    program, found = known.program, {"find_layer.py": text("pack/find_layer.py").encode()}
    steps = {s.layer: k for k, s in enumerate(program.mapping.steps)}
    *early, last = ends(program.mapping)
    for layer in early:
        cut, _ = program.until(layer)
        home = f"layers/{steps[layer] + 1:02d}_{name_of(layer)}"
        found[f"{home}/layer.txt"] = f"{layer}\n".encode()
        found[f"{home}/image.bin"] = np.array(cut.words, "<u4").tobytes()
        found[f"{home}/transcript.txt"] = _lines(transcript.text(answers(cut, known.images))).encode()
    return found | {"layers/last.txt": f"{last}\n".encode()}


def _record(known: Answers) -> dict[str, Any]:
    program = known.program
    words = len(program.words)
    return {
        "schema": SCHEMA,
        "chip": {"name": program.chip.name, "id": f"0x{program.chip.id:08x}"},
        "network": program.network.name,
        "image_crc": f"0x{program.words[-1]:08x}",
        "images": len(known.images),
        "cycles": {
            "load": 2 * words,  # APB takes two a word
            "send": program.mapping.beats,
            "latency": known.latency,
        },
        "layers": [
            {
                "step": layer.step + 1,
                "layer": layer.layer,
                "gives": layer.edge,
                "values": int(layer.values.shape[1]),
                "file": f"activations/{layer.name}.csv" if layer is not known.layers[-1] else "words.csv",
                "kept_at": None if layer.kept is None else layer.kept.first,
            }
            for layer in known.layers
        ],
    }


def _names(layer: LayerAnswers) -> list[str]:
    """Of each value: its unit, and its pixel if there are several."""
    count, channels = int(layer.values.shape[1]), len(layer.places)
    units = [f"{name_of(p.layer)}[{p.number}]" for p in layer.places]
    return units if count == channels else [f"{units[k % channels]}@{k // channels}" for k in range(count)]


def _csv(what: str, names: Iterable[object], rows: Ints) -> str:
    """A row an image: its number, then its values."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads = [f"{what}_{n}" if isinstance(n, int) else n for n in names]
    writer.writerow(["image", *heads])
    writer.writerows([n, *row] for n, row in enumerate(rows.tolist()))
    return out.getvalue()


def _hex(rows: Ints, digits: int) -> str:
    """A value a line, image after image, as $readmemh reads them."""
    return "\n".join(f"{v:0{digits}x}" for v in rows.ravel().tolist()) + "\n"


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
