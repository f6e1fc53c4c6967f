"""Small trainings, and how to end one early."""

from collections.abc import Callable

from safetensors.torch import save

from codesign.chip.description import Chip
from codesign.data import digits
from codesign.train.recipe import Net, Recipe, Training
from codesign.train.trained import Epoch, Trained

CHIP = Chip.load("reference-128")
DATA = digits()
HIDDEN = Net(hidden=(12,))
SMALL = Recipe(network=HIDDEN, train=Training(epochs=4, batch=100, lr=1e-2, seed=3))
PAPER = Recipe(network=HIDDEN, train=Training(epochs=4, method="iscas2018", reject=True, lr=1e-2, seed=3))


class Stop(Exception):
    """Raised by a callback to end training early, as a kill would."""


def weights(trained: Trained) -> bytes:
    models = [trained.model, *([trained.baseline] if trained.baseline is not None else [])]
    return b"".join(save(dict(m.state_dict())) for m in models)


def stop_after(phase: str, epoch: int) -> Callable[[Epoch], None]:
    def progress(e: Epoch) -> None:
        if (e.phase, e.epoch) == (phase, epoch):
            raise Stop

    return progress
