"""From a model to a program: export, passes, range trim, placement."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign import passes
from codesign.account import Account
from codesign.arrays import as_array
from codesign.chip.description import Chip
from codesign.errors import InputError, UnsupportedError, plain
from codesign.ir import Network
from codesign.ir.labels import Judge, check_labels
from codesign.ir.real import to_integers
from codesign.ir.run import check_inputs
from codesign.losses import account_of, of_integers, say
from codesign.mapping import outline, place, plan
from codesign.mapping.arrange import check_objective
from codesign.mapping.lower import lower
from codesign.mapping.trim import choose_trims
from codesign.program import Program

if TYPE_CHECKING:
    from torch import nn

EFFORTS = ("normal", "high")
INPUT_SCALES = ("set", "feature")


def compile(
    model: "Network | nn.Module | str | Path",
    calibration: ArrayLike | None,
    chip: Chip | str | Path,
    name: str = "network",
    *,
    labels: ArrayLike | None = None,
    effort: str = "normal",
    input_scale: str = "set",
    objective: str = "cycles",
) -> Program:
    """A program that runs `model` on `chip`, which may be a preset's name or a chip file.

    model: an integer network; a module of quantized layers, whose integers are taken as they are; an ordinary
    nn.Module, which is calibrated and quantized; or an .onnx file, float or quantized (QONNX). calibration: sample
    inputs (images, features), integers or real, arrays or tensors; required for what has no integers of its own,
    otherwise used to choose the converters' range trims (absent: chosen so that nothing can clip), and to measure what
    converters cost. labels: the class of every calibration input, so that accuracies are measured too. effort: "normal"
    rounds the weights of a float model, "high" chooses them together for the outputs that they give, which takes
    seconds and matters on cells of few levels. input_scale: one for all inputs of a float model ("set"), or one for
    every "feature", for tables whose columns come in different units. objective: "cycles" gives every tile of a layer
    arrays of its own where the chip has enough, and packs several into an array where it has not; "arrays" always
    packs. What became of the model, and what that cost, is `program.account`; `program.summary()` shows it.

    Raises InputError on invalid weights, samples or labels, UnsupportedError on a layer the compiler does not know,
    CapacityError when the network does not fit the chip, ConfigError when there is no such chip. Warns
    (CodesignWarning) of layers that are dead on the calibration inputs, and when the result agrees with an ordinary
    module on less than 98 % of them.

    Usage:

    >>> import codesign, numpy as np, torch
    >>> from torch import nn
    >>> _ = torch.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, 5))  # yours, trained
    >>> typical = np.random.default_rng(0).random((50, 20))
    >>> codesign.compile(model, typical, "tiny")
    Program(network on tiny: 3 of 6 arrays, interval 41)
    """
    check_objective(objective)
    target = Chip.of(chip)
    given = None if calibration is None else as_array(calibration, "calibration")
    made, account, judge = _network("compile", model, given, target, name, labels, effort, input_scale)
    network = passes.rewrite(made)
    account = replace(account, removed=passes.removed(made, network))
    try:
        lower(network)  # what no chip takes is refused before anything else is judged
    except UnsupportedError as e:
        if isinstance(model, Network):
            raise
        raise UnsupportedError(
            f"{e}; keep its integers: codesign.quantize(model, calibration, chip).save({name + '.safetensors'!r})"
        ) from None
    samples = None if given is None else _integers(given, network)
    planned = plan(outline(network), target, objective)
    mapping = place(network, target, choose_trims(network, planned, samples), spots=planned.spots)
    if judge is not None:
        account = account_of(account, judge, mapping)
        say(account.quality, effort)
    elif samples is not None:
        classes = None if labels is None else check_labels(labels, len(samples), network.outputs)
        account = account_of(account, of_integers(network, samples.astype(np.int64), classes), mapping)
    return Program(mapping, account)


def quantize(
    model: "Network | nn.Module | str | Path",
    calibration: ArrayLike | None,
    chip: Chip | str | Path,
    name: str = "network",
    *,
    labels: ArrayLike | None = None,
    effort: str = "normal",
    input_scale: str = "set",
) -> Network:
    """The integer network of `model`, before passes and placement: also of one that no chip has room for.

    Arguments, errors and warnings are those of `compile`, CapacityError aside.

    Usage:

    >>> import codesign, numpy as np
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(20, 300), nn.ReLU(), nn.Linear(300, 5))
    >>> typical = np.random.default_rng(0).random((50, 20))
    >>> codesign.quantize(model, typical, "tiny")  # more than six small arrays hold
    Network(network: 20 x u8, 2 nodes, 7,500 weights)
    """
    given = None if calibration is None else as_array(calibration, "calibration")
    network, account, _ = _network("quantize", model, given, Chip.of(chip), name, labels, effort, input_scale)
    say(account.quality, effort)
    return network


def _network(
    verb: str,
    model: Any,
    calibration: NDArray[np.generic] | None,
    chip: Chip,
    name: str,
    labels: ArrayLike | None,
    effort: str,
    input_scale: str,
) -> tuple[Network, Account, Judge | None]:
    if effort not in EFFORTS:
        raise InputError(f'{verb}: effort must be "normal" or "high", got {effort!r}')
    if input_scale not in INPUT_SCALES:
        raise InputError(f'{verb}: input_scale must be "set" or "feature", got {input_scale!r}')
    if labels is not None and calibration is None:
        raise InputError(f"{verb}: labels belong to calibration inputs, and there are none; give both")
    if isinstance(model, Network):
        return model, Account(), None
    if isinstance(model, str | Path):
        if not str(model).lower().endswith(".onnx"):
            raise UnsupportedError(f"{verb}: {plain(str(model))} is no .onnx file; give one, or an nn.Module")
        from codesign.frontend.onnx.network import to_network as read

        return read(model, calibration, chip, name, effort, labels, input_scale)
    torch = sys.modules.get("torch")  # loaded if anyone made an nn.Module; nobody else should wait for it
    if torch is None or not isinstance(model, torch.nn.Module):
        raise UnsupportedError(
            f"{verb}: cannot take a {type(model).__name__}; give an nn.Module, a Network or an .onnx file"
        )
    from codesign.frontend.models import to_network
    from codesign.frontend.prepared import Prepared, check_bare
    from codesign.train import QuantNet

    check_bare(model)
    if calibration is None and not isinstance(model, Prepared | QuantNet):
        raise InputError(f"{verb}: an ordinary nn.Module needs calibration; pass a few hundred typical inputs")
    return to_network(model, calibration, chip, name, effort, labels, input_scale)


def _integers(calibration: NDArray[np.generic], network: Network) -> NDArray[np.generic]:
    """Calibration inputs as the network's integers: real samples are divided by its input scale."""
    samples: NDArray[Any] = calibration
    if samples.ndim == 0 or samples.size == 0:
        raise InputError(
            f"calibration: must be samples of shape (images, {network.features}), got {samples.shape}; "
            "pass at least one, or None"
        )
    if np.issubdtype(samples.dtype, np.floating):
        if not np.isfinite(samples).all():
            raise InputError("calibration: samples must be finite, got NaN or infinity; clean the data")
        samples = to_integers(network, samples, "calibration")
    try:
        return check_inputs(samples.reshape(len(samples), -1), network)
    except InputError as e:
        raise InputError(f"calibration: {e}") from None
