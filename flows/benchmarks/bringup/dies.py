"""A hidden die against the one that `codesign characterize` and `codesign die recover` find of it."""

import numpy as np

from codesign.mapping import Die, Mapping, place, run
from codesign.mapping.cells import to_weights
from codesign.vectors import characterize, recover
from flows.benchmarks.bringup.programs import REFERENCE, network, sparse
from flows.benchmarks.bringup.table import head, row

GOAL = 99.0  # percent of pairs within 1/16 of the on code


def hidden(mapping: Mapping, fraction: int, seed: int) -> Die:
    """A die of the program's arrays: variation 10 %, 1 % of the cells stuck, on or off."""
    rng, found = np.random.default_rng(seed), {}
    one = REFERENCE.device.codes[-1] << fraction
    top = (1 << REFERENCE.device.code_bits + fraction) - 1
    for array, codes in Die.ideal(mapping).codes.items():
        g = np.clip(np.rint((codes + rng.normal(0, 0.1, codes.shape)) * one), 0, top).astype(np.int32)
        stuck = rng.random(codes.shape) < 0.01
        g[stuck] = rng.integers(0, 2, int(stuck.sum())) * one
        found[array] = g
    return Die(found, fraction)


def recovered(mapping: Mapping, die: Die) -> recover.Recovered:
    """What the words of the chip with this die tell."""
    made = characterize.programs(REFERENCE, mapping)
    x = np.stack(list(characterize.stimuli(REFERENCE.arrays.rows).values()))
    return recover.recover(made, {a: p.run(x, die) for a, p in made.items()})


def within(one: Die, other: Die, mapping: Mapping) -> float:
    """Percent of pairs whose differences on two dies are within 1/16 of the on code of each other."""
    arrays = [u.array for u in mapping.arrays]
    first, second = (np.stack([to_weights(d.codes[a]) / 2.0**d.fraction for a in arrays]) for d in (one, other))
    return 100 * float((np.abs(first - second) <= REFERENCE.device.codes[-1] / 16).mean())


def found_again(quick: bool) -> bool:
    """A perceptron 784-128-10 on reference-128, whose converters have 6 bits.

    They round what the second die holds; no decision lies within an error on the first.
    """
    x = sparse(20 if quick else 1000)
    mapping = place(network([784, 128, 10], REFERENCE, 0), REFERENCE)
    ideal, good = Die.ideal(mapping), True
    for fraction in (4, 8):
        die = hidden(mapping, fraction, seed=fraction)
        found, words = recovered(mapping, die), run(mapping, x, die)
        shares = [within(d, die, mapping) for d in (found.die, ideal)]
        given = [run(mapping, x, d) for d in (found.die, ideal)]
        equal = [int((w == words).all(axis=1).sum()) for w in given]
        same = [int((w.argmax(axis=1) == words.argmax(axis=1)).sum()) for w in given]
        head(f"a hidden die, f = {fraction}: 784-128-10 on reference-128, cells +- 10 %, 1 % stuck")
        row("pairs within 1/16 of the on code, percent: found; ideal", f"{shares[0]:.2f}; {shares[1]:.2f}")
        row(f"images of {len(x):,} with equal outputs: found; ideal", f"{equal[0]:,}; {equal[1]:,}")
        row("images with the same largest output: found; ideal", f"{same[0]:,}; {same[1]:,}")
        row("pairs at an end of the range", found.at_end)
        row("words of several wordlines that are not explained", f"{len(found.unexplained)} of {found.checked:,}")
        good &= shares[0] >= GOAL > shares[1] and not found.unexplained
        if fraction == found.die.fraction:
            good &= equal[0] == len(x)
    return good
