"""What large programs cost: seconds, MiB of memory and of files.

    python -m flows.benchmarks.programs [--size small|200|1024]

small     perceptron 200-64-10 on arrays of 32x32.
200       784-2048-2048-10 on 200 arrays of 256x256. To be loaded and verified in 4 seconds.
1024      3072-4096-4096-100 on a chip of 1,024 arrays of 256x256. To be loaded and verified in 20 seconds and 1 GiB.

Weights are random; a third are 0. Each part runs in a fresh process, whose peak is its memory: save, load,
`image verify`, the integer reference on 64 images (run), what a simulation reads (prepare), drawing a die,
`image info`, `image cells`.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from codesign.chip.description import Activation, Adc, Arrays, Chip, Memory
from codesign.chip.device import Device
from codesign.cli import app
from codesign.devices import Cells
from codesign.fixed import INT32, IntType
from codesign.ir import Linear, Network, Requant, verify
from codesign.mapping import Die, place
from codesign.program import Program
from codesign.sim.job import Job, _write_inputs

SIZES: dict[str, tuple[list[int], int, int]] = {  # layers; arrays of the chip, and their rows and bitlines
    "small": ([200, 64, 10], 40, 32),
    "200": ([784, 2048, 2048, 10], 200, 256),
    "1024": ([3072, 4096, 4096, 100], 1024, 256),
}
LIMITS = {"small": (4.0, 1024.0), "200": (4.0, 1024.0), "1024": (20.0, 1024.0)}  # seconds, MiB: to load, to verify
PARTS = ("save", "load", "verify", "run", "prepare", "die", "info", "cells")


def network(size: str, seed: int = 0) -> Network:
    """A perceptron of random weights; hidden activations spread over their range."""
    rng, nodes, source = np.random.default_rng(seed), [], "input"
    layers = SIZES[size][0]
    for k, shape in enumerate(pairwise(layers), 1):
        last = k == len(layers) - 1
        weight = rng.choice(np.array([-1, 0, 1], np.int32), size=shape)
        mult = np.full(shape[1], 1 if last else round(2**15 / shape[0] ** 0.5))
        requant = Requant(mult, np.zeros_like(mult), *((0, INT32) if last else (15, IntType(8))))
        nodes.append(Linear(f"fc{k}", source, weight, requant))
        source = f"fc{k}"
    return verify(Network("perceptron", layers[0], IntType(8), tuple(nodes)))


def chip(size: str) -> Chip:
    """A chip that holds it."""
    layers, count, rows = SIZES[size]
    words = max(16, 2 * max(-(-n // rows) for n in layers))
    return Chip(
        name="large",
        arrays=Arrays(count=count, rows=rows, columns=rows),
        device=Device(levels=2, code_bits=1),
        adc=Adc(bits=8, lanes=8),
        activation=Activation(bits=8),
        memory=Memory(input_words=words, activation_words=words, loads=1024, tiles=1024, constants=2048),
    )


def measure(part: str, size: str, folder: Path) -> tuple[float, float]:
    """Seconds that a part takes, and the peak of its process in MiB, in a process of its own."""
    options = ["--part", part, "--size", size, "--folder", str(folder)]
    command = [sys.executable, "-m", "flows.benchmarks.programs", *options]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, peak = ran.stdout.splitlines()[-1].split()
    return float(seconds), float(peak)


def do(part: str, size: str, folder: Path) -> float:
    """Do one part of the work on the program in `folder`; the seconds it took."""
    if part == "save":
        program = Program(place(network(size), chip(size)))
        begin = time.perf_counter()
        program.save(folder)
        return time.perf_counter() - begin
    if part in ("verify", "info", "cells"):
        begin = time.perf_counter()
        out = ["--out", str(folder.with_suffix(".csv"))] if part == "cells" else []
        app(["image", part, str(folder), *out], standalone_mode=False)
        return time.perf_counter() - begin
    begin = time.perf_counter()
    program = Program.load(folder)
    if part == "load":
        return time.perf_counter() - begin
    x = np.random.default_rng(1).integers(0, 256, (64, program.network.features))
    begin = time.perf_counter()
    if part == "run":
        program.run(x)
    elif part == "prepare":
        _write_inputs(Job(program, x, folder.parent, backdoor=True), folder.parent)
    else:
        cells = Cells(stuck_on=0.01, stuck_off=0.01)
        Die.draw(program.mapping, cells, seed=2).check(program.mapping)
    return time.perf_counter() - begin


def main() -> None:
    """Measure every part and print a table; exit 1 when loading or verifying misses its limits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="200")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        seconds = do(args.part, args.size, args.folder)
        print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    slow = []
    print(f"{'':<10}{'seconds':>10}{'MiB':>10}")
    with tempfile.TemporaryDirectory() as home:
        for part in PARTS:
            seconds, peak = measure(part, args.size, Path(home) / "program")
            print(f"{part:<10}{seconds:>10.2f}{peak:>10.0f}", flush=True)
            most, space = LIMITS[args.size]
            slow += [part] * (part in ("load", "verify") and (seconds > most or peak > space))
        size = sum(p.stat().st_size for p in (Path(home) / "program").rglob("*") if p.is_file())
        print(f"{'files':<10}{'':>10}{size / 2**20:>10.1f}")
    if slow:
        raise SystemExit(f"{' and '.join(slow)}: past the limits of {most:g} s and {space:g} MiB")


if __name__ == "__main__":
    main()
