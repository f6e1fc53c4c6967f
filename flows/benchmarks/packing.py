"""How few arrays the packer needs, what sharing them costs in cycles, and how fast candidates are priced.

python -m flows.benchmarks.packing
"""

import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise

from codesign.chip.description import Chip
from codesign.fixed import INT32, IntType
from codesign.mapping import LayerSize, Outline, plan, predict
from codesign.mapping.arrange import own

SECONDS = 1.0  # of processor time, for each rate

NETS = {
    "784-128-10": (128, (784, 128, 10)),
    "784-64-10": (128, (784, 64, 10)),
    "784-256-128-10": (128, (784, 256, 128, 10)),
    "784-128-10, 256 x 256": (256, (784, 128, 10)),
}


def network(sizes: tuple[int, ...], last: int = 1) -> Outline:
    """A perceptron of 8-bit activations; last: slices of its last layer."""
    layers: list[LayerSize] = []
    for k, (inputs, outputs) in enumerate(pairwise(sizes)):
        source, ends = layers[-1].name if layers else "input", k == len(sizes) - 2
        out = INT32 if ends else IntType(8)
        layers.append(LayerSize(f"fc{k + 1}", source, inputs, outputs, out, last if ends else 1))
    return Outline("perceptron", sizes[0], IntType(8), tuple(layers))


def chip(side: int, count: int) -> Chip:
    """The reference chip with other arrays, 16 at least."""
    data = Chip.load("reference-128").model_dump(mode="json")
    return Chip.model_validate({**data, "arrays": {"count": max(16, count), "rows": side, "columns": side}})


def rate(call: Callable[[], object]) -> float:
    """Calls a second of processor time."""
    start, calls = time.process_time(), 0
    while time.process_time() - start < SECONDS:
        call()
        calls += 1
    return calls / (time.process_time() - start)


def price(one: Outline, target: Chip, objective: str) -> object:
    """What a search asks of a candidate."""
    return predict(plan(one, target, objective))


def main() -> None:
    reference = Chip.load("reference-128")
    print(f"{'network':24}{'own':>6}{'cells':>7}{'bound':>7}{'packed':>8}{'interval':>10}{'packed':>8}")
    for name, (side, sizes) in NETS.items():
        one = network(sizes)
        target = chip(side, own(one, chip(side, 1)))
        apart, packed = plan(one, target), plan(one, target, "arrays")
        cycles = f"{predict(apart).interval:>10}{predict(packed).interval:>8}"
        print(f"{name:24}{own(one, target):>6}{packed.lower_bound:>7}{packed.least:>7}{packed.arrays:>8}{cycles}")
    print(f"\n{'784-128-10, slices of fc2':28}{'arrays':>8}{'interval':>10}{'latency':>9}")
    for slices in (1, 2, 3):
        found = plan(network((784, 128, 10), slices), reference)
        takes = predict(found)
        print(f"{slices:<28}{found.arrays:>8}{takes.interval:>10}{takes.latency:>9}")
    print(f"\n{'candidates priced a second':28}{'own arrays':>12}{'packed':>10}")
    for sizes in ((784, 128, 10), (784, 256, 128, 10)):
        one, target = network(sizes), chip(128, 40)
        rates = [rate(partial(price, one, target, objective)) for objective in ("cycles", "arrays")]
        print(f"{'-'.join(map(str, sizes)):28}{rates[0]:>12,.0f}{rates[1]:>10,.0f}")


if __name__ == "__main__":
    main()
