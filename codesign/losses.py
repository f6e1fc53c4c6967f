"""What converters cost, beside what quantization cost: measured after placement, and said when it is much."""

from dataclasses import replace

from codesign.account import Account, LayerQuality, Quality
from codesign.arrays import evenly
from codesign.errors import warn
from codesign.fixed import Ints
from codesign.ir import Network, run
from codesign.ir.labels import Judge
from codesign.mapping import Mapping
from codesign.mapping.clipping import clipped

ENOUGH = 98.0  # percent agreement below which compile warns
IMAGES = 512  # that judge a network which came in integers


def of_integers(network: Network, x: Ints, labels: Ints | None) -> Judge:
    """Judge a chip by the network itself. x: the network's integer inputs; labels: one for each."""
    chosen = evenly(len(x), IMAGES)
    best = run(network, x[chosen]).argmax(axis=1)
    return Judge(x[chosen], best, None if labels is None else labels[chosen])


def account_of(account: Account, judge: Judge, mapping: Mapping) -> Account:
    """`account` with what the chip's reference, converters included, makes of the judge's inputs."""
    shares, outputs = clipped(mapping, judge.x)
    quality = account.quality or Quality(
        len(judge.x), 100.0, accuracy_network=judge.own_accuracy, layers=tuple(_unmeasured(n) for n in shares)
    )
    layers = tuple(replace(q, converters=shares.get(q.name)) for q in quality.layers)
    measured = replace(
        quality, agreement_chip=judge.agreement(outputs), accuracy_chip=judge.accuracy(outputs), layers=layers
    )
    return replace(account, quality=measured)


def say(quality: Quality | None, effort: str) -> None:
    """Warn when the integers agree with an ordinary model on too few of the calibration inputs."""
    if quality is None:
        return
    network, chip = quality.agreement_network, quality.agreement_chip
    if min(network, network if chip is None else chip) >= ENOUGH:
        return
    found = f"model: agreement with it is {network:.1f} % on {quality.images} calibration inputs"
    if chip is not None and chip < network:
        found += f", {chip:.1f} % through the chip's converters"
    if quality.accuracy_float is not None:
        after = quality.accuracy_network if quality.accuracy_chip is None else quality.accuracy_chip
        found += f", accuracy {after:.1f} instead of {quality.accuracy_float:.1f} %"
    if network >= ENOUGH:
        advice = (
            "choose a chip with more adc.bits or fewer arrays.rows, or train through its converters: "
            "codesign.train.prepare with converters=True"
        )
    else:
        advice = "train it for this chip with codesign.train.prepare"
        advice = advice if effort == "high" else f'try effort="high", or {advice}'
    warn(f"{found}; {advice}")


def _unmeasured(name: str) -> LayerQuality:
    """A layer whose integers are the model's own: no error."""
    return LayerQuality(name, float("inf"), 0.0)
