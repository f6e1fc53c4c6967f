"""What quantized training costs: step time against a plain full-precision step of the same net.

    python -m flows.benchmarks.training [--rounds 9] [--steps 40] [--only mlp]

One core, batch 128, random images; forward, backward and AdamW step. Rounds are interleaved, so that a slow machine
slows both; the ratio is of the minima. Rows: the two-level net, and the same through converters of 6 bits.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from codesign.chip.description import Chip
from codesign.train.build import build
from codesign.train.layers.edges import span
from codesign.train.nets.baseline import baseline_of
from codesign.train.optimiser import optimiser_of
from codesign.train.recipe import Net, Quantization, Recipe

BATCH = 128
NETS = {
    "mlp": (Recipe(network=Net(hidden=(128,))), (784,)),
    "lenet": (Recipe(network=Net(model="lenet")), (1, 28, 28)),
    "mlp, converters": (Recipe(network=Net(hidden=(128,)), quantize=Quantization(converters=True)), (784,)),
}


def stepper(model: nn.Module, scale: float, features: int) -> Callable[[], None]:
    """One training step on its own batch."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.integers(0, 256, (BATCH, features)) * (rng.random((BATCH, features)) < 0.25)).to(
        torch.int16
    )
    y = torch.from_numpy(rng.integers(0, 10, BATCH))
    optimiser = optimiser_of(model.train(), 1e-4, 1e-4)

    def run() -> None:
        xb = x.float()
        loss = functional.cross_entropy(model(xb * scale if scale != 1.0 else xb), y)
        loss.item()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return run


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--only", choices=list(NETS), action="append")
    args = parser.parse_args()
    torch.set_num_threads(1)
    chip = Chip.load("reference-128")
    print(f"{'milliseconds a step':<20}{'baseline':>10}{'quantized':>12}{'ratio':>8}")
    for name in args.only or NETS:
        recipe, shape = NETS[name]
        layers, features = recipe.network.layers(10), int(np.prod(shape))
        nets = (
            stepper(baseline_of(layers, shape), 1 / span(recipe.quantize.input), features),
            stepper(build(recipe, layers, shape, chip, torch.Generator()), 1.0, features),
        )
        steps = max(4, args.steps // 8) if name == "lenet" else args.steps
        best = [float("inf"), float("inf")]
        for _ in range(args.rounds + 1):
            for k, run in enumerate(nets):
                run()
                started = time.perf_counter()
                for _ in range(steps):
                    run()
                best[k] = min(best[k], (time.perf_counter() - started) / steps)
        print(f"{name:<20}{best[0] * 1e3:>10.2f}{best[1] * 1e3:>12.2f}{best[1] / best[0]:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
