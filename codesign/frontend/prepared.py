"""A user's module made trainable for a chip: real inputs and scores outside, the chip's integers inside."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from codesign.brief import times
from codesign.chip.description import Chip
from codesign.errors import InputError
from codesign.fixed import IntType
from codesign.ir import Network
from codesign.ir.geometry import Shape
from codesign.train.export import export
from codesign.train.layers.edges import QuantReLU
from codesign.train.nets.quantized import BATCH, QuantNet


class Prepared(nn.Module):
    """What `codesign.train.prepare` makes of a module. It takes the inputs of that module, and returns what it returns.

    Training mode: scores at the precision of float32, through which gradients flow to every parameter. Eval mode: the
    integers that the chip computes, bit for bit, times `output_step`; as float64 for float64 inputs, else as float32.
    In both modes, what the module does behind its last layer (log_softmax, a dict around the scores) is done again.

    Inputs are turned into integers as `codesign.ir.real` says: q stands for `offset + step * scales * q`. The state
    dict holds these numbers and the types of all integers, so that it also fits a module that was prepared with other
    calibration inputs.
    """

    def __init__(
        self,
        net: QuantNet,
        offset: tuple[float, ...] = (),
        scales: tuple[float, ...] = (),
        tail: tuple[tuple[str, dict[str, Any]], ...] = (),
        wrap: tuple[str | int, ...] = (),
        form: Shape = (),
    ) -> None:
        """form: the shape of one image's scores; () leaves it to the last layer."""
        super().__init__()
        self.net, self.offset, self.scales = net, offset, scales
        self.tail, self.wrap, self.form = tail, wrap, form

    @property
    def step(self) -> float:
        """Real value of one integer of the inputs, times `scales`."""
        return self.net.scale

    @property
    def features(self) -> int:
        """Values of one input."""
        return self.net.features

    @property
    def activations(self) -> list[QuantReLU]:
        """Its activations, in execution order."""
        return [m for m in self.net.modules() if isinstance(m, QuantReLU)]

    def forward(self, x: Tensor) -> Any:
        """What the module that was prepared returns for inputs `x`, images first."""
        y: Any = self.scores(x)
        for name, options in self.tail:
            if name != "argmax":
                y = getattr(functional, name)(y, **options)
            elif not self.training:  # in training, a class number has no gradient
                y = torch.argmax(y, **options)
        for key in reversed(self.wrap):
            y = {key: y} if isinstance(key, str) else (*[None] * key, y)
        return y

    def scores(self, x: Tensor) -> Tensor:
        """The last layer's real scores, before anything behind it."""
        if torch.is_autocast_enabled(x.device.type):
            with torch.autocast(x.device.type, enabled=False):  # integers need all bits of float32
                return self._scores(x)
        return self._scores(x)

    def _scores(self, x: Tensor) -> Tensor:
        q = self.quantize(x)
        if self.training:
            y = self.net.logits(q)
        else:
            values = self._checked(q) if len(x) else np.zeros((1, self.features))  # of no images, no outputs
            made = [self.net.run(values[k : k + BATCH]) for k in range(0, len(values), BATCH)]
            y = torch.from_numpy(np.concatenate([m.value for m in made])[: len(x)]).double() * made[0].scale
            y = y.to(x.device, torch.float64 if x.dtype == torch.float64 else torch.float32)
        return y.reshape(len(x), *self.form) if self.form else y

    @torch.no_grad()
    def quantize(self, x: Tensor) -> Tensor:
        """Real inputs as the integers (images, features) that the chip gets, in float32."""
        features = self.net.features
        if x.dim() < 2 or x.shape[1:].numel() != features:
            raise InputError(
                f"inputs: must be (images, ...) with {features} values an image ({times(self.net.shape)}), "
                f"got {tuple(x.shape)}; bring every image to this size"
            )
        real = x.detach().reshape(len(x), features).double()
        if self.offset:
            real = real - self._per_feature(self.offset, x.device)
        unit = self.step if not self.scales else self._per_feature(self.scales, x.device) * self.step
        lo, hi = self.net.input.lo, self.net.input.hi
        return real.div(unit).add_(0.5).floor_().clamp_(lo, hi).float()

    def _checked(self, q: Tensor) -> Any:
        """Integers as an array, for the integer contract. Raises InputError on NaN."""
        values = q.cpu().numpy()
        if np.isnan(values).any():
            image, feature = np.argwhere(np.isnan(values))[0]
            raise InputError(f"inputs: image {image} value {feature} is nan; remove NaN")
        return values

    def _per_feature(self, values: tuple[float, ...], device: torch.device) -> Tensor:
        each = torch.tensor(values, dtype=torch.float64, device=device)
        return each.repeat_interleave(self.net.features // len(values))

    # -- the state dict: what calibration decided, beside parameters and buffers --

    def get_extra_state(self) -> Tensor:
        """Float64: step; how many scales, and how many offsets; those; (bits, signed, lo, hi, learned) of every type.

        The first type is that of the inputs.
        """
        kinds = [(self.net.input, False), *((a.kind, a.clip.requires_grad) for a in self.activations)]
        types = [float(v) for k, learned in kinds for v in (k.bits, k.signed, k.lo, k.hi, learned)]
        head = [self.step, float(len(self.scales)), float(len(self.offset))]
        return torch.tensor([*head, *self.scales, *self.offset, *types], dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        """Inverse of `get_extra_state`. Raises InputError when the state belongs to another network."""
        values = [float(v) for v in state.double().cpu()]
        scales, offsets = (round(v) for v in values[1:3])
        types, activations = values[3 + scales + offsets :], self.activations
        if len(types) != 5 * (1 + len(activations)):
            raise InputError(
                f"state dict: has {len(types) // 5 - 1} activations, the model {len(activations)}; "
                "prepare the module that it was saved from"
            )
        kinds = [_kind(types[k : k + 4]) for k in range(0, len(types), 5)]
        self.net.scale, self.net.input = values[0], kinds[0]
        self.scales, self.offset = tuple(values[3 : 3 + scales]), tuple(values[3 + scales : 3 + scales + offsets])
        for k, activation in enumerate(activations, start=1):
            activation.kind = kinds[k]
            activation.clip.requires_grad_(bool(round(types[5 * k + 4])))


def check_bare(model: nn.Module) -> None:
    """Raises InputError when `model` wraps a trained one: an average of weights, torch.compile, DataParallel."""
    if isinstance(model, Prepared | QuantNet):
        return
    inside = next((path for path, part in model.named_modules() if isinstance(part, Prepared | QuantNet)), None)
    if inside is not None:
        raise InputError(
            f"model: {type(model).__name__} holds a module that was prepared already, as {inside}; give that one"
        )


def integers_of(model: Prepared | QuantNet, chip: Chip, name: str) -> Network:
    """The integers of a trained model as they are; for a prepared one with the numbers that turn reals into them.

    Raises InputError when `chip` cannot hold them, or when weights are NaN, infinite or real.
    """
    net = model.net if isinstance(model, Prepared) else model
    _check_fits(net, chip)
    network = export(net, name)
    if not isinstance(model, Prepared):
        return network
    worth = net.run(np.zeros((1, net.features), np.int64)).scale
    return replace(network, step=model.step, scales=model.scales, offset=model.offset, output_step=worth)


def _check_fits(net: QuantNet, chip: Chip) -> None:
    if net.pair != chip.device.weights:
        raise InputError(
            f"model: trained for weights {_some(net.pair)}, "
            f"chip {chip.name} holds {_some(chip.device.weights)}; train for this chip"
        )
    widest = max(k.bits for k in (net.input, *(m.kind for m in net.modules() if isinstance(m, QuantReLU))))
    if widest > chip.activation.bits:
        raise InputError(
            f"model: has {widest}-bit activations, chip {chip.name} takes {chip.activation.bits}; train with fewer bits"
        )
    for layer in net.chain:
        read = layer.converters
        if read is not None and (read.rows, read.code.bits) != (chip.arrays.rows, chip.adc.bits):
            raise InputError(
                f"model: layer {layer.name} was trained through {read.code.bits}-bit converters of {read.rows} rows, "
                f"chip {chip.name} has {chip.adc.bits} bits and {chip.arrays.rows} rows; train for this chip"
            )


def _some(values: tuple[int, ...]) -> str:
    return f"{list(values)}" if len(values) <= 9 else f"{values[0]}..{values[-1]} ({len(values)} values)"


def _kind(values: list[float]) -> IntType:
    bits, signed, lo, hi = (round(v) for v in values)
    return IntType(bits, bool(signed), (lo, hi))
