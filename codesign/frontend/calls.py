"""One operation of the user's forward with its arguments, and what became of it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from codesign.errors import InputError
from codesign.frontend.advice import INSIDE
from codesign.frontend.fold import Fold, RefusedError, Value, canonical
from codesign.frontend.graph import Real
from codesign.ir.geometry import Pair, Shape


@dataclass(frozen=True, eq=False)
class Scores:
    """Outputs behind a softmax or the like, which only the end of a model may have."""

    value: Value
    tail: tuple[tuple[str, dict[str, Any]], ...]
    order: bool = False  # an argmax is left of them
    call: "Call | None" = None  # that made them


@dataclass(eq=False)
class Call:
    """args and kwargs hold Values, Scores, constants as tensors of doubles, and numbers.

    The handler of an operation says what became of it: verdict and what, or the names that take it.
    """

    fold: Fold
    operation: str  # as a user calls it: conv2d
    where: str  # for messages: module features.0
    path: str  # of the module or, for a function, of the function in its module
    weights: str  # the path of the module that owns the weights
    line: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shape: Shape  # of the result, for one image
    row: str = ""  # where, for the table
    verdict: str = ""
    what: str = ""
    takers: list[str] = field(default_factory=list)

    def arg(self, position: int, name: str, default: Any = None) -> Any:
        """An argument by position or name."""
        return self.args[position] if position < len(self.args) else self.kwargs.get(name, default)

    @property
    def value(self) -> Value:
        """The first argument."""
        value = self.args[0]
        if not isinstance(value, Value):
            raise RefusedError("its input is a constant", "apply it to the values of the network")
        return value

    def name(self, path: str | None = None) -> str:
        """A name for a new operation."""
        return self.fold.name(self.path if path is None else path)

    def mapped(self, name: str) -> None:
        """It became an operation of the graph."""
        self.verdict, self.what = "mapped to", name

    def folded(self, *names: str) -> None:
        """Operations of the graph contain it."""
        self.verdict = "folded into"
        self.takers += [n for n in names if n not in self.takers]

    def dropped(self, why: str) -> None:
        """Nothing is left of it."""
        self.verdict, self.what = "dropped", why

    def array(self, value: Any, what: str) -> Real:
        """A constant of the model as finite float64. Raises InputError for NaN and infinity."""
        if not isinstance(value, Tensor):
            if isinstance(value, Value | Scores):
                raise RefusedError(f"its {what} depends on the inputs", "use fixed weights")
            value = torch.tensor(float(value), dtype=torch.float64)
        array: Real = np.ascontiguousarray(value.detach().double().numpy())
        if not np.isfinite(array).all():
            count = int((~np.isfinite(array)).sum())
            raise InputError(
                f"{self.where}: {count} of {array.size} {what} are NaN or infinite; train again or load good weights"
            )
        return array

    def each(self, value: Value, constant: Any) -> Real:
        """A constant that meets a value, as (channels, pixels) or (channels, 1)."""
        array = self.array(constant, "constants")
        dims = len(value.shape) + 1
        if array.ndim > dims or (array.ndim == dims and array.shape[0] != 1):
            raise RefusedError(
                f"its constant of shape {array.shape} differs from image to image or adds an axis",
                "use constants that broadcast over the images",
            )
        if array.ndim == dims:
            array = array[0]
        if np.broadcast_shapes(array.shape, value.shape) != value.shape:
            raise RefusedError(
                f"its constant of shape {array.shape} enlarges values of shape {value.shape}", "give one per channel"
            )
        channels = canonical(value.shape)[0]
        full = np.broadcast_to(array, value.shape).reshape(channels, -1)
        return full[:, :1] if (full == full[:, :1]).all() else full


class InsideError(RefusedError):
    """An operation reads what may only stand at the end of a model: the call that made it is refused."""

    def __init__(self, call: Call) -> None:
        super().__init__(*INSIDE)
        self.call = call


def pair_of(value: Any, dims: int, height: int = 1) -> Pair:
    """A setting of each axis as (height, width); signals, of one dimension, get `height`."""
    values = [value] if isinstance(value, int) else list(value)
    values = values * dims if len(values) == 1 else values
    return (height, values[0]) if dims == 1 else (values[0], values[1])
