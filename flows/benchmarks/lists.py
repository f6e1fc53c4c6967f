"""What formats, lists and dies promise: nothing lost on the way, all damage found, and how fast dies are run.

python -m flows.benchmarks.lists [--programs N] [--images N]

Prints a table and exits with 1 where something was lost or missed. Weights are random. Damage is seeded: bits that
flip, parts that are cut out and parts that change places, in every format of an image. Speed is that of the reference
with the chip's converters, on one core of processor time, beside fp32 torch.
"""

import argparse
import csv
import io
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from codesign import image
from codesign.chip.description import Chip
from codesign.fixed import INT32, IntType
from codesign.image.formats import decode
from codesign.ir import Linear, Network, Requant
from codesign.mapping import Die, Mapping, place, run

TINY, REFERENCE = Chip.load("tiny"), Chip.load("reference-128")


def network(sizes: list[int], chip: Chip, seed: int) -> Network:
    """A perceptron of random weights and 8-bit activations."""
    rng, nodes, source = np.random.default_rng(seed), list[Linear](), "input"
    for k, (inputs, outputs) in enumerate(pairwise(sizes)):
        weight = rng.choice(chip.device.weights, size=(inputs, outputs)).astype(np.int32)
        bias, last = rng.integers(-50, 50, outputs), k == len(sizes) - 2
        mult = np.ones(outputs, np.int64) if last else rng.integers(200, 900, outputs)
        requant = Requant(mult, bias, 0 if last else 14, INT32 if last else IntType(8))
        nodes.append(Linear(f"fc{k + 1}", source, weight, requant))
        source = f"fc{k + 1}"
    return Network(f"net{seed}", sizes[0], IntType(8), tuple(nodes))


def some(count: int) -> Iterator[Mapping]:
    """Programs of random sizes for `tiny`."""
    for seed in range(count):
        rng = random.Random(seed)
        yield place(network([rng.randint(2, 30), rng.randint(2, 11), rng.randint(2, 5)], TINY, seed), TINY)


def round_trips(mapping: Mapping) -> tuple[int, int]:
    """Formats whose bytes, and lists whose cells, come back other than they were."""
    data = image.stream(mapping.chip, image.sections(mapping)).tobytes()
    lost = sum(decode(image.encode(data, form), form).data != data for form in image.SUFFIXES)
    told = image.targets(mapping.chip.device)
    text = b"".join(image.target_list(image.held_by(mapping), mapping.chip, told)).decode()
    found = {u.array: np.full_like(u.levels, 255) for u in mapping.arrays}
    for row in csv.DictReader(io.StringIO(text)):
        found[int(row["array"])][int(row["wordline"]), int(row["bitline"])] = int(row["level"])
    return lost, sum(not np.array_equal(found[u.array], u.levels) for u in mapping.arrays)


def damage(mapping: Mapping, folder: Path, seed: int) -> tuple[int, int]:
    """Places of files that were damaged, and how many of them are not listed."""
    rng, files = random.Random(seed), image.render(mapping)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    done = missed = 0
    for name in [n for n in files if n.endswith((".bin", ".hex", ".csv"))]:
        good = bytearray(files[name])
        alone = set[str]()
        bad = bytearray(good)
        for at in rng.sample(range(len(good)), 8):
            one = bytearray(good)
            one[at] ^= 1 << rng.randrange(6)
            bad[at] = one[at]
            alone |= told(mapping, folder, name, bytes(one))
            done += 1
        missed += len(alone - told(mapping, folder, name, bytes(bad)))
        at = rng.randrange(1, len(good) - 20)
        for cut in (good[:at], good[:at] + good[at + 9 :], good[:at] + good[at + 9 : at + 18] + good[at:]):
            done += 1
            missed += not told(mapping, folder, name, bytes(cut))
        (folder / name).write_bytes(good)
    return done, missed


def told(mapping: Mapping, folder: Path, name: str, data: bytes) -> set[str]:
    """The places that are listed of a damaged file."""
    (folder / name).write_bytes(data)
    lines = image.damages(folder, mapping).get(name, "").splitlines()
    return {line.split(" (", 1)[-1] for line in lines}


def maps_a_second(images: int, fraction: int) -> float:
    """Die maps x images a second of processor time, MLP 784-128-10 with cells that deviate by 10 %."""
    mapping, rng = place(network([784, 128, 10], REFERENCE, 0), REFERENCE), np.random.default_rng(1)
    x = rng.integers(0, 256, (images, 784))
    x[rng.random(x.shape) < 0.8] = 0
    ideal, top = Die.ideal(mapping).codes, (2 << fraction) - 1

    def drawn(codes: NDArray[np.int32]) -> NDArray[np.int32]:
        g = (codes + rng.normal(0, 0.1, codes.shape)) * (1 << fraction)
        return np.clip(np.rint(g), 0, top).astype(np.int32)

    best = 0.0
    for _ in range(5):
        die = Die({a: drawn(c) for a, c in ideal.items()}, fraction)
        begin = time.process_time()
        run(mapping, x, die)
        best = max(best, images / (time.process_time() - begin))
    return best


def torch_a_second(images: int) -> float:
    """Images a second of the same perceptron in fp32."""
    model = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    x, best = torch.rand(images, 784), 0.0
    with torch.no_grad():
        for _ in range(5):
            begin = time.process_time()
            model(x)
            best = max(best, images / max(1e-9, time.process_time() - begin))
    return best


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=20, metavar="N", help="random programs")
    parser.add_argument("--images", type=int, default=1000, metavar="N", help="images on each die")
    options = parser.parse_args()
    torch.set_num_threads(1)
    lost = cells = done = missed = 0
    for seed, mapping in enumerate(some(options.programs)):
        formats, lists = round_trips(mapping)
        lost, cells = lost + formats, cells + lists
        if seed < 3:
            with tempfile.TemporaryDirectory() as folder:
                found = damage(mapping, Path(folder), seed)
                done, missed = done + found[0], missed + found[1]
    print(f"{'round trips':44}{options.programs} programs, {len(image.SUFFIXES)} formats and a list of cells")
    print(f"{'  files whose bytes differ':44}{lost}")
    print(f"{'  arrays whose cells differ':44}{cells}")
    print(f"{'damages':44}{done} in every format")
    print(f"{'  not listed':44}{missed}")
    for fraction in (0, 4):
        rate = maps_a_second(options.images, fraction)
        print(f"{f'die maps x images a second, f = {fraction}':44}{rate:,.0f}")
    print(f"{'fp32 torch, images a second':44}{torch_a_second(options.images):,.0f}")
    return 1 if lost or cells or missed else 0


if __name__ == "__main__":
    sys.exit(main())
