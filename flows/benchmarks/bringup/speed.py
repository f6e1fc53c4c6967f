"""Die maps x images a second of processor time: the reference with converters, one thread."""

import time
from collections.abc import Callable

import numpy as np
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from codesign.brief import counted
from codesign.mapping import Die, place, run
from flows.benchmarks.bringup.programs import REFERENCE, network, sparse
from flows.benchmarks.bringup.table import head, row


def speed(quick: bool) -> bool:
    """Rows of slowest, median and fastest round; in each round every row has its turn. Nothing is required of them."""
    images, dies, rounds = (200, 1, 2) if quick else (10_000, 3, 5)
    mapping, x = place(network([784, 128, 10], REFERENCE, 0), REFERENCE), sparse(images)
    ideal = Die.ideal(mapping).codes

    def drawn(fraction: int, seed: int) -> Die:
        rng, top = np.random.default_rng(seed), (1 << REFERENCE.device.code_bits + fraction) - 1
        noisy = {a: (c + rng.normal(0, 0.1, c.shape)) * (1 << fraction) for a, c in ideal.items()}
        return Die({a: np.clip(np.rint(g), 0, top).astype(np.int32) for a, g in noisy.items()}, fraction)

    def over(found: list[Die]) -> Callable[[], int]:
        def all_() -> int:
            for die in found:
                run(mapping, x, die)
            return len(found)

        return all_

    def float32() -> int:
        with torch.no_grad():
            model(given)
        return 1

    def ideal_chip() -> int:
        run(mapping, x)
        return 1

    model = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    given = torch.tensor(x, dtype=torch.float32)
    rows = {f"die maps x images, f = {f}": over([drawn(f, seed) for seed in range(dies)]) for f in (4, 0)}
    rows |= {"images on the ideal chip": ideal_chip, "images in fp32 torch": float32}
    rates = {name: list[float]() for name in rows}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        for _ in range(rounds):
            for name, work in rows.items():
                begin = time.process_time()
                maps = work()
                rates[name].append(maps * images / (time.process_time() - begin))
    torch.set_num_threads(threads)
    taken = f"{images:,} images, {counted(dies, 'die')}, {rounds} rounds"
    head(f"784-128-10 on reference-128, {taken}, one thread, a second of processor time: slowest, median, fastest")
    for name, found in rates.items():
        row(name, ", ".join(f"{v:,.0f}" for v in (min(found), float(np.median(found)), max(found))))
    return True
