"""What formats, lists and checks promise: nothing is lost on the way, all damage is listed."""

import csv
import io
import random
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from codesign import image
from codesign.errors import ImageError
from codesign.image.formats import Read, decode
from codesign.mapping import Mapping, place
from flows.benchmarks.bringup.programs import TINY, network
from flows.benchmarks.bringup.table import head, row, share

Listed = Callable[[bytes], set[str]]  # the places that are told of a damaged file


def lossless(quick: bool) -> bool:
    """Random programs there and back; bits that flip, parts that are cut out, doubled or change places."""
    count = 2 if quick else 20
    formats = dict.fromkeys([form for form in image.SUFFIXES if form != "bin"], 0)
    cells = compared = 0
    done: dict[str, list[bool]] = {}
    for seed, mapping in enumerate(some(count)):
        data = image.stream(mapping.chip, image.sections(mapping)).tobytes()
        for form in formats:
            formats[form] += decode(image.encode(data, form), form).data != data
        cells += lists_that_differ(mapping)
        compared += len(mapping.arrays)
        if seed < 3:
            for form, found in damaged(mapping, data, seed):
                done.setdefault(form, []).extend(found)
    head(f"{count} random programs for tiny")
    for form, lost in formats.items():
        row(f"bin -> {form} -> bin: programs that differ", lost)
    row(f"cells through a CSV list: arrays of {compared} that differ", cells)
    missed = [form for form, found in done.items() if not share(f"damage of {form}: listed", found)]
    return not (missed or cells or any(formats.values()))


def some(count: int) -> Iterator[Mapping]:
    """Programs of random sizes."""
    for seed in range(count):
        rng = random.Random(seed)
        yield place(network([rng.randint(2, 30), rng.randint(2, 11), rng.randint(2, 5)], TINY, seed), TINY)


def lists_that_differ(mapping: Mapping) -> int:
    """Arrays whose levels come back from the list of target conductances other than they were."""
    text = b"".join(image.target_list(image.held_by(mapping), mapping.chip, image.targets(mapping.chip.device)))
    found = {u.array: np.full_like(u.levels, 255) for u in mapping.arrays}
    for cell in csv.DictReader(io.StringIO(text.decode())):
        found[int(cell["array"])][int(cell["wordline"]), int(cell["bitline"])] = int(cell["level"])
    return sum(not np.array_equal(found[u.array], u.levels) for u in mapping.arrays)


def damaged(mapping: Mapping, data: bytes, seed: int) -> Iterator[tuple[str, list[bool]]]:
    """By format, whether each damage is listed: of the files of a program, and of lone files."""
    with tempfile.TemporaryDirectory() as name:
        folder, files = Path(name) / "image", image.render(mapping)
        folder.mkdir()
        for file, held in files.items():
            (folder / file).write_bytes(held)

        def in_program(file: str) -> Listed:
            def listed(changed: bytes) -> set[str]:
                (folder / file).write_bytes(changed)
                lines = image.damages(folder, mapping).get(file, "").splitlines()
                return {line.split(" (", 1)[-1] for line in lines}

            return listed

        def lone(suffix: str) -> Listed:
            path = Path(name) / f"lone{suffix}"

            def listed(changed: bytes) -> set[str]:
                path.write_bytes(changed)
                try:
                    image.verify_file(path, mapping.chip)
                except ImageError as e:
                    return set(str(e).splitlines())
                return set()

            return listed

        for file, held in files.items():
            if file.endswith((".bin", ".hex", ".csv")):
                yield f"{Path(file).suffix} in a program", list(told(in_program(file), held, seed, each=True))
                (folder / file).write_bytes(held)
        for form, suffixes in image.SUFFIXES.items():
            good = image.encode(data, form)
            same = partial(_same, form, decode(good, form))
            yield f"a lone {form} file", list(told(lone(suffixes[0]), good, seed, same))


def told(
    listed: Listed, good: bytes, seed: int, same: Callable[[bytes], bool] = lambda _: False, each: bool = False
) -> Iterator[bool]:
    """Whether each damage of a file is told. each: whether all places of several flips together must be.

    same: whether a change is none, as that of a small hex digit to a capital one.
    """
    rng, bad, places = random.Random(seed), bytearray(good), set[str]()
    for at in rng.sample(range(len(good)), 8):
        one = bytearray(good)
        one[at] ^= 1 << rng.randrange(6)
        if not same(bytes(one)):
            bad[at] = one[at]
            found = listed(bytes(one))
            places |= found
            yield bool(found)
    found = listed(bytes(bad))
    yield places <= found if each else bool(found)
    at = rng.randrange(1, len(good) - 20)
    for cut in (good[:at], good[:at] + good[at + 9 :], good[:at] + good[at + 9 : at + 18] + good[at:]):
        yield bool(listed(cut))


def _same(form: str, read: Read, changed: bytes) -> bool:
    return decode(changed, form) == read
