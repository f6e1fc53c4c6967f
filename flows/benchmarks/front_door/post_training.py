"""Points lost by rounding after training, on cells of 2 and 16 levels, with 6-bit converters."""

import time

import numpy as np

import codesign
from flows.benchmarks.front_door.digits import NETS, accuracy, chip_of, folds, name_of, percent, trained

LEVELS, EFFORTS = (2, 16), ("normal", "high")
ALLOWED = {2: 2.5, 16: 0.5}  # points that high effort may lose, converters included, over all folds
NOISE = 1.0  # further points with --quick: two folds are 720 images, one of which is 0.14 points


def post_training(quick: bool) -> bool:
    """Print the losses of the integer network and of the chip; whether all are within what is allowed."""
    columns = f"{'levels':>7}{'effort':>8}{'float %':>9}{'network':>9}{'chip':>7}{'s':>7}"
    print(f"{'post-training, points lost':<28}{columns}")
    good = True
    for sizes in NETS:
        full: list[float] = []
        lost: dict[tuple[int, str], list[tuple[float, float, float]]] = {}
        for fold in folds(quick):
            model = trained(sizes, fold)
            full.append(accuracy(model, fold))
            for levels in LEVELS:
                for effort in EFFORTS:
                    started = time.perf_counter()
                    program = codesign.compile(model, fold.x, chip_of(levels), effort=effort)
                    spent = time.perf_counter() - started
                    q = program.quantize(fold.x_test)
                    losses = [full[-1] - percent(program.run(q, adc=adc), fold.y_test) for adc in (False, True)]
                    lost.setdefault((levels, effort), []).append((losses[0], losses[1], spent))
        for (levels, effort), rows in lost.items():
            network, chip, seconds = np.mean(rows, axis=0)
            good &= effort == "normal" or max(network, chip) <= ALLOWED[levels] + quick * NOISE
            head = f"{name_of(sizes):<28}{levels:>7}{effort:>8}{np.mean(full):>9.2f}"
            print(f"{head}{network:>9.2f}{chip:>7.2f}{seconds:>7.2f}", flush=True)
    return good
